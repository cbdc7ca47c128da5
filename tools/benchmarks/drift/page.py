"""What the drift benchmark found, as the tables and plots of docs/explanation/drift.md."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.stats import binomtest

DOCS = Path(__file__).parents[3] / "docs"
PAGE, IMAGES = DOCS / "explanation" / "drift.md", DOCS / "images"
TITLES = {"mmd": "MMD", "ks": "KS", "chi2": "Chi-squared", "any": "Any of them"}
COLOURS = {"mmd": "#1f4e79", "ks": "#c0392b", "chi2": "#7f8c8d"}
PALE = "#b8c4d0"


class Rate(NamedTuple):
    """How many of how many windows alarmed, by detector and by any of them."""

    alarms: dict[str, int]
    windows: int
    reference: int  # predictions, median
    window: int

    def cell(self, name: str) -> str:
        low, high = self.interval(name)
        return f"{self.alarms[name] / self.windows:.1%} ({low:.1%} to {high:.1%})"

    def interval(self, name: str) -> tuple[float, float]:
        """Return the 95% interval of Clopper and Pearson."""
        found = binomtest(self.alarms[name], self.windows).proportion_ci(0.95)
        return float(found.low), float(found.high)


class Response(NamedTuple):
    """What the detectors make of one drift at one severity."""

    kind: str
    severity: int
    power: dict[str, float]  # share of wholly drifted windows that alarm, by detector and by any
    delay: float  # drifted scans until the first alarm, median; inf if most streams never alarm
    window: int  # independent predictions in a wholly drifted window, median


def alarm_table(rates: Mapping[str, Rate]) -> str:
    rows = [
        f"| {title} | {rate.reference} | {rate.window} | {' | '.join(rate.cell(name) for name in TITLES)} |"
        for title, rate in rates.items()
    ]
    windows = next(iter(rates.values())).windows
    head = f"| {windows} undrifted windows | Reference | Window | {' | '.join(TITLES.values())} |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|---:|", *rows])


def power_table(responses: Sequence[Response], most: int) -> str:
    """`most`: scans after which a stream that gave no alarm was given up."""
    rows = [
        f"| {r.kind} | {r.severity} | {' | '.join(f'{r.power[name]:.0%}' for name in TITLES)} "
        f"| {delay(r, most)} | {r.window} |"
        for r in responses
    ]
    head = f"| Drift | Severity | {' | '.join(TITLES.values())} | Median delay, scans | Window |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|---:|---:|", *rows])


def delay(response: Response, most: int) -> str:
    return f"{response.delay:.0f}" if np.isfinite(response.delay) else f"over {most}"


def time_line(seconds: Mapping[str, float]) -> str:
    parts = ", ".join(f"{name} {value:.3f} s" for name, value in seconds.items())
    return f"One check of 200 predictions against 500, warm: {sum(seconds.values()):.2f} s ({parts})."


def write_between(mark: str, tables: str) -> None:
    """Put tables between the page's markers of a name. Raises ValueError if it lacks them."""
    PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), mark, tables), encoding="utf-8")


def between(page: str, mark: str, tables: str) -> str:
    """Return a page with tables between its markers of a name. Raises ValueError if it lacks them."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    block = f"{begin}\n\n{tables}\n\n{end}"
    written, places = re.subn(f"{begin}.*{end}", lambda _: block, page, flags=re.DOTALL)
    if places != 1:
        raise ValueError(f"{PAGE.name} has no markers {begin} and {end}")
    return written


def draw_alarms(rates: Mapping[str, Rate], level: float) -> None:
    """Draw each false-alarm rate with its 95% interval, and the nominal level."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot(
        xlabel="Share of undrifted windows that alarm, 95% interval", xlim=(0, 1), yticks=range(len(rates))
    )
    axes.set_yticks(range(len(rates)), list(rates))
    axes.invert_yaxis()
    axes.axvline(level, color=PALE, linestyle="--", label=f"nominal, any of them: {level:.0%}")
    for place, (name, colour) in enumerate(COLOURS.items()):
        values = np.array([rate.alarms[name] / rate.windows for rate in rates.values()])
        ends = np.array([rate.interval(name) for rate in rates.values()]).T
        errors = np.abs(ends - values)
        heights = np.arange(len(rates)) + 0.2 * (place - 1)
        axes.errorbar(values, heights, xerr=errors, fmt="o", color=colour, label=TITLES[name], capsize=3)
    axes.legend()
    save(figure, "drift-false-alarms.png")


def draw_power(responses: Sequence[Response], severities: Sequence[int]) -> None:
    """Draw power by drift and severity, one panel a detector."""
    kinds = list(dict.fromkeys(response.kind for response in responses))
    figure = Figure(figsize=(11, 6), layout="constrained")
    panels = figure.subplots(1, 4, sharey=True)
    for axes, name in zip(panels, TITLES, strict=True):
        power = np.array([response.power[name] for response in responses]).reshape(len(kinds), len(severities))
        axes.imshow(power, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set(title=TITLES[name], xlabel="severity")
        axes.set_xticks(range(len(severities)), severities)
        axes.set_yticks(range(len(kinds)), kinds)
        for (row, column), value in np.ndenumerate(power):
            axes.text(column, row, f"{value:.0%}", ha="center", va="center", color="white" if value > 0.6 else "black")
    save(figure, "drift-power.png")


def save(figure: Figure, name: str) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(IMAGES / name, dpi=100, metadata={"Software": None})
