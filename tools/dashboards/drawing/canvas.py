"""A page to draw panels on, in pixels from its top left corner, in the colours of Grafana's dark theme."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

PAGE, PANEL, EDGE, GRID = "#111217", "#181b1f", "#2b2e34", "#2c3038"
TEXT, FAINT = "#d5d6dc", "#8e8e99"
NAMED = {
    "green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2", "yellow": "#fade2a",
    "purple": "#b877d9",
}  # fmt: skip
SERIES = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#96d98d", "#ffcb7d", "#56a64b",
    "#e0b400", "#3274d9", "#a352cc", "#e02f44",
)  # fmt: skip
DPI = 100


def colour(name: str) -> str:
    """Return one of Grafana's named colours as matplotlib knows it; others are taken as they are."""
    return NAMED.get(name, name)


def step_colour(steps: Sequence[dict[str, Any]], value: float) -> str:
    """Return the colour of the highest step that a value reaches."""
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return colour(reached[-1] if reached else "text")


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of the page."""

    figure: Figure
    page: Axes  # covers the figure; its unit is a pixel
    x: float
    y: float
    width: float
    height: float

    def inside(self, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> "Area":
        """Return the area without its margins."""
        width, height = self.width - left - right, self.height - top - bottom
        return replace(self, x=self.x + left, y=self.y + top, width=width, height=height)

    def part(self, index: int, parts: int, *, across: bool) -> "Area":
        """Return one of equal parts, side by side or below each other."""
        if across:
            return replace(self, x=self.x + index * self.width / parts, width=self.width / parts)
        return replace(self, y=self.y + index * self.height / parts, height=self.height / parts)

    def write(self, x: float, y: float, text: str, size: float = 9, ink: str = TEXT, **options: Any) -> None:
        """Write a line whose left middle (by default) is here, cut to what fits."""
        options = {"ha": "left", "va": "center", "clip_on": True, "parse_math": False, **options}
        self.page.text(self.x + x, self.y + y, text, fontsize=size, color=ink, **options)

    def fill(self, ink: str, edge: str = "none", rounding: float = 2) -> None:
        shape = FancyBboxPatch(
            (self.x, self.y), self.width, self.height, facecolor=ink, edgecolor=edge, linewidth=0.8,
            boxstyle=f"round,pad=0,rounding_size={rounding}",
        )  # fmt: skip
        self.page.add_patch(shape)

    def line(self, ink: str) -> None:
        """Draw a line along the area's lower edge."""
        self.page.add_patch(Rectangle((self.x, self.y + self.height), self.width, 0.8, facecolor=ink))

    def axes(self) -> Axes:
        """Return axes that fill the area."""
        pixels = self.figure.get_size_inches() * DPI
        left, bottom = self.x / pixels[0], 1 - (self.y + self.height) / pixels[1]
        axes = self.figure.add_axes((left, bottom, self.width / pixels[0], self.height / pixels[1]))
        axes.set_facecolor("none")
        axes.spines[:].set_visible(False)
        axes.tick_params(which="both", colors=FAINT, labelsize=8, length=0, pad=4)
        return axes


def fitted(text: str, width: float, size: float) -> str:
    """Cut a text to what a width in pixels takes of it."""
    most = max(1, int(width / (size * DPI / 72 * 0.56)))
    return text if len(text) <= most else text[: most - 1] + "…"


def blank(width: float, height: float) -> Area:
    """Return an empty page."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAGE)
    page = figure.add_axes((0, 0, 1, 1))
    page.set_xlim(0, width)
    page.set_ylim(height, 0)
    page.axis("off")
    return Area(figure, page, 0, 0, width, height)
