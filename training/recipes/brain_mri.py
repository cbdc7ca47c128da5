"""What the recipes of all brain modules share: the data set, its committed split and its leaky original one.

The files of its tumors are numbered by patient, as far as can be seen: about half of all neighbours in that numbering
correlate at 0.85 or more, against 1% of random pairs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imip.inference.head import crop_to_head
from training.data.batches import as_inputs
from training.data.samples import Sample, plain
from training.recipe import Recipe

NO_TUMOR: Final = "notumor"
TUMORS: Final = ("glioma", "meningioma", "pituitary")
TYPED: Final = {**{name: name for name in (*TUMORS, NO_TUMOR)}, "no_tumor": NO_TUMOR, "no": NO_TUMOR}
FOLDERS: Final = {**TYPED, "tumor": "tumor", "yes": "tumor"}
TYPES: Final = {NO_TUMOR: "No Tumor", "meningioma": "Meningioma", "glioma": "Glioma", "pituitary": "Pituitary"}


class BrainMri(Recipe):
    """A recipe on the Brain Tumor MRI Dataset."""

    manifest_name = "brain-tumor-mri"
    folders = FOLDERS
    test_folder = "Testing"
    numbered = TUMORS
    healthy = "No Tumor"


class BrainMriTypes(BrainMri):
    """A recipe that needs the type of each tumor: a folder that says only that there is one is refused."""

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


def is_tumor(samples: Sequence[Sample]) -> NDArray[np.bool_]:
    """Return which samples show a tumor, (n,)."""
    return np.array([sample.class_name != NO_TUMOR for sample in samples], np.bool_)


def head_inputs(samples: Sequence[Sample], side: int) -> NDArray[np.float32]:
    """Return samples cut to the head as a network's input, (n, side, side, 1), 0..255."""
    return as_inputs([crop_to_head(sample.pixels, side).pixels for sample in samples])
