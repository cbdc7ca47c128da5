"""A comparison as a page in Markdown, docs/explanation/agreement.md: written by `imip compare`, never by hand.

It draws conclusions only where an interval excludes chance or no difference.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from training.comparison.agreement import AGREEING, AVERAGE, CONFIDENCE, GUESSING, MAJORITY, MEAN, Level
from training.comparison.compare import ACCURACY_GAIN, OF_CLASSES, Comparison, Own
from training.comparison.figure import draw
from training.evaluation.bootstrap import Estimate

DOCS = Path(__file__).parents[2] / "docs"
PAGE, FIGURE = "explanation/agreement.md", "images/agreement.png"
COMMON = ("roc_auc", "brier", "sensitivity", "specificity", "no_vote")
FEWEST_WRONG = 10  # groups with a wrong vote, below which a bootstrap over groups makes its interval too narrow
NO_DIFFERENCE = "no clear difference"


def write(comparison: Comparison) -> None:
    """Write the page and its figure."""
    draw(comparison, DOCS / FIGURE)
    (DOCS / PAGE).write_text(render(comparison), encoding="utf-8")


def render(comparison: Comparison) -> str:
    """Return the page."""
    return f"""\
# The modules compared

Written by `imip compare --data DIR --write`. **Research and teaching only, never for diagnosis.** Every brain module
is evaluated, as served, on the test part of the five brain sources, the same
{comparison.scans} scans in {comparison.groups} groups. In brackets: 95% intervals over groups. A dash means that
there is nothing to measure.

## Each by its own question

{_own(comparison.own)}

## All brain modules by one question

Does the slice show anything abnormal? A module's probability for that is one less the probability of its label for
healthy scans; its vote is the label it gave, and an abstention is no vote. Sensitivity and specificity are of the scans
that got a vote, so a module that abstains much has the easier ones.

{_common(comparison.common)}

{_classes(comparison.classes)}## Does agreement separate right from wrong answers?

Accuracy of each module's vote by how many of the other modules voted alike, and of the majority by how many modules are
of it. All learned from the same training scans, so what they agree on may be what that data set teaches: on scans of
other hospitals agreement may mean less than here.

{_levels(comparison.levels)}

How well three signals separate a module's right votes from its wrong ones, as ROC AUC (0.5 is guessing): its own
confidence, how many others voted alike, and the average probability of all modules for its vote. A gain is over the
first of them, on the same resamples; a weak module gains much from the stronger ones. Where fewer than {FEWEST_WRONG}
groups hold a wrong vote, the intervals are too narrow to conclude from.

{_signals(comparison)}

{_bullets(_about_agreement(comparison))}

![Accuracy by agreement, and how well each signal separates right from wrong](../{FIGURE})

## Is the average of all better than each alone?

The plain mean of all probabilities, every module weighing the same, so nothing was fitted. Above 0 in ROC AUC and below
0 in Brier score the average is the better one.

{_gains(comparison)}

