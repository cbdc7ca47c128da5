"""A card as a page in Markdown, its figures as tables; written from `card.yaml`, never by hand."""

from collections.abc import Mapping
from typing import Any

from imip.card import Card

Figures = Mapping[str, Any]

PARTS = {
    "test": "Clean test part",
    "original": "Original Testing folder",
    "original_new": "Original Testing, new groups only",
}
LEAK = """\
The columns on the original split judge another network, trained on the data set's own Training folder
(`imip train brain-tumor --original-split --epochs 10`): on all of its Testing folder, and on those of its scans that
share no group with Training. What parts the two columns is the leak; a dash means that no healthy scan is new.
"""


def render(card: Card, plots: str) -> str:
    """Return the page; `plots` is the folder of the plots, relative to it."""
    decision, calibration, foreign = card.decision, card.calibration, card.out_of_distribution
    return f"""\
# Model card: {card.title}

Module `{card.module}`, version `{card.version}`, {card.licence}. **Research and teaching only, never for diagnosis.**

## Details

{card.details}

Decision: Tumor from a calibrated probability of {decision.threshold:.4g}; uncertain from {decision.uncertain_from:.4g}
to {decision.uncertain_to:.4g}. {decision.rule}

Calibration: {calibration.method}, slope {calibration.slope:.4g}, intercept {calibration.intercept:.4g}.

Out of distribution: {foreign.distance}; beyond {foreign.threshold:.4g}. {foreign.rule}.

## Intended use

{card.intended_use}

## Not for

{card.non_recommended_use}

## Factors

{card.factors}

## Metrics

{_metrics(card.metrics)}
![ROC curve]({plots}/roc.png) ![Reliability]({plots}/reliability.png) ![Confusion matrix]({plots}/confusion.png)

## Training and evaluation data

{card.data}

## Ethical considerations

{card.ethics}

## Caveats and recommendations

{card.caveats}
"""


def _metrics(metrics: Figures) -> str:
    if not metrics:
        return "Not evaluated yet.\n"
    blocks = [_comparison({title: metrics[name] for name, title in PARTS.items() if name in metrics})]
    if "original" in metrics:
        blocks.append(LEAK)
    blocks.append(_classes(metrics["test"]))
    if shares := metrics.get("out_of_distribution"):
        rows = "\n".join(f"| {name} | {share:.1%} |" for name, share in shares.items())
        blocks.append(f"How often the out-of-distribution warning fires:\n\n| Input | Share |\n|---|---:|\n{rows}\n")
    blocks.append(f"Printed and written here by `{metrics['command']}`.\n")
    return "\n".join(blocks)


def _comparison(parts: Mapping[str, Figures]) -> str:
    head = " | ".join(f"{title} (n = {part['n']}, {part['groups']} groups)" for title, part in parts.items())
    rows = [
        " | ".join([f"| {name.replace('_', ' ')}", *(_interval(part["metrics"].get(name)) for part in parts.values())])
        + " |"
        for name in next(iter(parts.values()))["metrics"]
    ]
    return "\n".join([f"| Measure | {head} |", "|---|" + "---:|" * len(parts), *rows, ""])


def _classes(part: Figures) -> str:
    confusion = part["confusion"]
    rows = [
        f"| {name} | {figures['n']} | {figures['groups']} | {measure} {_interval(figures[measure])} |"
        for name, figures in part["per_class"].items()
        for measure in ("sensitivity", "specificity")
        if measure in figures
    ]
    return "\n".join(
        [
            f"Confusion on the clean test part: {confusion['tp']} tumors found, {confusion['fn']} missed; "
            f"{confusion['tn']} healthy slices ruled out, {confusion['fp']} called tumors.",
            "",
            "| Class | Slices | Groups | Decided rightly (95% interval over groups) |",
            "|---|---:|---:|---:|",
            *rows,
            "",
        ]
    )


def _interval(estimate: Figures | None) -> str:
    if estimate is None:
        return "-"
    if estimate["low"] is None:
        return f"{estimate['value']:.4f}"
    return f"{estimate['value']:.4f} ({estimate['low']:.4f} to {estimate['high']:.4f})"
