"""Does a brain MRI slice show a tumor? Glioma, meningioma and pituitary tumor alike count as yes."""

from imip.inference.about import ETHICS, About
from imip.inference.brain_mri import DATA, FACTORS
from imip.inference.module import BinaryClassifier

DETAILS = """\
A sequential convolutional network trained from scratch: three blocks of convolution, ReLU and max pooling, a dense
layer of 96 units, and one sigmoid. It takes a single grayscale slice, cut to the head and fitted into 128x128
pixels, and standardises its tissue inside the graph. The heatmap is Grad-CAM (Selvaraju et al. 2017) at the last
convolution; the embedding is the square root of the mean activation of each of the 224 convolution channels.
Compiled to LiteRT."""

DECISION_RULE = """\
Chosen on the validation part: the label is Tumor from the highest calibrated probability at which 98% of its tumors
are still found. The decision is uncertain from where 99% of tumors are found up to where 99% of healthy slices are
ruled out."""

TRAINING = """\
So that a source's look does not give the label away, training mirrors the healthy half of a
head over its tumor in part of the tumor slices, which then count as healthy; paints a synthetic mass into part of
the healthy ones, which then count as tumors; borrows tones across sources; and weights slices so that plane and
outline do not tell the label. Threshold, calibration and the reference come from the validation part. The figures
come from the test part; the share of tumors the threshold must find, the out-of-distribution percentile and which
of a few trained networks to ship were settled with its figures in sight, so they are slightly flattering."""

CAVEATS = """\
Patients are not identified in the data, so groups only approximate them, and some leakage between parts may remain.
Healthy slices and tumors come from different sources; the network may still use that difference, and performance on
scans of other hospitals will be lower than the figures here. Pituitary and skull-base tumors in few slices, small
lesions, post-operative brains and rare tumors are under-represented or absent. Tried on template brains of other
origin (MNI152, Colin 27), it called most axial slices healthy, as they are, but most sagittal ones tumors, many of
them marked uncertain. Heatmaps often light up the scalp beside or instead of the tumor: the network still leans on
the look of its sources, and a heatmap that misses the tumor is a reason to distrust the label."""


class BrainTumor(BinaryClassifier):
    """Threshold and uncertain band are the artifact's."""

    about = About(
        title="Brain MRI: tumor or no tumor",
        question="Does the slice show a tumor?",
        labels=("Tumor", "No Tumor"),
        modalities=("MR",),
        side=128,
        details=DETAILS,
        decision_rule=DECISION_RULE,
        factors=FACTORS,
        data=f"{DATA} {TRAINING}",
        caveats=CAVEATS,
        headline="roc_auc",
        ethics=f"A missed tumor is the costlier error, so the threshold favours sensitivity; some are missed. {ETHICS}",
    )
