"""Classification of tumor types in brain MRI slices: healthy, one of three types, or ambiguous."""

from collections.abc import Mapping

from imip.inference.artifact import Artifact
from imip.inference.decision import Decision
from imip.inference.head import find_head
from imip.inference.module import GraphModule, by_label
from imip.inference.output import Output
from imip.prediction import Reason

HEALTHY = "No Tumor"
TYPES = ("Meningioma", "Glioma", "Pituitary")
AMBIGUOUS = "Ambiguous"
ADVICE = "No answer is likely enough to be given. A physician should look at the whole examination."


class BrainTumorType(GraphModule):
    """Decides in two stages. The artifact defines a threshold for each label."""

    crop = staticmethod(find_head)

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact)
        self._thresholds = {label: artifact.card.decision.at(label) for label in self.card.labels}

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

    def is_negative(self, decision: Decision) -> bool:
        """Return whether No Tumor is the label or, where that is Ambiguous, the most probable one."""
        return self.card.labels[decision.heatmap] == HEALTHY

    def _reasons(self, probabilities: Mapping[str, float], label: str) -> tuple[Reason, ...]:
        """Return the comparisons of the decision: No Tumor and, if the slice is not healthy, the most probable type."""
        stages = (HEALTHY,) if label == HEALTHY else (HEALTHY, most_probable_type(probabilities))
        return tuple(_compare(name, probabilities[name], self._thresholds[name]) for name in stages)


def choose_label(probabilities: Mapping[str, float], thresholds: Mapping[str, float]) -> str:
    """Return No Tumor if it reaches its threshold, else the most probable type if that does, else Ambiguous."""
    if probabilities[HEALTHY] >= thresholds[HEALTHY]:
        return HEALTHY
    tumor = most_probable_type(probabilities)
    return tumor if probabilities[tumor] >= thresholds[tumor] else AMBIGUOUS


def most_probable_type(probabilities: Mapping[str, float]) -> str:
    """Return the tumor type with the highest probability."""
    return max(TYPES, key=lambda name: probabilities[name])


def _compare(label: str, probability: float, threshold: float) -> Reason:
    reaches = probability >= threshold
    text = f"{label} at {probability:.1%} {'reaches' if reaches else 'misses'} its threshold of {threshold:.1%}"
    return Reason(text, f"probability of {label}", probability, threshold, "at least" if reaches else "below")
