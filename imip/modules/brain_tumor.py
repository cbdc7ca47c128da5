"""Detection of tumors in brain MRI slices: glioma, meningioma and pituitary tumor are all positive."""

from imip.inference.head import find_head
from imip.inference.module import BinaryClassifier


class BrainTumor(BinaryClassifier):
    """The artifact defines the threshold and the uncertain band."""

    crop = staticmethod(find_head)
