"""How a module does on each source, sequence and plane: what tells a lesion from the look of a hospital.

A figure counts where tumor and tumor-free slices are of one source, or where the source was left out of training.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from imip.inference.decision import OUT_OF_DISTRIBUTION
from imip.inference.predictor import Analysis
from training.data.brain import NO_TUMOR
from training.data.samples import Sample
from training.evaluation.bootstrap import Estimate, Proportion, Statistic, estimates
from training.evaluation.measures import average, calibration_error, roc_auc
from training.evaluation.regions import dice, false_regions

COLUMNS: Final = {  # measure by its column
    "AUC": "roc_auc",
    "Sensitivity": "sensitivity",
    "Specificity": "specificity",
    "Peak on tumor": "peak_on_tumor",
    "Dice": "dice",
    "False regions": "false_regions",
    "Calibration error": "calibration_error",
    "Out of distribution": "out_of_distribution",
}


KEY: Final = ("roc_auc", "sensitivity", "specificity")


@dataclass(frozen=True, slots=True)
class Observed:
    """What a module said of slices of known origin, one row a slice; all (n,)."""

    source: NDArray[np.str_]
    sequence: NDArray[np.str_]
    plane: NDArray[np.str_]
    group: NDArray[np.int64]  # patient, or near-duplicates where it is not known
    is_tumor: NDArray[np.bool_]
    probability: NDArray[np.float64]  # of any abnormality
    called: NDArray[np.bool_]  # abnormal
    unknown: NDArray[np.bool_]  # warned as out of distribution
    peak_on_tumor: NDArray[np.float64]  # 1 or 0; nan where no lesion was drawn
    dice: NDArray[np.float64]  # of the regions as answered; nan where no lesion was drawn, or without evidence
    false_regions: NDArray[np.float64]  # nan where a tumor was not drawn

    def rows(self, mask: NDArray[np.bool_]) -> "Observed":
        return Observed(*(getattr(self, name)[mask] for name in self.__slots__))


def observe(
    samples: Sequence[Sample], analyses: Iterable[Analysis], groups: NDArray[np.int64], healthy: str
) -> Observed:
    """Gather what was said of samples with an origin; `healthy` is the label of scans that show nothing."""
    rows = []
    for sample, analysis, group in zip(samples, analyses, groups.tolist(), strict=True):
        assert sample.origin is not None
        origin, prediction = sample.origin, analysis.prediction
        rows.append(
            (
                origin.source,
                origin.sequence or "mixed",
                origin.plane or "mixed",
                group,
                sample.class_name != NO_TUMOR,
                1.0 - prediction.probabilities[healthy],
                _named(analysis) != healthy,
                OUT_OF_DISTRIBUTION in prediction.warnings,
                _peak_on_tumor(sample, analysis),
                dice(sample, analysis),
                false_regions(sample, analysis),
            )
        )
    return Observed(*(np.array(column) for column in zip(*rows, strict=True)))


def _named(analysis: Analysis) -> str:
    """Return the label of a slice or, where the module abstains, the most probable one."""
    probabilities = analysis.prediction.probabilities
    label = analysis.prediction.label
    return label if label in probabilities else max(probabilities, key=probabilities.__getitem__)


def measure(observed: Observed) -> dict[str, Estimate]:
    """Return every measure that these slices define, with its 95% interval over groups."""
    tumor = observed.is_tumor
    statistics: dict[str, Statistic] = {
        "roc_auc": lambda weights: roc_auc(observed.probability, tumor, weights),
        "sensitivity": Proportion(observed.called, tumor),
        "specificity": Proportion(~observed.called, ~tumor),
        "peak_on_tumor": Proportion(observed.peak_on_tumor == 1, ~np.isnan(observed.peak_on_tumor)),
        "dice": partial(average, observed.dice),
        "false_regions": partial(average, observed.false_regions),
        "calibration_error": lambda weights: calibration_error(observed.probability, tumor, weights),
        "out_of_distribution": Proportion(observed.unknown, np.ones_like(tumor)),
    }
    return estimates(statistics, observed.group)


def by_source(observed: Observed) -> list[list[Any]]:
    """Return a row for each source as a whole and for each sequence and plane in it: see `HEAD`."""
    rows = []
    for source in dict.fromkeys(observed.source.tolist()):
        within = observed.rows(observed.source == source)
        rows.append(_row(source, "all", within))
        kinds = list(dict.fromkeys(zip(within.sequence.tolist(), within.plane.tolist(), strict=True)))
        if len(kinds) > 1:
            rows += [
                _row(
                    source, f"{sequence}, {plane}", within.rows((within.sequence == sequence) & (within.plane == plane))
                )
                for sequence, plane in kinds
            ]
    return rows


def table(observed: Observed, title: str) -> dict[str, Any]:
    """Return the rows as a table of a card: see `training.export.card_page`."""
    return {"title": title, "columns": list(HEAD), "rows": by_source(observed)}


def key_figure(observed: Observed, key: Sequence[str] = KEY) -> tuple[str, Estimate]:
    """Return the measure that sums a source up, the first of `key` that it defines.

    By default that is its AUC where it holds both kinds, else sensitivity or specificity.
    """
    measured = measure(observed)
    name = next(name for name in key if name in measured)
    return name, measured[name]


HEAD: Final = ("Source", "Slices of", "Slices", "Tumors", "Groups", *COLUMNS)


def _row(source: str, kind: str, observed: Observed) -> list[Any]:
    measured = measure(observed)
    counts = [observed.group.size, int(observed.is_tumor.sum()), np.unique(observed.group).size]
    return [
        source,
        kind,
        *counts,
        *(measured[name].as_dict() if name in measured else None for name in COLUMNS.values()),
    ]


def _peak_on_tumor(sample: Sample, analysis: Analysis) -> float:
    if sample.lesion is None:
        return np.nan
    heat = analysis.model_input.to_slice(analysis.heatmap)
    shape = heat.shape
    row, column = np.unravel_index(int(heat.argmax()), shape)
    height, width = sample.lesion.shape  # a large slice was reduced when it was loaded
    return float(sample.lesion[row * height // shape[0], column * width // shape[1]])
