"""Which type of tumor does a brain MRI slice show? Healthy first, then a type, or neither if none is likely enough."""

from collections.abc import Mapping

from imip.inference.about import ETHICS, About
from imip.inference.artifact import Artifact
from imip.inference.brain_mri import DATA, FACTORS
from imip.inference.decision import Decision, Reason
from imip.inference.module import GraphModule, by_label
from imip.inference.output import Output

HEALTHY = "No Tumor"
TYPES = ("Meningioma", "Glioma", "Pituitary")
AMBIGUOUS = "Ambiguous"
ADVICE = "No answer is likely enough to be given. A physician should look at the whole examination."

DETAILS = """\
MobileNetV2 (Sandler et al. 2018) at width 0.35 with pretrained weights, then the mean of each of its 1280 channels, a
dense layer of 256 units with ReLU, dropout 0.45 and a softmax over the four labels. It takes a single grayscale slice,
cut to the head and fitted into 224x224 pixels; scaling to -1..1 and repetition as red, green and blue are part of the
graph. The heatmap is Grad-CAM (Selvaraju et al. 2017) at the last convolution, 7x7; the embedding is the square root of
the mean activation of each of the 96 channels in the middle of block 6, up to where the weights are still the
pretrained ones. Compiled to LiteRT. The weights it started from are taken to be ImageNet's. That they fit this very
architecture and were trained on photographs, but not that these were ImageNet's, is shown by
`python -m training.mobilenet FILE`: the channel means that batch normalisation kept correlate with those of 44 cuts of
photographs at 0.972 (median over layers), and at -0.010 once the values of each kernel are shuffled; 91% of the cuts
are most like another cut of the same photograph, and 18% after shuffling."""

DECISION_RULE = """\
In two stages: No Tumor if its probability reaches its threshold, else the likeliest type if that reaches its own, else
Ambiguous. Each threshold is chosen on the validation part, where Youden's J, generalised to costs (Perkins and
Schisterman 2006), is highest: for No Tumor a missed tumor costs ten healthy slices left without an answer; for a type,
among the slices that would get it, a wrong answer costs three right ones withheld."""

TRAINING = """\
Trained in two stages: the dense layers alone; then, at a tenth of that rate, the convolutions from the end of block 6
on as well, with batch normalisation frozen throughout. The weights before that point stay the pretrained ones. Labels
are weighted by the inverse of how common they are. A training slice is shown in eight looks: turned, zoomed, shifted,
sheared, stretched, flipped, of other brightness and contrast, some cropped at the border, stripped of the skull, of
another slice's tones, uneven, blurred, coarsened, noisy or re-compressed. When to stop, the choice between two lengths
of training, the costs, calibration, thresholds and reference come from the validation part; the test part was looked at
once, for the figures."""

CAVEATS = """\
Patients are not identified in the data, so groups only approximate them: slices of one patient's tumor may stand on
both sides of the split, and the figures may still flatter. Tumors come from one source and healthy slices from others,
of other sequence and plane, so No Tumor is told partly by the look of its sources: looked at by eye in validation,
healthy slices not answered No Tumor were T1-weighted, sagittal or coronal, as the tumors are. On scans of other
hospitals all figures will be lower. Meningioma is the weakest label: it is confused with glioma, and with pituitary
tumor at the base of the skull, where the place speaks louder than the tumor itself. The answers are the more alike the
nearer two slices are in one patient, so that errors come in rows of slices; the intervals over groups allow for that.
Slices filed as without a tumor include other visible disease, such as infarcts and inflammation, and even CT: No Tumor
does not mean healthy. Only three types exist for this module; metastases, lymphomas, schwannomas and all others get one
of its labels or Ambiguous. Heatmaps are coarse, 7x7. An impression, from some validation slices looked at by eye: their
hottest spot lay on the tumor in about half of the meningiomas, and in fewer pituitary tumors and gliomas; elsewhere it
lay beside it or, above all for gliomas, the map spread all over the brain. A heatmap that misses the tumor is a reason
to distrust the label."""


class BrainTumorType(GraphModule):
    """Decides in two stages, by a threshold of the artifact for each label."""

    about = About(
        title="Brain MRI: type of tumor",
        question="Which type of tumor does the slice show, if any?",
        labels=(HEALTHY, *TYPES),
        abstention=AMBIGUOUS,
        modalities=("MR",),
        side=224,
        details=DETAILS,
        decision_rule=DECISION_RULE,
        factors=FACTORS,
        data=f"{DATA} {TRAINING}",
        caveats=CAVEATS,
        headline="accuracy",
        ethics=f"A tumor answered as No Tumor is the costliest error, and some are. {ETHICS}",
    )

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact)
        self._thresholds = {label: artifact.card.decision.at(label) for label in self.about.labels}

    def decide(self, output: Output) -> Decision:
        probabilities = by_label(self.card.labels, output)
        label = choose_label(probabilities, self._thresholds)
        most_probable = int(output.probabilities.argmax())
        index = most_probable if label == AMBIGUOUS else self.card.labels.index(label)
        return Decision(
            label=label,
            confidence=float(output.probabilities[index]),
            probabilities=probabilities,
            certainty="uncertain" if label == AMBIGUOUS else "confident",
            heatmap=index,
            reasons=self._reasons(probabilities, label),
            advice=ADVICE if label == AMBIGUOUS else None,
        )

    def _reasons(self, probabilities: Mapping[str, float], label: str) -> tuple[Reason, ...]:
        """Name the stages that were gone through: No Tumor, and if that was not answered, the likeliest type."""
        stages = (HEALTHY,) if label == HEALTHY else (HEALTHY, likeliest_type(probabilities))
        return tuple(_compared(name, probabilities[name], self._thresholds[name]) for name in stages)


def choose_label(probabilities: Mapping[str, float], thresholds: Mapping[str, float]) -> str:
    """Return No Tumor if it reaches its threshold, else the likeliest type if that reaches its own, else Ambiguous."""
    if probabilities[HEALTHY] >= thresholds[HEALTHY]:
        return HEALTHY
    likeliest = likeliest_type(probabilities)
    return likeliest if probabilities[likeliest] >= thresholds[likeliest] else AMBIGUOUS


def likeliest_type(probabilities: Mapping[str, float]) -> str:
    """Return the tumor type of the highest probability."""
    return max(TYPES, key=lambda name: probabilities[name])


def _compared(label: str, probability: float, threshold: float) -> Reason:
    reaches = probability >= threshold
    text = f"{label} at {probability:.1%} {'reaches' if reaches else 'misses'} its threshold of {threshold:.1%}"
    return Reason(text, f"probability of {label}", probability, threshold, "at least" if reaches else "below")
