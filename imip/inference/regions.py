"""Find the regions in a map of evidence: where they are in the slice, how large, and how probable.

The evidence of a cell is the probability that what the module looks for is there. The map is enlarged to GRID x GRID
before it is cut into regions, so that the cost depends neither on its size nor on that of the slice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.inference.card import Card
from imip.inference.preprocessing import ModelInput
from imip.prediction import EvidenceRegion, Pixel, PixelBox, Point
from imip.scan.dicom.tags import Tag

GRID = 256  # pixels per side of the enlarged map
MOST = 10  # regions, the strongest
SMALLEST = 32  # pixels of the grid; 0.05% of the input, about 16 mm2 if that is a head
STRONGEST = 32  # cells of the map whose mean logit is the score of a region
TOLERANCE = 1.0  # pixels of the grid; an outline may be simplified by as much
CERTAIN = 1e-6  # probabilities are kept away from 0 and 1 by as much, so that their logit is finite

Evidence = NDArray[np.float32]
Points = NDArray[np.float64]  # (n, 2) rows and columns


@dataclass(frozen=True, slots=True)
class RegionRule:
    """What counts as a region, and how its score becomes a probability."""

    threshold: float  # of evidence
    slope: float
    intercept: float

    @classmethod
    def of(cls, card: Card) -> Self:
        """Return the rule of a card. Raises ArtifactError if it has none."""
        calibration = card.calibration
        return cls(card.decision.at("region"), calibration.at("region_slope"), calibration.at("region_intercept"))

    def confidence(self, score: float) -> float:
        """Return the calibrated probability of a region (Platt scaling)."""
        return float(1 / (1 + np.exp(-np.clip(self.slope * score + self.intercept, -50, 50))))


@dataclass(frozen=True, slots=True)
class Component:
    """Connected pixels of the grid."""

    mask: NDArray[np.bool_]  # (GRID, GRID)
    score: float  # mean logit of the STRONGEST cells whose centre is in it, or of all if they are fewer


def find_regions(
    evidence: Evidence,
    rule: RegionRule,
    model_input: ModelInput,
    foreground: float,
    pixel_mm2: float | None,
    *,
    at_least_one: bool = True,
) -> tuple[EvidenceRegion, ...]:
    """Return the regions of a slice that a decision is about, strongest first: see `components`.

    `foreground`: pixels of the slice that are not air. `pixel_mm2`: area of a pixel, None if it is unknown.
    """
    grid = enlarge(evidence, model_input)
    found = components(evidence, grid, rule.threshold, at_least_one=at_least_one)
    return tuple(_place(one, grid, rule, model_input, foreground, pixel_mm2) for one in found)


def pixel_area(attributes: Mapping[str, str]) -> float | None:
    """Return the area of a pixel in mm2 by the DICOM attributes of a scan, None if they do not say it."""
    spacing = [float(number) for number in attributes.get(Tag.PixelSpacing.name, "").split("\\") if number]
    return spacing[0] * spacing[1] if len(spacing) == 2 else None


def enlarge(evidence: Evidence, model_input: ModelInput) -> Evidence:
    """Enlarge a map, (h, w), to (GRID, GRID); 0 in the padding of the input, which shows nothing of the slice."""
    grid = cv2.resize(evidence, (GRID, GRID), interpolation=cv2.INTER_LINEAR)
    centres = (np.arange(GRID) + 0.5) / GRID
    rows, columns = model_input.points_to_slice(np.stack([centres, centres], axis=1)).T
    region = model_input.region
    grid[(rows < region.top) | (rows >= region.bottom)] = 0
    grid[:, (columns < region.left) | (columns >= region.right)] = 0
    return np.asarray(grid, np.float32)


def components(evidence: Evidence, grid: Evidence, threshold: float, *, at_least_one: bool) -> list[Component]:
    """Return where an enlarged map reaches a threshold, strongest first, at most MOST.

    Components of less than SMALLEST pixels, or between the centres of cells, are left out. If there is none then, but
    there must be one, it is what lies around the strongest evidence, down to half of it; [] if there is no evidence at
    all. `evidence`: the map before it was enlarged, (h, w) 0..1.
    """
    reached = ((grid >= threshold) & (grid > 0)).astype(np.uint8)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(reached, connectivity=8)
    cells = labels[_centres(evidence)]
    large = [number for number in np.unique(cells[cells > 0]) if statistics[number, cv2.CC_STAT_AREA] >= SMALLEST]
    scores = {number: _score(evidence[cells == number]) for number in large}
    strongest = sorted(large, key=lambda number: -scores[number])[:MOST]
    found = [Component(labels == number, scores[number]) for number in strongest]
    return found or (_around_the_strongest(evidence, grid) if at_least_one else [])


def _around_the_strongest(evidence: Evidence, grid: Evidence) -> list[Component]:
    in_cells = grid[_centres(evidence)]
    highest = in_cells.max()
    if highest <= 0:
        return []
    _, labels = cv2.connectedComponents((grid >= highest / 2).astype(np.uint8), connectivity=8)
    cells = labels[_centres(evidence)]
    number = cells.flat[in_cells.argmax()]
    return [Component(labels == number, _score(evidence[cells == number]))]


def _centres(evidence: Evidence) -> tuple[NDArray[np.intp], ...]:
    """Return the rows and columns of the grid in which the centres of the cells are."""
    return np.ix_(*(((np.arange(length) + 0.5) * GRID / length).astype(np.intp) for length in evidence.shape))


def _score(cells: Evidence) -> float:
    """Return the mean logit of the STRONGEST cells, (n,), or of all if they are fewer."""
    strongest = np.sort(cells)[-STRONGEST:].astype(np.float64).clip(CERTAIN, 1 - CERTAIN)
    return float(np.mean(np.log(strongest / (1 - strongest))))


def _place(
    component: Component,
    grid: Evidence,
    rule: RegionRule,
    model_input: ModelInput,
    foreground: float,
    pixel_mm2: float | None,
) -> EvidenceRegion:
    """Describe a component in pixels of the slice."""
    rows, columns = np.nonzero(component.mask)
    corners = np.array([[rows.min(), columns.min()], [rows.max() + 1, columns.max() + 1]])
    (top, left), (bottom, right) = _to_slice(corners, model_input)
    height, width = model_input.slice_shape
    hottest = int(grid[rows, columns].argmax())
    middle = np.array([[rows[hottest], columns[hottest]], [rows.mean(), columns.mean()]]) + 0.5
    (peak_row, peak_column), (row, column) = _to_slice(middle, model_input)
    side = max(model_input.region.height, model_input.region.width) / GRID  # pixels of the slice
    area = len(rows) * side**2
    return EvidenceRegion(
        outline=tuple((round(row, 1), round(column, 1)) for row, column in _outline(component.mask, model_input)),
        box=PixelBox(int(top), int(left), int(np.ceil(bottom)), int(np.ceil(right))),
        centroid=Point(round(row, 1), round(column, 1)),
        peak=Pixel(min(int(peak_row), height - 1), min(int(peak_column), width - 1)),
        confidence=rule.confidence(component.score),
        area_ratio=min(1.0, area / foreground) if foreground else 0.0,
        area_mm2=None if pixel_mm2 is None else area * pixel_mm2,
    )


def _outline(mask: NDArray[np.bool_], model_input: ModelInput) -> list[list[float]]:
    """Return the outer contour of a component in the slice; its box if that is too thin to have one."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = cv2.approxPolyDP(contours[0], TOLERANCE, True)[:, 0, ::-1] + 0.5
    if len(contour) < 3:
        (top, left), (bottom, right) = contour.min(axis=0) - 0.5, contour.max(axis=0) + 0.5
        contour = np.array([[top, left], [top, right], [bottom, right], [bottom, left]])
    points: list[list[float]] = _to_slice(contour, model_input).tolist()
    return points


def _to_slice(points: Points, model_input: ModelInput) -> Points:
    """Return points of the grid, (n, 2), in pixels of the slice, not beyond its edges."""
    return np.clip(model_input.points_to_slice(points / GRID), 0, model_input.slice_shape)
