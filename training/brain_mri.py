"""What the recipes of all brain modules share: the data set, its committed split and its leaky original one."""

from training.dataset import FOLDERS
from training.recipe import Recipe


class BrainMri(Recipe):
    """A recipe on the Brain Tumor MRI Dataset."""

    manifest_name = "brain-tumor-mri"
    folders = FOLDERS
    has_original = True
    healthy = "No Tumor"
