"""What the recipes of all brain modules share: the data set, its committed split and its leaky original one."""

from pathlib import Path
from typing import Final

from training.data.samples import FOLDERS, Sample, plain
from training.recipe import Recipe

TYPES: Final = {"notumor": "No Tumor", "meningioma": "Meningioma", "glioma": "Glioma", "pituitary": "Pituitary"}

TYPED: Final = {folder: name for folder, name in FOLDERS.items() if name in TYPES}


class BrainMri(Recipe):
    """A recipe on the Brain Tumor MRI Dataset."""

    manifest_name = "brain-tumor-mri"
    folders = FOLDERS
    has_original = True
    healthy = "No Tumor"


class BrainMriTypes(BrainMri):
    """A recipe that tells the types of tumor apart: a folder that says no more than that there is one will not do."""

    folders = TYPED

    def label(self, class_name: str) -> str:
        return TYPES[class_name]

    def samples(self, data: Path) -> tuple[list[Sample], int]:
        """Read labelled scans. Raises FileNotFoundError, naming the folders that would do, if some name no type."""
        untyped = FOLDERS.keys() - self.folders.keys()
        if any(path.is_file() and plain(path.parent.name) in untyped for path in data.rglob("*")):
            raise FileNotFoundError(
                f"folders named {' or '.join(sorted(untyped))} do not tell the type of tumor: expected folders named "
                f"{', '.join(sorted(self.folders))}"
            )
        return super().samples(data)
