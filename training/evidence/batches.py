"""Batches of views with what the network should answer."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data.batches import SeededBatches, as_inputs
from training.data.brain import NO_TUMOR
from training.data.samples import Sample
from training.evidence.foreign import ForeignPictures
from training.evidence.losses import UNKNOWN
from training.evidence.network import EVIDENCE, FOREIGN, SCAN, TYPE
from training.evidence.shapes import MAP
from training.evidence.views import Chances, Lesion, Picture, cut, view

WORKERS: Final = 2  # threads that make batches
FOREIGN_SHARE: Final = 0.08  # of views that show no brain MRI
EMPTY: Final = (NO_TUMOR, FOREIGN)  # what has no lesion
TYPED: Final = ("meningioma", "glioma", "pituitary")  # in the order of the network's answer


class ViewBatches(SeededBatches):
    """Views of slices, drawn by their chances (n,), with targets by output: see `losses`.

    Some views are of foreign pictures instead, which have no lesion; `ct` are slices of head CT among those.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        chances: NDArray[np.float64],
        changes: Chances,
        *,
        ct: Sequence[Sample] = (),
        drawn: int,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__(len(samples), batch_size, seed, chances=chances, drawn=drawn, workers=WORKERS)
        self.classes = [sample.class_name for sample in samples]
        self.cuts = [cut(sample.pixels, sample.lesion) for sample in samples]
        self.changes = changes
        self.foreign = ForeignPictures(self.cuts, [cut(sample.pixels, None) for sample in ct])

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        chosen = self.samples(number)
        rngs = [np.random.default_rng((self.seed, self.epoch, number, row)) for row in range(len(chosen))]
        views = [self.draw(int(index), rng) for index, rng in zip(chosen, rngs, strict=True)]
        inputs = as_inputs([pixels for _, pixels, _ in views])
        return inputs, targets([name for name, _, _ in views], [lesion for _, _, lesion in views])

    def draw(self, index: int, rng: np.random.Generator) -> tuple[str, Picture, Lesion]:
        """Return what a view shows, the view of a slice or of a foreign picture, and its lesion."""
        if rng.random() < FOREIGN_SHARE:
            return FOREIGN, *view(self.foreign.draw(rng), rng, self.changes, self._any)
        return self.classes[index], *view(self.cuts[index], rng, self.changes, self._any)

    def _any(self, rng: np.random.Generator) -> Picture:
        return self.cuts[rng.integers(len(self.cuts))].pixels


def targets(classes: Sequence[str], lesions: Sequence[Lesion]) -> dict[str, NDArray[np.float32]]:
    """Return what the network should answer for pictures of these classes, or FOREIGN ones."""
    return {
        EVIDENCE: np.stack([_map(name, lesion) for name, lesion in zip(classes, lesions, strict=True)])[..., None],
        SCAN: np.array([[name not in EMPTY] for name in classes], np.float32),
        TYPE: np.array([TYPED.index(name) if name in TYPED else UNKNOWN for name in classes], np.float32),
        FOREIGN: np.array([[name == FOREIGN] for name in classes], np.float32),
    }


def _map(class_name: str, lesion: Lesion) -> NDArray[np.float32]:
    if lesion is not None:
        return lesion
    return np.full((MAP, MAP), 0.0 if class_name in EMPTY else UNKNOWN, np.float32)
