"""Does a brain MRI slice look unlike slices without a tumor? Learned from those alone, so it names no disease."""

from dataclasses import replace
from math import log

from imip.errors import ArtifactError
from imip.inference.artifact import Artifact
from imip.inference.card import Calibration
from imip.inference.decision import Decision
from imip.inference.head import find_head
from imip.inference.module import BinaryClassifier
from imip.inference.output import Output
from imip.prediction import Compared, Reason

SETTLES_NOTHING = "The score lies where slices with and without a tumor overlap: it settles nothing."
MEASURES = (  # the graph's, in its order: name, and what it measures in standard deviations of training slices
    ("reconstruction_error", "reconstruction error"),
    ("latent_distance", "distance in latent space"),
)


class BrainAnomaly(BinaryClassifier):
    """Threshold and borderline band are the artifact's. Within the band it chooses neither label."""

    crop = staticmethod(find_head)

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
