"""What a module is, in words and constants: the part of its card that its author writes and nobody measures."""

from dataclasses import dataclass

INTENDED_USE = """\
Research and teaching: showing how a classifier of medical images is trained, served, explained, monitored and where
it fails. For researchers, students and lecturers."""

NON_RECOMMENDED_USE = """\
Any clinical use: diagnosis, screening, triage, second reading, choice of treatment. It is not a medical device, no
physician reviewed its answers, and no regulator has seen it. It must not judge other modalities or other organs than
it was made for, or pictures that are no scans; a warning for such input exists but does not catch all of it. It looks
at one picture at a time and says nothing about a whole examination."""

ETHICS = """\
Patients in the source data sets did not consent to this use specifically; the sets were published for research
without identities. Answers may be wrong in ways that look convincing, and an explanation shows what the model went
by, not that it is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """One module. The texts end up in its card, where Mitchell et al. 2019, "Model Cards", says what they are for."""

    title: str
    question: str  # that it answers, for who picks a module
    labels: tuple[str, ...]  # in the model's order
    modalities: tuple[str, ...]  # DICOM Modality codes (PS3.3 C.7.3.1.1.1) of scans it is for, the usual one first
    side: int  # pixels of its square input
    details: str
    decision_rule: str  # how its thresholds were chosen
    factors: str
    data: str
    caveats: str
    headline: str  # the figure of card.metrics["test"]["metrics"] that sums it up
    abstention: str | None = None  # what it answers where it will not choose a label
    intended_use: str = INTENDED_USE
    non_recommended_use: str = NON_RECOMMENDED_USE
    ethics: str = ETHICS
    licence: str = "Apache-2.0"
