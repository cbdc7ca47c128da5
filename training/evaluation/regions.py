"""How good the regions of a module are, as answered, against lesions that were drawn."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.inference.predictor import Analysis
from imip.prediction import EvidenceRegion
from training.data.brain import NO_TUMOR
from training.data.samples import Sample
from training.evaluation.bootstrap import Estimate, Proportion, Statistic, estimates
from training.evaluation.measures import average, calibration_error
from training.evidence.regions import HIT, is_right

SIZES: Final = (0.01, 0.03, 0.1)  # shares of the head that divide lesions by size

DICE, FALSE_REGIONS = "dice", "false_regions_per_scan"
CONFIDENCE_ERROR: Final = "region_calibration_error"


def dice(sample: Sample, analysis: Analysis) -> float:
    """Return the Dice overlap of a slice's regions and its lesion; nan without either a lesion drawn or evidence."""
    if sample.lesion is None or analysis.heatmap_kind != "evidence":
        return np.nan
    found = np.zeros(sample.lesion.shape, np.bool_)
    for region in analysis.prediction.regions:
        found |= _raster(region, sample, analysis)
    overlap = np.count_nonzero(found & sample.lesion)
    return 2.0 * overlap / (np.count_nonzero(found) + np.count_nonzero(sample.lesion))


def false_regions(sample: Sample, analysis: Analysis) -> float:
    """Return how many regions of a slice are wrong; nan without evidence, or where a tumor was not drawn."""
    if analysis.heatmap_kind != "evidence":
        return np.nan
    if sample.class_name == NO_TUMOR:
        return float(len(analysis.prediction.regions))
    if sample.lesion is None:
        return np.nan
    return float(sum(not _hits(region, sample, analysis) for region in analysis.prediction.regions))


def measures(samples: Sequence[Sample], analyses: Sequence[Analysis], groups: NDArray[np.int64]) -> dict[str, Estimate]:
    """Return the mean Dice over lesions, the wrong regions a slice and how far the confidence of regions is from how
    often they are right, each with its 95% interval over groups.
    """
    pairs = list(zip(samples, analyses, strict=True))
    rows = {
        DICE: np.array([dice(*pair) for pair in pairs]),
        FALSE_REGIONS: np.array([false_regions(*pair) for pair in pairs]),
    }
    of_slices = estimates({name: partial(average, values) for name, values in rows.items()}, groups)
    judged = [
        (region.confidence, _hits(region, sample, analysis), group)
        for (sample, analysis), group in zip(pairs, groups.tolist(), strict=True)
        if sample.lesion is not None or sample.class_name == NO_TUMOR
        for region in analysis.prediction.regions
    ]
    if not judged:
        return of_slices
    confidence, right, group = (np.array(column) for column in zip(*judged, strict=True))
    return of_slices | estimates({CONFIDENCE_ERROR: partial(calibration_error, confidence, right)}, group)


def by_size(samples: Sequence[Sample], analyses: Sequence[Analysis], groups: NDArray[np.int64]) -> dict[str, Any]:
    """Return a table of a card: how many lesions of each size are found, and how well they are outlined."""
    drawn = [row for row, sample in enumerate(samples) if sample.lesion is not None]
    pairs = [(samples[row], analyses[row]) for row in drawn]
    size = np.array([_share_of_head(*pair) for pair in pairs])
    hit = np.array([any(_hits(region, *pair) for region in pair[1].prediction.regions) for pair in pairs], np.bool_)
    overlap = np.array([dice(*pair) for pair in pairs])
    edges = [0.0, *SIZES, np.inf]
    rows = []
    for low, high in pairwise(edges):
        within = (size >= low) & (size < high)
        statistics: dict[str, Statistic] = {
            "found": Proportion(hit, within),
            DICE: partial(average, np.where(within, overlap, np.nan)),
        }
        found: Mapping[str, Estimate] = estimates(statistics, groups[drawn])
        cells = [found[name].as_dict() if name in found else None for name in statistics]
        rows.append([_size(low, high), int(within.sum()), *cells])
    return {
        "title": f"By size of the lesion; found is one that a region lies on, at least {HIT:.0%} of the region:",
        "columns": ["Lesion, share of the head", "Slices", "Found", "Dice"],
        "rows": rows,
    }


def _raster(region: EvidenceRegion, sample: Sample, analysis: Analysis) -> NDArray[np.bool_]:
    """Return a region in pixels of the sample, which may be a reduced picture of the slice."""
    filled = np.zeros(sample.pixels.shape, np.uint8)
    reduced = np.divide(filled.shape, analysis.model_input.slice_shape)
    outline = np.array(region.outline) * reduced - 0.5
    cv2.fillPoly(filled, [np.round(outline[:, ::-1]).astype(np.int32)], (1,))
    return filled.astype(np.bool_)


def _hits(region: EvidenceRegion, sample: Sample, analysis: Analysis) -> bool:
    return sample.lesion is not None and is_right(_raster(region, sample, analysis), sample.lesion)


def _share_of_head(sample: Sample, analysis: Analysis) -> float:
    assert sample.lesion is not None
    head = analysis.prediction.features["foreground_ratio"] * sample.lesion.size
    return np.count_nonzero(sample.lesion) / max(head, 1.0)


def _size(low: float, high: float) -> str:
    return f"{low:.0%} or more" if high == np.inf else f"{low:.0%} to {high:.0%}"
