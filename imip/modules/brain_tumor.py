"""Does a brain MRI slice show a tumor? Glioma, meningioma and pituitary tumor alike count as yes."""

from imip.inference.head import find_head
from imip.inference.module import BinaryClassifier


class BrainTumor(BinaryClassifier):
    """Threshold and uncertain band are the artifact's."""

    crop = staticmethod(find_head)
