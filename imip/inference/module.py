"""What an analysis module is, and the kinds that most modules are. Each module itself is one file in `imip/modules/`.

A module adds three things to a model: how a scan becomes its input, how its engine runs, and what follows from the
output. Most only choose a crop and take the rest from one of the kinds below.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from imip.inference.artifact import Artifact
from imip.inference.decision import Decision
from imip.inference.out_of_distribution import ReferenceDistance
from imip.inference.output import Output
from imip.inference.preprocessing import ModelInput, Region, fit_region
from imip.inference.runtime import GRAPH, Graph
from imip.scan.scan import Scan


class AnalysisModule(ABC):
    """One question to a scan, and the model that answers it. Not thread-safe: one instance a thread."""

    name: ClassVar[str]  # of its file
    engine: ClassVar[str]  # the artifact's file that computes

    def __init_subclass__(cls) -> None:
        cls.name = cls.__module__.rpartition(".")[2].replace("_", "-")

    def __init__(self, artifact: Artifact) -> None:
        self.card = artifact.card
        self._reference = artifact.reference

    @staticmethod
    def crop(pixels: NDArray[np.uint8]) -> Region:
        """Return the part of a scan, (H, W), that the model sees; by default the whole."""
        return Region(0, 0, pixels.shape[0], pixels.shape[1])

    def prepare(self, scan: Scan, features: Mapping[str, float]) -> ModelInput:
        """Crop a scan and fit it into the model's input; `features` are its IMAGE_FEATURES."""
        return fit_region(scan.pixels, self.crop(scan.pixels), self.card.input.side)

    @abstractmethod
    def run(self, model_input: ModelInput) -> Output:
        """Compute the output for one input."""

    @abstractmethod
    def decide(self, output: Output) -> Decision:
        """Conclude from an output."""

    def is_out_of_distribution(self, output: Output) -> bool:
        """Tell whether a scan is unlike those that the model knows."""
        return bool(self._distance(output.embedding) > self.card.out_of_distribution.threshold)

    @cached_property
    def _distance(self) -> ReferenceDistance:
        return ReferenceDistance(self._reference)


class GraphModule(AnalysisModule):
    """A module whose engine is a compiled graph."""

    engine = GRAPH

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact)
        self._graph = Graph(artifact.engine)

    def run(self, model_input: ModelInput) -> Output:
        return self._graph.run(model_input.pixels)


class BinaryClassifier(GraphModule):
    """Yes or no: the first label from a threshold on, uncertain within a band around it."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact)
        decision = artifact.card.decision
        self._threshold = decision.at("threshold")
        self._uncertain = decision.at("uncertain_from"), decision.at("uncertain_to")

    def decide(self, output: Output) -> Decision:
        positive = float(output.probabilities[0])
        index = 0 if positive >= self._threshold else 1
        lowest, highest = self._uncertain
        return Decision(
            label=self.card.labels[index],
            confidence=float(output.probabilities[index]),
            probabilities=by_label(self.card.labels, output),
            certainty="uncertain" if lowest <= positive <= highest else "confident",
            heatmap=index,
        )


class Classifier(GraphModule):
    """One of several labels: the most probable, uncertain below a threshold."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact)
        self._confident = artifact.card.decision.at("confident")

    def decide(self, output: Output) -> Decision:
        return most_probable(self.card.labels, output, self._confident)


def most_probable(labels: tuple[str, ...], output: Output, confident: float) -> Decision:
    """Answer the most probable label; confident where its probability is at least that given."""
    index = int(output.probabilities.argmax())
    confidence = float(output.probabilities[index])
    return Decision(
        label=labels[index],
        confidence=confidence,
        probabilities=by_label(labels, output),
        certainty="confident" if confidence >= confident else "uncertain",
        heatmap=index,
    )


def by_label(labels: tuple[str, ...], output: Output) -> dict[str, float]:
    """Return an output's probabilities by label."""
    return {label: float(p) for label, p in zip(labels, output.probabilities, strict=True)}
