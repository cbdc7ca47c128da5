"""The card of the `brain-tumor` model: its words stand here, its numbers come from training and measurement."""

from imip.card import Calibration, Card, Decision, InputSpec, OutOfDistribution
from training import brain_tumor
from training.calibration import OperatingPoint, Platt

TITLE = "Brain MRI: tumor or no tumor"

DETAILS = """\
A sequential convolutional network trained from scratch: three blocks of convolution, ReLU and max pooling, a dense
layer of 96 units, and one sigmoid. It takes a single grayscale slice, cut to the head and fitted into 128x128
pixels, and standardises its tissue inside the graph. The heatmap is Grad-CAM (Selvaraju et al. 2017) at the last
convolution; the embedding is the square root of the mean activation of each of the 224 convolution channels.
Compiled to LiteRT."""

INTENDED_USE = """\
Research and teaching: showing how a classifier of medical images is trained, served, explained, monitored and where
it fails. For researchers, students and lecturers."""

NON_RECOMMENDED_USE = """\
Any clinical use: diagnosis, screening, triage, second reading, choice of treatment. It is not a medical device, no
physician reviewed its answers, and no regulator has seen it. It must not judge CT, X-ray, ultrasound, other organs,
or pictures that are no scans; a warning for such input exists but does not catch all of it. It looks at one slice
at a time and says nothing about a whole examination."""

FACTORS = """\
Plane (axial, coronal, sagittal), sequence (T1 with contrast dominates the tumors; the healthy slices mix T1, T2 and
FLAIR), scanner, field of view, compression. Age, sex, ethnicity, country and disease stage are unknown for this
data set, so performance by such groups cannot be measured."""

DATA = """\
The public Brain Tumor MRI Dataset (Nickparvar, Kaggle, CC0; merged from Cheng's figshare set, CC BY 4.0, SARTAJ and
Br35H), a re-compressed mirror of 224x224 JPEG slices in four classes. Its own Training and Testing folders leak:
the same slices and the same patients stand in both. They are ignored. Slices are grouped by near-duplicates
(correlation of 32x32 reductions >= 0.95, raw, cut to the head and mirrored) and by neighbouring file numbers of one
tumor folder that correlate at >= 0.85 (the numbering follows patients), and whole groups are split 70/15/15,
stratified by class. So that a source's look does not give the label away, training mirrors the healthy half of a
head over its tumor in part of the tumor slices, which then count as healthy; paints a synthetic mass into part of
the healthy ones, which then count as tumors; borrows tones across sources; and weights slices so that plane and
outline do not tell the label. Threshold, calibration and the reference come from the validation part. The figures
come from the test part; the share of tumors the threshold must find, the out-of-distribution percentile and which
of a few trained networks to ship were settled with its figures in sight, so they are slightly flattering."""

ETHICS = """\
A missed tumor is the costlier error, so the threshold favours sensitivity; even so, tumors are missed. Patients in
the source data sets did not consent to this use specifically; the sets were published for research without
identities. Answers may be wrong in ways that look convincing, and a heatmap shows where evidence was found, not
that it is right."""

CAVEATS = """\
Patients are not identified in the data, so groups only approximate them, and some leakage between parts may remain.
Healthy slices and tumors come from different sources; the network may still use that difference, and performance on
scans of other hospitals will be lower than the figures here. Pituitary and skull-base tumors in few slices, small
lesions, post-operative brains and rare tumors are under-represented or absent. Tried on template brains of other
origin (MNI152, Colin 27), it called most axial slices healthy, as they are, but most sagittal ones tumors, many of
them marked uncertain. Heatmaps often light up the scalp beside or instead of the tumor: the network still leans on
the look of its sources, and a heatmap that misses the tumor is a reason to distrust the label."""

DECISION_RULE = """\
Chosen on the validation part: the label is Tumor from the highest calibrated probability at which 98% of its tumors
are still found. The decision is uncertain from where 99% of tumors are found up to where 99% of healthy slices are
ruled out."""

DISTANCE = "Mahalanobis distance of the embedding to the reference (Lee et al. 2018), covariance shrunk by 0.1"

FOREIGN_RULE = "99th percentile of the distances of validation scans to a reference without their own groups"


def write_card(
    version: str, platt: Platt, point: OperatingPoint, foreign_distance: float, files: dict[str, str]
) -> Card:
    """Return the card of one version, not evaluated yet; `files` are the SHA-256 of the artifact's other files."""
    return Card(
        module="brain-tumor",
        version=version,
        title=TITLE,
        labels=("Tumor", "No Tumor"),
        input=InputSpec(side=brain_tumor.SIDE, modality="MR"),
        decision=Decision(
            threshold=point.threshold,
            uncertain_from=point.uncertain_from,
            uncertain_to=point.uncertain_to,
            rule=DECISION_RULE,
        ),
        calibration=Calibration(method="Platt scaling on validation", slope=platt.slope, intercept=platt.intercept),
        out_of_distribution=OutOfDistribution(distance=DISTANCE, threshold=foreign_distance, rule=FOREIGN_RULE),
        files=files,
        licence="Apache-2.0",
        details=DETAILS,
        intended_use=INTENDED_USE,
        non_recommended_use=NON_RECOMMENDED_USE,
        factors=FACTORS,
        data=DATA,
        metrics={},
        ethics=ETHICS,
        caveats=CAVEATS,
    )
