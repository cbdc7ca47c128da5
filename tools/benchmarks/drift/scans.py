"""The held-out scans of the drift benchmark: read, judged, joined and thinned as they are when served."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from imip.inference.features import FEATURES
from imip.inference.module import AnalysisModule
from imip.inference.predictor import analyse
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.near_duplicates import independent_rows, near_duplicate_limits
from training.data.samples import Sample
from training.data.split import Dataset, Split
from training.recipes import find

Rows = NDArray[np.intp]
Limits = Mapping[str, float]
PARTS: tuple[Split, Split] = ("validation", "test")


@dataclass(frozen=True, slots=True)
class Scans:
    """Held-out scans of one part, or of two: what the model finds in them, and what is known of them."""

    predictions: PredictionArrays
    groups: NDArray[np.int64]  # (n,)
    classes: list[str]
    slices: list[NDArray[np.uint8]]

    def limits(self, rows: Rows) -> Limits:
        known = self.predictions
        return near_duplicate_limits(known.embeddings[rows], known.labels[rows], self.groups[rows])


def read(data: Path, module: AnalysisModule) -> tuple[Scans, Scans]:
    """Return the validation and the test part."""
    dataset = _divided(data, module)
    validation, test = (_seen(dataset, dataset.part(name), module) for name in PARTS)
    return validation, test


def of_sources(data: Path, module: AnalysisModule, sources: Sequence[str]) -> list[Scans]:
    """Return all scans of each source, whether they were trained on or not."""
    dataset = _divided(data, module)
    return [_seen(dataset, [s for s in dataset.samples if s.source == source], module) for source in sources]


def _divided(data: Path, module: AnalysisModule) -> Dataset:
    recipe = find(module.name)
    return recipe.divide(recipe.samples(data)[0])


def _seen(dataset: Dataset, samples: Sequence[Sample], module: AnalysisModule) -> Scans:
    analyses = [analyse(sample.data, module) for sample in tqdm(samples, "scans")]
    return Scans(
        PredictionArrays.of((analysis.prediction for analysis in analyses), FEATURES),
        dataset.groups(samples),
        [sample.class_name for sample in samples],
        [analysis.scan.pixels for analysis in analyses],
    )


def joined(one: Scans, other: Scans) -> Scans:
    return Scans(
        append(one.predictions, other.predictions),
        np.concatenate([one.groups, other.groups]),
        one.classes + other.classes,
        one.slices + other.slices,
    )


def append(one: PredictionArrays, other: PredictionArrays) -> PredictionArrays:
    return PredictionArrays(
        np.concatenate([one.embeddings, other.embeddings]),
        np.concatenate([one.features, other.features]),
        one.names,
        np.concatenate([one.confidences, other.confidences]),
        np.concatenate([one.labels, other.labels]),
    )


def look_at(slices: Iterable[NDArray[np.uint8]], module: AnalysisModule) -> PredictionArrays:
    """Let the module judge slices, (H, W) each, as PNG files."""
    files = (cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes() for pixels in slices)
    return PredictionArrays.of((analyse(data, module).prediction for data in files), FEATURES)


def thinned(predictions: PredictionArrays, limits: Limits, size: int | None = None) -> PredictionArrays:
    """Return independent predictions, the newest `size` of them, as the monitor chooses them; oldest first."""
    kept = independent_rows(predictions, limits)
    return predictions.take(kept if size is None else kept[-size:])


def one_each(rows: Rows, groups: NDArray[np.int64], rng: np.random.Generator) -> Rows:
    """Return a row of each group at random, in random order: what is independent, as the groups are known."""
    shuffled = rng.permutation(rows)
    return np.asarray(rng.permutation(shuffled[np.unique(groups[shuffled], return_index=True)[1]]), np.intp)


def patient_after_patient(rows: Rows, groups: NDArray[np.int64], rng: np.random.Generator) -> Rows:
    """Return rows group after group, the groups in random order, as hospitals send scans."""
    _, number = np.unique(groups[rows], return_inverse=True)
    return rows[np.argsort(rng.permutation(number.max() + 1)[number], kind="stable")]
