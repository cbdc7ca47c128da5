"""Does a chest film show pneumonia? A module of another modality, another size and other labels than a brain's."""

from collections.abc import Mapping

from imip.inference.about import ETHICS, About
from imip.inference.module import BinaryClassifier
from imip.inference.preprocessing import ModelInput, Region, fit_region
from imip.scan.read import Scan

DETAILS = """\
A sequential convolutional network trained from scratch, the default one of this repository: three blocks of two
convolutions each, the mean of each channel, a dense layer of 64 units, and one sigmoid. It takes a chest film, cut to
the square in its middle and reduced to 28x28 pixels, and standardises it inside the graph. The heatmap is Grad-CAM
(Selvaraju et al. 2017) at the last convolution, 7x7; the embedding is the square root of the mean activation of each
of the 224 channels that end a block. Compiled to LiteRT."""

DECISION_RULE = """\
Chosen on the validation part: the label is Pneumonia from the highest calibrated probability at which 98% of its
films with pneumonia are still found. The decision is uncertain from where 99% of them are found up to where 99% of
normal films are ruled out."""

FACTORS = """\
Projection, exposure, patient's position, inspiration, and what a film carries beside the patient: side markers, text,
tubes, electrodes. All films are of children of one to five years, taken from front to back in one hospital in
Guangzhou. Sex, age and disease stage are not in the data, so performance by such groups cannot be measured."""

DATA = """\
PneumoniaMNIST of MedMNIST v2 (Yang et al., Scientific Data 2023, CC BY 4.0), reduced from the chest films of Kermany et
al. 2018 to 28x28 pixels; bacterial and viral pneumonia are one label. The official split is kept: 4,708 films for
training, 524 for validation, 624 for the test. A table counts the near-duplicates among them: training films that are
exact copies of validation films are left out of training, no test film is a copy of a training film, and test films
that are near-duplicates of each other count as one group in the intervals. Validation was drawn at random from the
source's own training folder and shares patients with training, which the data do not name; the test films are the
source's own test folder, of other patients and with another share of normal films. So validation looks better than the
test, and what is chosen on validation, threshold and calibration above all, fits the test worse. Network, augmentation
and epoch were chosen on validation alone; the test part was looked at once, for the figures here."""

CAVEATS = """\
MedMNIST's own table, beside the figures above, holds a better model, that of Google AutoML Vision. Normal films of
the test part are called Pneumonia far more often than those of validation, and probabilities are less well
calibrated on them: already another folder of the same hospital is a shift, and another hospital will be a larger
one. At 28x28 pixels, one pixel is about a centimetre of a child's chest: small consolidations, fine reticular
patterns and pleural lines are gone, whatever the size of the film that was sent. Full-size films are reduced by area
means; how the data set was reduced is not published in detail, and no full-size film with a label was at hand to
measure what a difference costs. A film of an adult, from the side, or with the arms or the belly in the middle is
outside what it knows. Markers, borders and tubes within the square are seen and may be taken for a sign. Heatmaps of
validation films light up the lungs and the middle of the chest, but often also the belly at the lower edge and the
lower corners: the network also goes by how a film was framed, which in this source differs by label. Reference and
drift statistics are of 28x28 pictures; size, sharpness and texture of full-size films differ from them by nature."""


class ChestPneumonia(BinaryClassifier):
    """Films are cut as MedMNIST cut them; threshold and uncertain band are the artifact's."""

    about = About(
        title="Chest X-ray: pneumonia or normal",
        question="Does the chest film show pneumonia?",
        labels=("Pneumonia", "Normal"),
        modalities=("CR", "DX"),
        side=28,
        details=DETAILS,
        decision_rule=DECISION_RULE,
        factors=FACTORS,
        data=DATA,
        caveats=CAVEATS,
        headline="roc_auc",
        ethics=f"The films are of children, who could not consent themselves. {ETHICS}",
    )

    @classmethod
    def prepare(cls, scan: Scan, features: Mapping[str, float]) -> ModelInput:
        """Cut the square of the shorter edge from the middle, as MedMNIST v2 did to its sources, and reduce it.

        A 28x28 film passes unchanged.
        """
        height, width = scan.pixels.shape
        edge = min(height, width)
        top, left = (height - edge) // 2, (width - edge) // 2
        return fit_region(scan.pixels, Region(top, left, top + edge, left + edge), cls.about.side)
