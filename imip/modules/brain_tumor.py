"""Does a brain MRI slice show a tumor? Glioma, meningioma and pituitary tumor alike count as yes."""

import numpy as np
from numpy.typing import NDArray

from imip.framing import Framed, frame
from imip.judgement import OUT_OF_DISTRIBUTION, Judgement
from imip.model import Model, Output
from imip.outliers import ReferenceDistance

TUMOR, NO_TUMOR = 0, 1  # the graph's order of labels


class BrainTumor:
    """The binary module: threshold, uncertain band and distance limit are the artifact's, not ours."""

    name = "brain-tumor"

    def __init__(self, model: Model) -> None:
        self.model = model
        self._distance = ReferenceDistance(model.reference)

    def prepare(self, pixels: NDArray[np.uint8]) -> Framed:
        return frame(pixels, self.model.card.input.side)

    def judge(self, output: Output) -> Judgement:
        card = self.model.card
        tumor = float(output.probabilities[TUMOR])
        index = TUMOR if tumor >= card.decision.threshold else NO_TUMOR
        near = card.decision.uncertain_from <= tumor <= card.decision.uncertain_to
        foreign = self._distance(output.embedding) > card.out_of_distribution.threshold
        return Judgement(
            label=card.labels[index],
            confidence=float(output.probabilities[index]),
            probabilities={name: float(p) for name, p in zip(card.labels, output.probabilities, strict=True)},
            decision="uncertain" if near else "confident",
            warnings=(OUT_OF_DISTRIBUTION,) if foreign else (),
            heatmap=index,
        )
