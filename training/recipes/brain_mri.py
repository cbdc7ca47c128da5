"""What the recipes of all brain modules share: the sources, their committed split, and judging by source.

The tumors of the first set are numbered by patient, as far as can be seen: about half of all neighbours in that
numbering correlate at 0.85 or more, against 1% of random pairs.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from imip.inference.head import crop_to_head
from imip.inference.predictor import analyse
from imip.modules import load
from training.data import brain
from training.data.batches import as_inputs
from training.data.brain import NO_TUMOR, TUMORS
from training.data.corrections import HEAD_CT, corrected
from training.data.near_duplicates import copies, group_each
from training.data.samples import Found, Sample, plain
from training.data.split import Dataset, Entry, all_for_test, split_each
from training.evaluation.by_source import Observed, observe, table
from training.evaluation.foreign import flagged_shares
from training.recipe import Evaluation, Recipe, progress

TYPED: Final = {**{name: name for name in (*TUMORS, NO_TUMOR)}, "no_tumor": NO_TUMOR, "no": NO_TUMOR}
BY_SOURCE: Final = (
    "The test part by source, of patients, or near-duplicates where a source names none, that were not trained on:"
)
PAINTED: Final = 10  # every so many test slices head CT is painted from one
FOLDERS: Final = {**TYPED, "tumor": "tumor", "yes": "tumor"}
TYPES: Final = {NO_TUMOR: "No Tumor", "meningioma": "Meningioma", "glioma": "Glioma", "pituitary": "Pituitary"}


class BrainMri(Recipe):
    """A recipe on the sources of `training.data.brain`."""

    manifest_name = "brain"
    folders = FOLDERS
    numbered = TUMORS
    healthy = "No Tumor"
    sources = brain.SOURCES

    def find(self, data: Path) -> list[Found]:
        return brain.find(data, self.folders)

    def group(self, samples: Sequence[Sample]) -> NDArray[np.int64]:
        return group_each(samples, self.module.crop, self.numbered)

    def samples(self, data: Path) -> tuple[list[Sample], int]:
        """Read labelled scans, corrected. Raises FileNotFoundError."""
        samples, unreadable = super().samples(data)
        return corrected(samples), unreadable

    def split(self, samples: Sequence[Sample]) -> list[Entry]:
        """Divide each source anew; what an earlier source holds already is in no part."""
        entries = split_each(samples, self.group(samples))
        again = {samples[row].digest for row in np.flatnonzero(copies(samples, self.module.crop))}
        return [replace(entry, split="none") if entry.sha256 in again else entry for entry in entries]

    def divide(self, samples: Sequence[Sample]) -> Dataset:
        """Divide scans as the committed manifest says, head CT apart. Raises KeyError if one is not in it."""
        dataset = super().divide(samples)
        scans, foreign = ([s for s in dataset.samples if (s.class_name == HEAD_CT) is ct] for ct in (False, True))
        return replace(dataset, samples=scans, foreign=foreign)

    def leave_out(self, dataset: Dataset, source: str) -> tuple[Dataset, Dataset]:
        known = [sample for sample in dataset.samples if not brain.is_left_out(sample, source)]
        unknown = [sample for sample in dataset.samples if brain.is_left_out(sample, source)]
        foreign = [picture for picture in dataset.foreign if picture.source != source]
        return Dataset(known, dataset.entries, foreign), all_for_test(unknown, dataset.groups(unknown))

    def judge(self, artifact: Path, dataset: Dataset) -> Observed:
        """Return what an artifact says of scans of known origin: all of the test part."""
        module = load(artifact)
        samples = dataset.part("test")
        analyses = [analyse(sample.data, module) for sample in progress(samples)]
        return observe(samples, analyses, dataset.groups(samples), self.healthy)

    def foreign(self, evaluation: Evaluation, films: Path | None) -> dict[str, float]:
        """Add head CT, and some painted from test slices."""
        heads = [sample.pixels for sample in evaluation.samples[::PAINTED]]
        return flagged_shares(evaluation.module, films, heads, [picture.pixels for picture in evaluation.foreign])

    def tables(self, evaluation: Evaluation) -> dict[str, Any]:
        """Add how the module does on each source, where the test part's are known."""
        if any(sample.origin is None for sample in evaluation.samples):
            return super().tables(evaluation)
        observed = observe(evaluation.samples, evaluation.analyses, evaluation.scored.group, self.healthy)
        return {**super().tables(evaluation), "sources": table(observed, BY_SOURCE)}


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
