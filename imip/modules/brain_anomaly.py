"""Does a brain MRI slice look unlike slices without a tumor? Learned from those alone, so it names no disease."""

from dataclasses import replace
from math import log

from imip.errors import ArtifactError
from imip.inference.about import ETHICS, About
from imip.inference.artifact import Artifact
from imip.inference.brain_mri import DATA, FACTORS
from imip.inference.card import Calibration
from imip.inference.decision import Compared, Decision, Reason
from imip.inference.module import BinaryClassifier
from imip.inference.output import Output

DETAILS = """\
A convolutional autoencoder trained from scratch on slices without a tumor alone: three blocks of convolution, batch
normalisation, leaky ReLU and max pooling, a bottleneck of 128 numbers, three transposed convolutions and a sigmoid,
386,049 weights. It takes a single grayscale slice, cut to the head and fitted into 64x64 pixels, and brings
its tissue to one mean and contrast inside the graph. The score is the mean of two measures, both in standard deviations
of the training slices. Reconstruction error: how far the largest 2% of errors stand out of the slice's own mean error,
each error smoothed, inside the head, and relative to the usual error at its place. Latent distance: Mahalanobis
distance of the 128 numbers from those of the training slices, covariance shrunk (Ledoit and Wolf 2004). The heatmap is
the error map, the same for either label; the embedding is the square root of the mean absolute activation of each of
the encoder's 160 channels. Compiled to LiteRT, all in one pass."""

DECISION_RULE = """\
Chosen on the validation part, whose slices without a tumor it was not trained on: Anomaly above the 95th percentile of
their calibrated probability; Normal below the probability that 90% of its tumors exceed, and never above 0.5;
Borderline between the two, at either limit too."""

TRAINING = """\
The network learned from the slices without a tumor of the training part alone, drawn so that every group of
near-duplicates counts once, mirrored, slightly turned and of other contrast, half of them with coarse noise to take
away (Kascenas et al. 2022). When to stop, the choice among a few networks and measures, calibration, thresholds and
reference come from the validation part. Calibration used its tumors too, which are most of its slices; where tumors are
rarer, the probability of an anomaly is too high. The figures come from the test part, which was looked at once, for
them."""

CAVEATS = """\
It sees lesions poorly, and worse than its ROC AUC says. Slices with and without a tumor come from different sources
here, which differ in sharpness, sequence and plane, and part of the AUC is that. On the test part most of it comes from
the latent distance, and the reconstruction error adds little, as a table shows. On the validation part the plain
reconstruction error even pointed the wrong way, as the tumors come from smoother pictures that are easier to redraw;
that is why errors are held to the slice's own mean. What a lesion alone is worth is in the table of painted lesions,
where nothing else differs: those are the figures to go by. The error map sees more than the score: its largest error
falls into a painted lesion far more often than by chance. Most tumors are answered Borderline, and some Normal. A
blurred reconstruction misses small lesions and marks normal anatomy, such as wide ventricles, bright fat or sulci; a
heatmap is no outline of a lesion. Some slices that the data set files as without a tumor visibly show other abnormal
areas: to this module they are normal. It knows few distinct normal slices, mostly axial; another plane, sequence or
hospital looks anomalous by itself. Patients are not identified in the data, so groups only approximate them, and some
leakage between parts may remain."""

SETTLES_NOTHING = "The score lies where slices with and without a tumor overlap: it settles nothing."
MEASURES = (  # the graph's, in its order: name, and what it measures in standard deviations of training slices
    ("reconstruction_error", "reconstruction error"),
    ("latent_distance", "distance in latent space"),
)


class BrainAnomaly(BinaryClassifier):
    """Threshold and borderline band are the artifact's. Within the band it chooses neither label."""

    about = About(
        title="Brain MRI: like slices without a tumor, or not",
        question="Does the slice look unlike slices without a tumor?",
        labels=("Anomaly", "Normal"),
        abstention="Borderline",
        modalities=("MR",),
        side=64,
        details=DETAILS,
        decision_rule=DECISION_RULE,
        factors=FACTORS,
        data=f"{DATA} {TRAINING}",
        caveats=CAVEATS,
        headline="roc_auc",
        ethics=f"Calling a slice normal is no finding of health: tumors are among them. {ETHICS}",
    )

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact)
        platt = artifact.card.calibration
        self._normal_below, self._anomaly_above = (score_at(limit, platt) for limit in self._uncertain)

    def decide(self, output: Output) -> Decision:
        decision = replace(super().decide(output), reasons=self._reasons(output))
        if decision.certainty == "confident":
            return decision
        assert self.card.abstention is not None
        likelier = int(output.probabilities.argmax())
        confidence = float(output.probabilities[likelier])
        return replace(
            decision,
            label=self.card.abstention,
            confidence=confidence,
            heatmap=likelier,
            advice=SETTLES_NOTHING,
        )

    def _reasons(self, output: Output) -> tuple[Reason, ...]:
        """Name both measures, then what their mean, the score, was asked: for an anomaly, and if it is none for normal.

        The questions are the decision's, in words of the score; so are the answers, whatever rounding does to a score.
        """
        assert output.measures is not None
        values = [float(value) for value in output.measures]
        measured = (_measured(name, words, value) for (name, words), value in zip(MEASURES, values, strict=True))
        anomaly, score = float(output.probabilities[0]), sum(values) / len(values)
        lowest, highest = self._uncertain
        is_anomaly = anomaly > highest
        asked = [_asked(score, "above" if is_anomaly else "at most", self._anomaly_above, "an anomaly")]
        if not is_anomaly:
            asked.append(_asked(score, "below" if anomaly < lowest else "at least", self._normal_below, "normal"))
        return (*measured, *asked)


def score_at(probability: float, platt: Calibration) -> float:
    """Return the score that Platt scaling makes this probability. Raises ArtifactError if none does."""
    try:
        return (log(probability / (1 - probability)) - platt.at("intercept")) / platt.at("slope")
    except (ValueError, ZeroDivisionError):
        raise ArtifactError(f"no score has the probability {probability:g} that card.yaml decides by") from None


def _measured(name: str, words: str, value: float) -> Reason:
    side = "above" if value >= 0 else "below"
    text = f"{words} {abs(value):.1f} standard deviations {side} that of training slices without a tumor"
    return Reason(text, name, value, None, None)


def _asked(score: float, compared: Compared, limit: float, outcome: str) -> Reason:
    text = f"score {score:.3g}, the mean of both, is {compared} {limit:.3g}, the limit of {outcome}"
    return Reason(text, "score", score, limit, compared)
