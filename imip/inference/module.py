"""The base classes of analysis modules. Each module is one file in `imip/modules/`.

A module adds three steps to a model: prepare its input from a scan, run its engine, and decide from the output. Most
modules define only a crop and inherit the rest.
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
from imip.inference.regions import RegionRule, find_regions, pixel_area
from imip.inference.runtime import GRAPH, Graph
from imip.prediction import EvidenceRegion
from imip.scan.scan import Scan

WHOLE_EVIDENCE = 0  # place of the heatmap that holds the evidence of anything looked for, not of one label alone
FOREIGN = 0  # place of the probability of a foreign picture among the measures of a model that computes it


class AnalysisModule(ABC):
    """Predicts one label for a scan. Not thread-safe: use one instance per thread."""

    name: ClassVar[str]  # derived from the file name
    engine: ClassVar[str]  # file name in the artifact

    def __init_subclass__(cls) -> None:
        cls.name = cls.__module__.rpartition(".")[2].replace("_", "-")

    def __init__(self, artifact: Artifact) -> None:
        self.card = artifact.card
        self._reference = artifact.reference
        self._region_rule = RegionRule.of(artifact.card) if artifact.card.heatmap == "evidence" else None

    @staticmethod
    def crop(pixels: NDArray[np.uint8]) -> Region:
        """Return the region of a slice, (H, W), that the model sees; by default the whole slice."""
        return Region(0, 0, pixels.shape[0], pixels.shape[1])

    def prepare(self, scan: Scan, features: Mapping[str, float]) -> ModelInput:
        """Crop a scan and scale it to the input size of the model. `features`: the IMAGE_FEATURES of the scan."""
        return fit_region(scan.pixels, self.crop(scan.pixels), self.card.input.side)

    @abstractmethod
    def run(self, model_input: ModelInput) -> Output:
        """Run the model on one input."""

    @abstractmethod
    def decide(self, output: Output) -> Decision:
        """Return the decision for an output."""

    def is_negative(self, decision: Decision) -> bool:
        """Return whether the decision leans to nothing being there; by default the second of two labels does."""
        return len(self.card.labels) == 2 and decision.label == self.card.labels[1]

    def regions(
        self,
        output: Output,
        decision: Decision,
        model_input: ModelInput,
        scan: Scan,
        features: Mapping[str, float],
    ) -> tuple[EvidenceRegion, ...]:
        """Return where what was found is in the scan, strongest first.

        () if the decision is negative or the heatmaps are not evidence. A label has at least one region, an abstention
        may have none. `features`: the IMAGE_FEATURES of the scan.
        """
        if self._region_rule is None or self.is_negative(decision):
            return ()
        evidence = output.heatmaps[:, :, WHOLE_EVIDENCE]
        foreground = features["foreground_ratio"] * scan.pixels.size
        return find_regions(
            evidence,
            self._region_rule,
            model_input,
            foreground,
            pixel_area(scan.attributes),
            at_least_one=decision.label != self.card.abstention,
        )

    def is_out_of_distribution(self, output: Output) -> bool:
        """Return whether a scan is too far from the reference scans, or no scan of this kind by the model's measure."""
        limit = self.card.out_of_distribution
        if limit.foreign is not None and output.measures is not None and output.measures[FOREIGN] > limit.foreign:
            return True
        return bool(self._distance(output.embedding) > limit.threshold)

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
    """Two labels: the first if its probability reaches a threshold; uncertain within a band around it."""

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
    """Several labels: the most probable one; uncertain below a threshold."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact)
        self._confident = artifact.card.decision.at("confident")

    def decide(self, output: Output) -> Decision:
        return most_probable(self.card.labels, output, self._confident)


def most_probable(labels: tuple[str, ...], output: Output, confident: float) -> Decision:
    """Return the most probable label; confident if its probability is at least `confident`."""
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
    """Return the probabilities of an output by label."""
    return {label: float(p) for label, p in zip(labels, output.probabilities, strict=True)}
