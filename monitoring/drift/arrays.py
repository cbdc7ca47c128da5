"""Many predictions as arrays: what a reference and a window both are to the detectors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from imip.prediction import Prediction

CONFIDENCE = "confidence"  # a feature, whether or not it is one of those measured


@dataclass(frozen=True, slots=True)
class PredictionArrays:
    """n predictions of one module and one model version, in the order in which they were answered."""

    embeddings: NDArray[np.float32]  # (n, d)
    features: NDArray[np.float32]  # (n, f), columns in the order of `names`
    names: tuple[str, ...]  # of the f image, heatmap and region features, see imip.inference.features
    confidences: NDArray[np.float32]  # (n,) calibrated probability of the label given, 0..1
    labels: NDArray[np.str_]  # (n,) the label given

    @classmethod
    def of(cls, predictions: Iterable[Prediction], names: tuple[str, ...]) -> "PredictionArrays":
        """Gather predictions with these features as columns; one that was not measured is not a number."""
        kept = [
            (one.embedding, [one.features.get(name, nan) for name in names], one.confidence, one.label)
            for one in predictions
        ]
        return cls(
            np.stack([embedding for embedding, *_ in kept]).astype(np.float32) if kept else np.zeros((0, 0), "f4"),
            np.array([features for _, features, *_ in kept], np.float32).reshape(len(kept), len(names)),
            names,
            np.array([confidence for *_, confidence, _ in kept], np.float32),
            np.array([label for *_, label in kept], np.str_),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> "PredictionArrays":
        """Return the predictions of these rows, in this order."""
        chosen = np.asarray(rows, np.intp)
        return PredictionArrays(
            self.embeddings[chosen],
            self.features[chosen],
            self.names,
            self.confidences[chosen],
            self.labels[chosen],
        )

    def feature(self, name: str) -> NDArray[np.float32]:
        """Return one feature of all predictions, (n,); the confidence is one. Raises ValueError if there is none."""
        return self.confidences if name == CONFIDENCE else self.features[:, self.names.index(name)]
