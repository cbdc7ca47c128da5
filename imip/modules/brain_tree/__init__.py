"""Which of three tumors does a brain MRI slice show, if any? A single decision tree, which can say why in words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imip.errors import ArtifactError
from imip.inference.about import ETHICS, About
from imip.inference.artifact import Artifact
from imip.inference.brain_mri import DATA, FACTORS
from imip.inference.decision import Decision
from imip.inference.module import AnalysisModule, most_probable
from imip.inference.output import Output
from imip.inference.preprocessing import ModelInput, crop_to_head
from imip.modules.brain_tree.reasons import reason
from imip.modules.brain_tree.regions import heatmaps
from imip.modules.brain_tree.texture import TEXTURE_FEATURES, texture
from imip.modules.brain_tree.tree import TREE, Step, Tree
from imip.scan.read import Scan

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
ERRORS = "A missed tumor is the costlier error, and this tree misses some; far more often it names the wrong kind."
NO_PLACE = (
    "The heatmap is empty: no measure on this path that spoke for the label has a place in the slice. The reasons say "
    "what was measured."
)

DETAILS = """\
A single decision tree (CART, Breiman et al. 1984), grown by scikit-learn and served as plain arrays. It asks 37
measures of the head alone: nine image features (outline, grey levels, symmetry, shading), and textures of the slice
cut to the head and fitted into 128x128 pixels: local binary patterns (Ojala et al. 2002) at 1 and 4 pixels, and
co-occurrence of grey levels (Haralick et al. 1973) at the same distances. Left out are the size of the file, noise,
sharpness and compression, and all that the air around the head moves: these tell where a slice was published rather
than what it shows. The probability is the share of a label among the training scans in the leaf, smoothed after
Laplace and calibrated. Each answer says the path to it in words and values. The heatmap holds, for each step that
raised the label's share, where in the head the same measure, taken around each pixel, lies on the same side of the
threshold. The embedding is the standardised measures."""

DECISION_RULE = """\
The label is the most probable one. It is confident from the lowest probability at or above which 90% of the labels are
right on the validation part, else uncertain."""

TRAINING = """\
The tree was grown on each training slice as it is and in two other looks: compressed, resized, dimmed or brightened,
blurred, or noisy. Depth was chosen by cross-validation over groups of the training part; calibration, threshold and
reference come from the validation part, the figures from the test part, which was looked at once, for them."""

CAVEATS = """\
A single tree on measures of the whole head is a weak classifier: read its figures beside those of the networks here.
It sees no tumor. It knows how often each pattern occurs in a head, and in this data set labels differ in that through
scanner, sequence, plane and the publisher's own processing as well; healthy slices and tumors come from different
sources. The share of bright spots, which it leans on most, follows how sharp a picture is, and the mean brightness of
the head has no meaning in MR, where grey levels have no scale. Grown on slices in several looks, it still changes many
answers when a slice is blurred, resized or dimmed, as a table shows. Another shows that what the air around the head
moves, alone, tells the labels apart as well as all that the tree asks: so easily does this data set reward a wrong
sign, which is why it was left out. A measure close to its threshold, as a reason shows, makes a fragile answer.
Patients are not identified in the data, so groups only approximate them, and some leakage between parts may remain.
The heatmap shows where in the head a texture is common, not where a tumor is, and often lies on skin and skull; where
no step that spoke for the label has a place it is empty, and the answer says so."""


@dataclass(frozen=True, slots=True)
class Measured(ModelInput):
    """A cropped slice, and what was measured inside its head."""

    head: NDArray[np.float32]  # HEAD_FEATURES


@dataclass(frozen=True, slots=True)
class Walked(Output):
    """An output, and the way down the tree that led to it."""

    steps: tuple[Step, ...] = ()


class BrainTree(AnalysisModule):
    """The label of the leaf that a slice comes to; uncertain below a threshold.

    Raises ArtifactError if the tree asks for other measures or knows other labels.
    """

    engine = TREE
    about = About(
        title="Brain MRI: which tumor, by a decision tree",
        question="Which kind of tumor does the slice show, if any, and by which measures?",
        labels=("No Tumor", "Meningioma", "Glioma", "Pituitary"),
        modalities=("MR",),
        side=128,
        details=DETAILS,
        decision_rule=DECISION_RULE,
        factors=FACTORS,
        data=f"{DATA} {TRAINING}",
        caveats=CAVEATS,
        headline="balanced_accuracy",
        ethics=f"{ERRORS} {ETHICS}",
    )

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact)
        self._tree = Tree.read(artifact.engine)
        if tuple(self._tree.measures) != MEASURES or self._tree.shares.shape[1] != len(self.about.labels):
            raise ArtifactError(f"{TREE} is of other measures or labels than this module's")
        self._confident = artifact.card.decision.at("confident")

    @classmethod
    def prepare(cls, scan: Scan, features: Mapping[str, float]) -> Measured:
        """Cut to the head, and keep what was measured inside it."""
        model_input = crop_to_head(scan.pixels, cls.about.side)
        head = np.array([features[name] for name in HEAD_FEATURES], np.float32)
        return Measured(model_input.pixels, model_input.region, model_input.slice_shape, head)

    def run(self, model_input: ModelInput) -> Walked:
        """Measure the texture and walk down the tree."""
        assert isinstance(model_input, Measured)
        surface = texture(model_input.pixels)
        measures = np.array([*model_input.head, *surface.features().values()], np.float32)
        steps, leaf = self._tree.path(measures)
        maps = heatmaps(steps, model_input.pixels, surface, len(self.about.labels))
        return Walked(self._tree.shares[leaf], self._tree.embed(measures), maps, measures, steps)

    def decide(self, output: Output) -> Decision:
        """Conclude from the leaf, and say the path to it."""
        assert isinstance(output, Walked)
        decision = most_probable(self.card.labels, output, self._confident)
        placed = output.heatmaps[:, :, decision.heatmap].any()
        return replace(decision, reasons=tuple(map(reason, output.steps)), advice=None if placed else NO_PLACE)
