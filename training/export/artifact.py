"""From a compiled engine and its thresholds to the artifact that is served, with its reference and its card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from imip.inference.artifact import CARD, REFERENCE, Artifact, digest, version
from imip.inference.card import Calibration, Card, DecisionRule, InputSpec, OutOfDistribution
from imip.inference.decision import Decision
from imip.inference.features import FEATURES, image_features
from imip.inference.module import AnalysisModule
from imip.inference.out_of_distribution import SHRINKAGE, ReferenceDistance
from imip.inference.output import Output
from imip.inference.predictor import locate
from imip.scan.read import read_scan
from monitoring.drift.near_duplicates import near_duplicate_limits
from training.about import About
from training.data.samples import Sample

FOLDS = 5
FOREIGN_SHARE = 0.01  # of validation scans, each group counting once, beyond the out-of-distribution threshold
BACKSTOP_SHARE = 0.005  # the same where the model itself says how probable a foreign picture is
DISTANCE = (
    f"Mahalanobis distance of the embedding to the reference (Lee et al. 2018), covariance shrunk by {SHRINKAGE:g}"
)


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of training: the engine's bytes, its calibration and its thresholds."""

    engine: bytes
    calibration: Calibration
    thresholds: Mapping[str, float]
    foreign: float | None = None  # threshold of the engine's own measure of foreign pictures, if it has one

    @property
    def share_beyond(self) -> float:
        """The share of validation scans that may lie beyond the out-of-distribution threshold."""
        return FOREIGN_SHARE if self.foreign is None else BACKSTOP_SHARE


def write_artifact(
    module: type[AnalysisModule],
    about: About,
    trained: Trained,
    validation: Sequence[Sample],
    groups: NDArray[np.int64],
    out: Path,
) -> None:
    """Write engine, reference and card into `out`. `groups` is (n,), of the validation scans.

    The reference is the validation scans as served, so that the test scans share no group with it.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / module.engine).write_bytes(trained.engine)
    unmeasured = _card(module, about, trained, 0.0, {})
    instance = module(Artifact(unmeasured, trained.engine, np.zeros((0, 0), np.float32)))
    reference = _reference(instance, validation, groups)
    np.savez_compressed(out / REFERENCE, **reference)
    files = {name: digest((out / name).read_bytes()) for name in (module.engine, REFERENCE)}
    limit = _foreign_limit(reference["embeddings"], groups, trained.share_beyond)
    card = _card(module, about, trained, limit, files)
    card.model_copy(update={"metrics": _figures(out, card)}).write(out / CARD)


def _card(module: type[AnalysisModule], about: About, trained: Trained, limit: float, files: dict[str, str]) -> Card:
    return Card(
        module=module.name,
        version=version(trained.engine),
        title=about.title,
        question=about.question,
        labels=about.labels,
        abstention=about.abstention,
        input=InputSpec(side=about.side, modalities=about.modalities),
        heatmap=about.heatmap,
        decision=DecisionRule(thresholds=dict(trained.thresholds), rule=about.decision_rule),
        calibration=trained.calibration,
        out_of_distribution=OutOfDistribution(
            distance=DISTANCE,
            threshold=limit,
            foreign=trained.foreign,
            rule=f"{1 - trained.share_beyond:.1%} of validation scans, each group counting once, are nearer to a "
            "reference without it",
        ),
        engine=module.engine,
        files=files,
        licence=about.licence,
        details=about.details,
        intended_use=about.intended_use,
        non_recommended_use=about.non_recommended_use,
        factors=about.factors,
        data=about.data,
        headline=about.headline,
        metrics={},
        ethics=about.ethics,
        caveats=about.caveats,
    )


def _reference(module: AnalysisModule, samples: Sequence[Sample], groups: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return what drift is measured from: each scan's embedding (d,), features (f,), label and confidence."""
    served = [_serve(module, sample) for sample in samples]
    embeddings = np.stack([output.embedding for output, _, _ in served]).astype(np.float32)
    labels = np.array([decision.label for _, decision, _ in served])
    limits = near_duplicate_limits(embeddings, labels, groups)
    return {
        "embeddings": embeddings,
        "features": np.array([[features[name] for name in FEATURES] for _, _, features in served], np.float32),
        "names": np.array(FEATURES),
        "confidences": np.array([decision.confidence for _, decision, _ in served], np.float32),
        "labels": labels,
        "kinship_labels": np.array(list(limits)),
        "kinship_limits": np.array(list(limits.values()), np.float32),
    }


def _serve(module: AnalysisModule, sample: Sample) -> tuple[Output, Decision, dict[str, float]]:
    """Let a module analyse a scan as `imip.inference.predictor` does, before there is a reference to compare with."""
    scan = read_scan(sample.data)
    features = image_features(scan)
    model_input = module.prepare(scan, features)
    output = module.run(model_input)
    decision = module.decide(output)
    _, found = locate(module, scan, features, model_input, output, decision)
    return output, decision, features | found


def _figures(out: Path, card: Card) -> dict[str, Any]:
    """Return what was measured of this very engine and thresholds; the warnings only if of this very reference too."""
    try:
        earlier = Card.read(out / CARD)
    except (OSError, ValidationError):
        return {}
    unchanged = (earlier.version, earlier.decision.thresholds) == (card.version, card.decision.thresholds)
    stale = {"out_of_distribution"} if earlier.files.get(REFERENCE) != card.files[REFERENCE] else set()
    return {name: figure for name, figure in earlier.metrics.items() if name not in stale} if unchanged else {}


def _foreign_limit(embeddings: NDArray[np.float32], groups: NDArray[np.int64], share: float) -> float:
    """Return the distance that all but a share of scans, (n, d), keep to a reference without their own group.

    Each group counts once: else a patient with many slices, like nobody else's, would set the limit for all.
    """
    _, number, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    fold = number % FOLDS
    distances = np.zeros(len(groups))
    for held in np.unique(fold):
        distances[fold == held] = ReferenceDistance(embeddings[fold != held])(embeddings[fold == held])
    nearest_first = np.argsort(distances)
    within = np.cumsum(1 / sizes[number][nearest_first])
    return float(distances[nearest_first][np.searchsorted(within, (1 - share) * within[-1])])
