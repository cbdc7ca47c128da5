"""From a trained network to the artifact that is served: calibrated, compiled, with its reference, and proved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from imip.card import Card
from imip.features import FEATURES, evidence_features, image_features
from imip.framing import frame
from imip.model import CARD, GRAPH, REFERENCE, VERSION_LENGTH, Model, Output, digest
from imip.outliers import ReferenceDistance
from imip.scan import read_scan
from monitoring.independence import kinship_limits
from training import brain_tumor
from training.batches import framed
from training.brain_tumor_card import write_card
from training.calibration import OperatingPoint, Platt, choose_operating_point, fit_platt
from training.dataset import Sample
from training.export import Parity, keras_answer, to_litert
from training.split import Dataset

FOREIGN_SHARE = 0.01  # of the reference's own scans that may lie beyond the out-of-distribution threshold
PARITY_SCANS = 200
UNDECIDED = OperatingPoint(0.5, 0.5, 0.5)


def export(network: keras.Sequential, dataset: Dataset, artifact: Path) -> Parity:
    """Calibrate on the validation scans, compile the graph, write the artifact and prove it against Keras.

    The reference is the validation scans as served, so that the test scans share no group with it.
    """
    validation = dataset.part("validation")
    is_tumor = np.array([sample.is_tumor for sample in validation])
    platt = fit_platt(_logits(network, framed(validation, brain_tumor.SIDE)), is_tumor)
    graph = to_litert(network, platt)
    version = digest(graph)[:VERSION_LENGTH]
    model = Model(write_card(version, platt, UNDECIDED, 1.0, {}), graph, np.zeros((0, 0), np.float32))
    outputs = [model.run(frame(sample.pixels, brain_tumor.SIDE).input) for sample in validation]
    point = choose_operating_point(np.array([float(o.probabilities[0]) for o in outputs]), is_tumor)
    artifact.mkdir(parents=True, exist_ok=True)
    (artifact / GRAPH).write_bytes(graph)
    groups = dataset.groups(validation)
    reference = _reference(model, validation, outputs, point, groups)
    np.savez_compressed(artifact / REFERENCE, **reference)
    limit = _foreign_limit(reference["embeddings"], groups)
    files = {name: digest((artifact / name).read_bytes()) for name in (GRAPH, REFERENCE)}
    card = write_card(version, platt, point, limit, files)
    card.model_copy(update={"metrics": _figures(artifact, card)}).write(artifact / CARD)
    return _prove(network, platt, model, validation[:: max(1, len(validation) // PARITY_SCANS)])


def _logits(network: keras.Sequential, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    probability = network.predict(inputs, verbose=0)[:, 0].astype(np.float64)
    clipped = np.clip(probability, 1e-7, 1 - 1e-7)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)


def _reference(
    model: Model,
    samples: Sequence[Sample],
    outputs: Sequence[Output],
    point: OperatingPoint,
    groups: NDArray[np.int64],
) -> dict[str, NDArray[Any]]:
    """Return what drift is measured from: each scan's embedding (d,), features (f,), label and confidence."""
    chosen = [0 if output.probabilities[0] >= point.threshold else 1 for output in outputs]
    confidences = [float(output.probabilities[index]) for output, index in zip(outputs, chosen, strict=True)]
    features = [
        image_features(read_scan(sample.path.read_bytes()))
        | evidence_features(output.heatmaps[:, :, index], confidence)
        for sample, output, index, confidence in zip(samples, outputs, chosen, confidences, strict=True)
    ]
    embeddings = np.stack([output.embedding for output in outputs])
    labels = np.array(model.card.labels)[chosen]
    kinship = kinship_limits(embeddings, labels, groups)
    return {
        "embeddings": embeddings,
        "features": np.array([[scan[name] for name in FEATURES] for scan in features], np.float32),
        "names": np.array(FEATURES),
        "confidences": np.array(confidences, np.float32),
        "labels": labels,
        "kinship_labels": np.array(list(kinship)),
        "kinship_limits": np.array(list(kinship.values()), np.float32),
    }


def _figures(artifact: Path, card: Card) -> dict[str, Any]:
    """Return what was measured of this very graph and threshold: a new reference changes nothing about them."""
    try:
        earlier = Card.read(artifact / CARD)
    except (OSError, ValidationError):
        return {}
    return earlier.metrics if (earlier.version, earlier.decision) == (card.version, card.decision) else {}


def _foreign_limit(embeddings: NDArray[np.float32], groups: NDArray[np.int64]) -> float:
    """Return the distance that all but FOREIGN_SHARE of scans keep to a reference without their own group."""
    fold = groups % 5
    held_out = [(embeddings[fold != held], embeddings[fold == held]) for held in np.unique(fold)]
    distances = np.concatenate([ReferenceDistance(others)(held) for others, held in held_out])
    return float(np.quantile(distances, 1 - FOREIGN_SHARE))


def _prove(network: keras.Sequential, platt: Platt, model: Model, samples: Sequence[Sample]) -> Parity:
    differences, correlations = [], []
    for sample in samples:
        pixels = frame(sample.pixels, brain_tumor.SIDE).input
        output = model.run(pixels)
        probability, evidence = keras_answer(network, platt, pixels[None, :, :, None].astype(np.float32))
        served = output.heatmaps[:, :, 0] - output.heatmaps[:, :, 1]
        differences.append(abs(probability - float(output.probabilities[0])))
        correlations.append(float(np.corrcoef(served.ravel(), evidence.ravel())[0, 1]))
    return Parity(max(differences), min(correlations))
