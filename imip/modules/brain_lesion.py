"""Detection of lesions in brain MRI slices, of whatever kind, and where they are."""

from imip.inference.head import find_head
from imip.inference.module import BinaryClassifier


class BrainLesion(BinaryClassifier):
    """The artifact defines the threshold, the uncertain band, and from what evidence on a place is a region."""

    crop = staticmethod(find_head)
