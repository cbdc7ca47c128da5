"""Anomaly detection on brain MRI slices. It is trained only on slices without a tumor, so it cannot name a disease."""

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

ADVICE = "The score lies where slices with and without a tumor overlap: it settles nothing."
MEASURES = (  # (name, text) in the order of the graph; in standard deviations of training slices
    ("reconstruction_error", "reconstruction error"),
    ("latent_distance", "distance in latent space"),
)


class BrainAnomaly(BinaryClassifier):
    """The artifact defines the threshold and the uncertain band. Inside the band the module abstains."""

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
        most_probable = int(output.probabilities.argmax())
        confidence = float(output.probabilities[most_probable])
        return replace(
            decision,
            label=self.card.abstention,
            confidence=confidence,
            heatmap=most_probable,
            advice=ADVICE,
        )

    def _reasons(self, output: Output) -> tuple[Reason, ...]:
        """Return both measures, then the comparison of the score, their mean, with the limit of an anomaly.

        If it is not an anomaly, also return the comparison with the limit of normal. The comparisons use the calibrated
        probability, like the decision, so that rounding of the score cannot contradict the label.
        """
        assert output.measures is not None
        values = [float(value) for value in output.measures]
        measures = (_measure(name, text, value) for (name, text), value in zip(MEASURES, values, strict=True))
        anomaly, score = float(output.probabilities[0]), sum(values) / len(values)
        lowest, highest = self._uncertain
        is_anomaly = anomaly > highest
        comparisons = [_compare(score, "above" if is_anomaly else "at most", self._anomaly_above, "an anomaly")]
        if not is_anomaly:
            relation: Compared = "below" if anomaly < lowest else "at least"
            comparisons.append(_compare(score, relation, self._normal_below, "normal"))
        return (*measures, *comparisons)


def score_at(probability: float, platt: Calibration) -> float:
    """Return the score that Platt scaling maps to a probability. Raises ArtifactError if there is none."""
    try:
        return (log(probability / (1 - probability)) - platt.at("intercept")) / platt.at("slope")
    except (ValueError, ZeroDivisionError):
        raise ArtifactError(f"no score has the probability {probability:g} that card.yaml decides by") from None


def _measure(name: str, description: str, value: float) -> Reason:
    side = "above" if value >= 0 else "below"
    text = f"{description} {abs(value):.1f} standard deviations {side} that of training slices without a tumor"
    return Reason(text, name, value, None, None)


def _compare(score: float, compared: Compared, limit: float, outcome: str) -> Reason:
    text = f"score {score:.3g}, the mean of both, is {compared} {limit:.3g}, the limit of {outcome}"
    return Reason(text, "score", score, limit, compared)
