"""Draw text and shapes on a page, in pixels from its top left corner, in the colours of Grafana's dark theme."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

PAGE, PANEL, EDGE, GRID = "#111217", "#181b1f", "#2b2e34", "#2c3038"
TEXT, MUTED = "#d5d6dc", "#8e8e99"
NAMED_COLOURS = {
    "green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2", "yellow": "#fade2a",
    "purple": "#b877d9",
}  # fmt: skip
SERIES_COLOURS = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#96d98d", "#ffcb7d", "#56a64b",
    "#e0b400", "#3274d9", "#a352cc", "#e02f44",
)  # fmt: skip
DPI = 100


def hex_colour(name: str) -> str:
    """Return the value of a named colour of Grafana; return any other colour unchanged."""
    return NAMED_COLOURS.get(name, name)


def threshold_colour(steps: Sequence[dict[str, Any]], value: float) -> str:
    """Return the colour of the highest threshold that a value reaches."""
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return hex_colour(reached[-1] if reached else "text")


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of the page."""

    figure: Figure
    page: Axes  # covers the figure, in pixels
    x: float
    y: float
    width: float
    height: float

    def inset(self, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> "Area":
        """Return the area without its margins."""
        width, height = self.width - left - right, self.height - top - bottom
        return replace(self, x=self.x + left, y=self.y + top, width=width, height=height)

    def part(self, index: int, parts: int, *, across: bool) -> "Area":
        """Return one of several equal parts: columns if `across`, otherwise rows."""
        if across:
            return replace(self, x=self.x + index * self.width / parts, width=self.width / parts)
        return replace(self, y=self.y + index * self.height / parts, height=self.height / parts)

    def write(self, x: float, y: float, text: str, size: float = 9, colour: str = TEXT, **options: Any) -> None:
        """Write one line of text. By default (x, y) is the middle of its left edge."""
        options = {"ha": "left", "va": "center", "clip_on": True, "parse_math": False, **options}
        self.page.text(self.x + x, self.y + y, text, fontsize=size, color=colour, **options)

    def fill(self, colour: str, edge: str = "none", rounding: float = 2) -> None:
        shape = FancyBboxPatch(
            (self.x, self.y), self.width, self.height, facecolor=colour, edgecolor=edge, linewidth=0.8,
            boxstyle=f"round,pad=0,rounding_size={rounding}",
        )  # fmt: skip
        self.page.add_patch(shape)

    def line(self, colour: str) -> None:
        """Draw a line along the area's lower edge."""
        self.page.add_patch(Rectangle((self.x, self.y + self.height), self.width, 0.8, facecolor=colour))

    def axes(self) -> Axes:
        """Return axes that fill the area."""
        pixels = self.figure.get_size_inches() * DPI
        left, bottom = self.x / pixels[0], 1 - (self.y + self.height) / pixels[1]
        axes = self.figure.add_axes((left, bottom, self.width / pixels[0], self.height / pixels[1]))
        axes.set_facecolor("none")
        axes.spines[:].set_visible(False)
        axes.tick_params(which="both", colors=MUTED, labelsize=8, length=0, pad=4)
        return axes


def truncated(text: str, width: float, size: float) -> str:
    """Return a text, truncated to a width in pixels."""
    max_length = max(1, int(width / (size * DPI / 72 * 0.56)))
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def new_page(width: float, height: float) -> Area:
    """Return an empty page."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAGE)
    page = figure.add_axes((0, 0, 1, 1))
    page.set_xlim(0, width)
    page.set_ylim(height, 0)
    page.axis("off")
    return Area(figure, page, 0, 0, width, height)
