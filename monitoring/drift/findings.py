"""Many findings as arrays: what a reference and a window both are to the detectors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imip.inference.predictor import Analysis


@dataclass(frozen=True, slots=True)
class Findings:
    """n findings of one module and one model version, in the order in which they were answered."""

    embeddings: NDArray[np.float32]  # (n, d)
    features: NDArray[np.float32]  # (n, f), columns in the order of `names`
    names: tuple[str, ...]  # of the f image and evidence features, see imip.inference.features
    confidences: NDArray[np.float32]  # (n,) calibrated probability of the label given, 0..1
    labels: NDArray[np.str_]  # (n,) the label given

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> "Findings":
        """Return the findings of these rows, in this order."""
        chosen = np.asarray(rows, np.intp)
        return Findings(
            self.embeddings[chosen],
            self.features[chosen],
            self.names,
            self.confidences[chosen],
            self.labels[chosen],
        )

    def watched(self, names: tuple[str, ...]) -> "Findings":
        """Return the findings with these features only. Raises ValueError if there is none of a name."""
        columns = [self.names.index(name) for name in names]
        return Findings(self.embeddings, self.features[:, columns], names, self.confidences, self.labels)

    def feature(self, name: str) -> NDArray[np.float32]:
        """Return one feature of all findings, (n,). Raises ValueError if there is none of that name."""
        return self.features[:, self.names.index(name)]


def of_analyses(analyses: Iterable[Analysis], names: tuple[str, ...]) -> Findings:
    """Gather analyses, at least one, as findings with these features."""
    kept = [
        (one.output.embedding, [one.features[name] for name in names], one.decision.confidence, one.decision.label)
        for one in analyses  # of which nothing else is held: they bring whole slices
    ]
    embeddings, features, confidences, labels = zip(*kept, strict=True)
    return Findings(
        np.stack(embeddings).astype(np.float32),
        np.array(features, np.float32).reshape(len(kept), len(names)),
        names,
        np.array(confidences, np.float32),
        np.array(labels, np.str_),
    )