{_bullets(_about_averaging(comparison))}
"""


def _own(modules: Sequence[Own]) -> str:
    return _table(
        ["Module", "Question", "Answers", "Summed up by", "Test scans", "Artifact"],
        [
            [
                f"`{one.card.module}`",
                one.card.question,
                ", ".join(one.card.possible_labels),
                f"{_words(one.card.headline)} {_shown(one.headline)}",
                f"{one.scans}" if one.compared else f"{one.scans}, by its card",
                f"{one.megabytes:.2f} MB",
            ]
            for one in modules
        ],
    )


def _common(measured: Mapping[str, Mapping[str, Estimate]]) -> str:
    rows = [[_named(name), *(_shown(its.get(measure)) for measure in COMMON)] for name, its in measured.items()]
    return _table(["Module", *map(_words, COMMON)], rows)


def _classes(comparisons: Iterable[Mapping[str, Mapping[str, Estimate]]]) -> str:
    blocks = []
    for measured in comparisons:
        columns = (*OF_CLASSES, ACCURACY_GAIN)
        rows = [[_named(name), *(_shown(its.get(measure)) for measure in columns)] for name, its in measured.items()]
        blocks.append(
            "## Modules with the same labels\n\nEach by its most probable label, whether it would abstain or not. The "
            f"gain is over `{next(iter(measured))}`, on the same scans.\n\n"
            f"{_table(['Module', *map(_words, columns)], rows)}\n\n"
        )
    return "".join(blocks)


def _levels(levels: Mapping[str, Sequence[Level]]) -> str:
    counts = sorted({level.agreeing for one in levels.values() for level in one})
    rows = []
    for name, one in levels.items():
        by_count = {
            level.agreeing: f"{_shown(level.accuracy)}, {level.scans} scans ({level.share:.0%})" for level in one
        }
        rows.append([_named(name), *(by_count.get(count, "-") for count in counts)])
    return _table(["Module", *(f"{count} agree" for count in counts)], rows)


def _signals(comparison: Comparison) -> str:
    signals, gains = (CONFIDENCE, AGREEING, MEAN), (AGREEING, MEAN)
    head = ["Module", "Votes", "Wrong", *signals, *(f"gain of {name}" for name in gains)]
    rows = [
        [
            _named(one.module),
            str(one.answered),
            f"{one.wrong} in {one.wrong_groups} groups",
            *(_shown(one.area.get(name)) for name in signals),
            *(_shown(one.gain.get(name)) for name in gains),
        ]
        for one in comparison.signals
    ]
    return _table(head, rows)


def _gains(comparison: Comparison) -> str:
    rows = [[_named(name), _shown(gain.area), _shown(gain.brier)] for name, gain in comparison.gains.items()]
    return _table(["Average minus", "ROC AUC", "Brier"], rows)


def _about_agreement(comparison: Comparison) -> list[str]:
    enough = [one for one in comparison.signals if one.wrong_groups >= FEWEST_WRONG]
    few = [f"`{one.module}`" for one in comparison.signals if one not in enough]
    said = {one.module: one.area.get(AGREEING) for one in enough}
    sentences = [
        _verdict("How many others voted alike, as a sign of a right vote, compared with guessing", said, than=GUESSING),
        *(
            _verdict(
                f"The {signal} as that sign, compared with the module's own confidence",
                {one.module: one.gain.get(signal) for one in enough},
            )
            for signal in (AGREEING, MEAN)
        ),
    ]
    too_few = f"Wrong votes in fewer than {FEWEST_WRONG} groups, too few to conclude from: {', '.join(few)}."
    return (sentences if enough else []) + ([too_few] if few else [])


def _about_averaging(comparison: Comparison) -> list[str]:
    area = {name: gain.area for name, gain in comparison.gains.items()}
    brier = {name: _negated(gain.brier) for name, gain in comparison.gains.items()}
    return [
        _verdict("The average by ROC AUC, compared with the module alone", area),
        _verdict("The average by Brier score, compared with the module alone", brier),
        *_against_the_best(comparison, area),
    ]


def _against_the_best(comparison: Comparison, gain: Mapping[str, Estimate | None]) -> list[str]:
    areas = {name: comparison.common[name]["roc_auc"].value for name, known in gain.items() if known is not None}
    if not areas:
        return []
    best = max(areas, key=areas.__getitem__)
    side = {"better": "better than it", "worse": "worse than it", NO_DIFFERENCE: "not clearly different from it"}
    return [
        f"The best module alone by ROC AUC is `{best}`, picked on these same scans, which favours it; the average is "
        f"{side[_side(gain[best])]}."
    ]


def _verdict(subject: str, found: Mapping[str, Estimate | None], *, than: float = 0.0) -> str:
    """Say for which modules an interval lies above `than` (better), below it (worse), or neither."""
    sides: dict[str, list[str]] = {"better": [], "worse": [], NO_DIFFERENCE: []}
    for name, estimate in found.items():
        sides[_side(estimate, than)].append(f"`{name}`")
    parts = (f"{side} for {', '.join(names)}" for side, names in sides.items() if names)
    return f"{subject}: {'; '.join(parts)}."


def _side(estimate: Estimate | None, than: float = 0.0) -> str:
    if estimate is None or not (estimate.low > than or estimate.high < than):
        return NO_DIFFERENCE
    return "better" if estimate.low > than else "worse"


def _negated(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.value, -estimate.high, -estimate.low)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    if np.isnan(estimate.low):
        return f"{estimate.value:.4f}"
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"


def _named(module: str) -> str:
    return module if module in (AVERAGE, MAJORITY) else f"`{module}`"


def _words(name: str) -> str:
    return name.replace("_", " ")
