"""Classification of tumor types in brain MRI slices with one decision tree, which gives its reasons as text."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imip.errors import ArtifactError
from imip.inference.artifact import Artifact
from imip.inference.decision import Decision
from imip.inference.head import find_head
from imip.inference.module import AnalysisModule, most_probable
from imip.inference.output import Output
from imip.inference.preprocessing import ModelInput
from imip.modules.brain_tree.reasons import describe_step
from imip.modules.brain_tree.regions import heatmaps
from imip.modules.brain_tree.texture import TEXTURE_FEATURES, measure_texture
from imip.modules.brain_tree.tree import TREE, Step, Tree
from imip.scan.scan import Scan

HEAD_FEATURES = (
    "foreground_aspect",
    "foreground_brightness",
    "foreground_variation",
    "foreground_midtone",
    "foreground_black_ratio",
    "symmetry",
    "shading_vertical",
    "shading_horizontal",
    "shading_radial",
)
MEASURES = HEAD_FEATURES + TEXTURE_FEATURES
EMPTY_HEATMAP = (
    "The heatmap is empty: no measure on this path that spoke for the label has a place in the slice. The reasons say "
    "what was measured."
)


@dataclass(frozen=True, slots=True)
class TreeInput(ModelInput):
    """A cropped slice and the features of its head."""

    head: NDArray[np.float32]  # HEAD_FEATURES


@dataclass(frozen=True, slots=True)
class TreeOutput(Output):
    """An output and the path through the tree that led to it."""

    steps: tuple[Step, ...] = ()


class BrainTree(AnalysisModule):
    """Returns the label of the leaf that a slice reaches; uncertain below a threshold.

    Raises ArtifactError if the tree has other measures or labels than this module.
    """

    engine = TREE
    crop = staticmethod(find_head)

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact)
        self._tree = Tree.read(artifact.engine)
        if tuple(self._tree.measures) != MEASURES or self._tree.shares.shape[1] != len(self.card.labels):
            raise ArtifactError(f"{TREE} is of other measures or labels than this module's")
        self._confident = artifact.card.decision.at("confident")

    def prepare(self, scan: Scan, features: Mapping[str, float]) -> TreeInput:
        """Crop to the head and select the features of the head."""
        model_input = super().prepare(scan, features)
        head = np.array([features[name] for name in HEAD_FEATURES], np.float32)
        return TreeInput(model_input.pixels, model_input.region, model_input.slice_shape, head)

    def run(self, model_input: ModelInput) -> TreeOutput:
        """Measure the texture and follow the tree to a leaf."""
        assert isinstance(model_input, TreeInput)
        texture = measure_texture(model_input.pixels)
        measures = np.array([*model_input.head, *texture.features().values()], np.float32)
        steps, leaf = self._tree.path(measures)
        maps = heatmaps(steps, model_input.pixels, texture, len(self.card.labels))
        return TreeOutput(self._tree.shares[leaf], self._tree.embed(measures), maps, measures, steps)

    def decide(self, output: Output) -> Decision:
        """Decide by the leaf, with the steps of the path as reasons."""
        assert isinstance(output, TreeOutput)
        decision = most_probable(self.card.labels, output, self._confident)
        has_heatmap = output.heatmaps[:, :, decision.heatmap].any()
        return replace(
            decision, reasons=tuple(map(describe_step, output.steps)), advice=None if has_heatmap else EMPTY_HEATMAP
        )
