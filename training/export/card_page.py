"""A card as a page in Markdown, its figures as tables; written from `card.yaml`, never by hand.

It knows no module. What `card.metrics` may hold, all of it optional:

    command              what printed and wrote the figures
    test                 `Report.as_dict()` of the test part
    left_out             {source: {measure, value, low, high, rows}} of networks trained without it, rows as in
                         `training.evaluation.by_source`
    out_of_distribution  {input: share of scans that got the warning, 0..1}
    tables               {name: {title, columns: [text, ...], rows: [[cell, ...], ...]}}, a module's own further tables;
                         a cell is text, a number, {value, low, high}, or null for what is not known
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from imip.inference.card import Card
from training.evaluation.by_source import HEAD

Figures = Mapping[str, Any]

PLOTS = {"roc": "ROC curve", "reliability": "Reliability", "confusion": "Confusion matrix"}
LEFT_OUT = """\
What to expect in a hospital that the model never saw: each source was left out of training, and the network trained on
the others judged on all of it (`imip train {0} --leave-out SOURCE`, `imip evaluate {0} --leave-out SOURCE`). In
brackets: 95% intervals over patients, or over near-duplicates where patients are not named."""
HEALTHY = "The false negative rate is the share of scans with any other label that were answered {}.\n"


def render(card: Card, pictures: Iterable[str] = ()) -> str:
    """Return the page; `pictures` are paths of plots, relative to it."""
    decision, calibration, unlike = card.decision, card.calibration, card.out_of_distribution
    return f"""\
# Model card: {card.title}

Module `{card.module}`, version `{card.version}`, {card.licence}. **Research and teaching only, never for diagnosis.**

{card.question} Answers: {_listed(card.labels)}{_abstention(card)}. Summed up by {_headline(card)}.

## Details

{card.details}

Input: {_listed(card.input.modalities)}, one picture of {card.input.side}x{card.input.side} pixels.

Heatmap: {card.heatmap}.

Decision: {decision.rule} On calibrated probability: {_numbers(decision.thresholds)}.

Calibration: {calibration.method}: {_numbers(calibration.parameters)}.

Out of distribution: {unlike.distance}; beyond {unlike.threshold:.4g}. {unlike.rule}.{_foreign(unlike.foreign)}

## Intended use

{card.intended_use}

## Not for

{card.non_recommended_use}

## Factors

{card.factors}

## Metrics

{_metrics(card.metrics, card.module)}
{" ".join(map(_picture, pictures))}

## Training and evaluation data

{card.data}

## Ethical considerations

{card.ethics}

## Caveats and recommendations

{card.caveats}
"""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _foreign(limit: float | None) -> str:
    return "" if limit is None else f" Or the network's own probability that this is no such scan, beyond {limit:.4g}."


def _abstention(card: Card) -> str:
    return f", or {card.abstention} where it will not choose" if card.abstention else ""


def _headline(card: Card) -> str:
    if left_out := card.metrics.get("left_out"):
        worst_first = sorted(left_out.items(), key=lambda item: item[1]["value"])
        figures = (f"{name} {_words(one['measure'])} {_cell(one)}" for name, one in worst_first)
        return f"each source left out of training in turn, the worst first: {'; '.join(figures)}"
    name = _words(card.headline)
    figure = card.metrics.get("test", {}).get("metrics", {}).get(card.headline)
    return f"{name}: {_cell(figure)} on the test part" if figure else f"{name}, not measured yet"


def _numbers(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{_words(name)} {value:.4g}" for name, value in numbers.items()) or "no numbers"


def _metrics(metrics: Figures, module: str) -> str:
    if not metrics:
        return "Not evaluated yet.\n"
    blocks = [_left_out(metrics["left_out"], module)] if "left_out" in metrics else []
    if test := metrics.get("test"):
        blocks += _test(test)
    if shares := metrics.get("out_of_distribution"):
        rows = [[name, f"{share:.1%}"] for name, share in shares.items()]
        blocks.append(_titled("How often the out-of-distribution warning fires:", ["Input", "Share"], rows))
    blocks += [_titled(own["title"], own["columns"], own["rows"]) for own in metrics.get("tables", {}).values()]
    if command := metrics.get("command"):
        blocks.append(f"Printed and written here by `{command}`.\n")
    return "\n".join(blocks)


def _test(part: Figures) -> list[str]:
    blocks = [_measures(part)]
    if healthy := part.get("healthy_label"):
        blocks.append(HEALTHY.format(healthy))
    blocks.append(_confusion(part["confusion"], "Confusion on the test part, scans by what was answered:"))
    if forced := part.get("confusion_forced"):
        blocks.append(_confusion(forced, "The same, by the most probable label:"))
    return [*blocks, _classes(part["per_class"])]


def _left_out(sources: Figures, module: str) -> str:
    rows = [row for source in sources.values() for row in source["rows"]]
    return _titled(LEFT_OUT.format(module), HEAD, rows)


def _measures(part: Figures) -> str:
    head = f"Test part (n = {part['n']}, {part['groups']} groups)"
    rows = [[_words(name), figure] for name, figure in part["metrics"].items()]
    return _titled("In brackets: 95% intervals over groups.", ["Measure", head], rows)


def _confusion(confusion: Mapping[str, Mapping[str, int]], title: str) -> str:
    answers = list(next(iter(confusion.values())))
    rows = [[label, *(counts[answer] for answer in answers)] for label, counts in confusion.items()]
    return _titled(title, ["Actual", *answers], rows)


def _classes(per_class: Mapping[str, Figures]) -> str:
    measures = list(dict.fromkeys(name for one in per_class.values() for name in one if name not in ("n", "groups")))
    rows = [
        [name, one["n"], one["groups"], *(one.get(measure) for measure in measures)] for name, one in per_class.items()
    ]
    return _titled("By class:", ["Class", "Scans", "Groups", *map(_words, measures)], rows)


def _titled(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    return f"{title}\n\n{as_table(columns, rows)}\n"


def as_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table in Markdown; cells as in `tables` above."""
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in (columns, *rows)]
    lines.insert(1, "|---|" + "---:|" * (len(columns) - 1))
    return "\n".join(lines)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case {"value": measured, "low": None}:
            return f"{measured:.4f}"
        case {"value": measured, "low": low, "high": high}:
            return f"{measured:.4f} ({low:.4f} to {high:.4f})"
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)


def _picture(path: str) -> str:
    name = PurePosixPath(path).stem
    return f"![{PLOTS.get(name, _words(name))}]({path})"


def _words(name: str) -> str:
    return name.replace("_", " ")
