"""The data set divided: the manifest says which file, by hash, is in which class, group and part.

The manifest is committed, and made again by one command.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from training.data.samples import Sample

Split = Literal["train", "validation", "test"]
Place = Split | Literal["none"]  # none: in no part, as another source holds the same slice
SHARES: Mapping[Split, float] = {"train": 0.70, "validation": 0.15, "test": 0.15}
SEED = 20260901
MANIFESTS = Path(__file__).parents[1] / "manifests"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the manifest."""

    sha256: str
    class_name: str
    group: int
    split: Place


def split(samples: Sequence[Sample], groups: NDArray[np.int64]) -> list[Entry]:
    """Divide whole groups 70/15/15, stratified by class; `groups` is (n,). The same files give the same entries.

    The largest groups are placed first, each where its class is furthest below its share; equals by a seeded
    shuffle. A group of several classes (the same slice filed twice) counts for its commonest one.
    """
    members: dict[int, list[int]] = {}
    for index, number in enumerate(groups.tolist()):
        members.setdefault(number, []).append(index)
    shuffled = list(members)
    np.random.default_rng(SEED).shuffle(shuffled)
    totals = Counter(sample.class_name for sample in samples)
    placed: Counter[tuple[str, Split]] = Counter()
    where: dict[int, Split] = {}
    for number in sorted(shuffled, key=lambda n: -len(members[n])):
        commonest = Counter(samples[i].class_name for i in members[number]).most_common(1)[0][0]
        share = {s: placed[commonest, s] / (SHARES[s] * totals[commonest]) for s in SHARES}
        where[number] = min(SHARES, key=lambda s: share[s])
        placed[commonest, where[number]] += len(members[number])
    return [
        Entry(sample.digest, sample.class_name, number, where[number])
        for sample, number in zip(samples, groups.tolist(), strict=True)
    ]


def split_each(samples: Sequence[Sample], groups: NDArray[np.int64]) -> list[Entry]:
    """Divide each source by itself, as `split` does, so that a further source changes nothing for the others."""
    entries = []
    for source in dict.fromkeys(sample.source for sample in samples):
        rows = [row for row, sample in enumerate(samples) if sample.source == source]
        entries += split([samples[row] for row in rows], groups[rows])
    return entries


def write_manifest(entries: Iterable[Entry], path: Path) -> None:
    """Write the manifest as CSV, sorted, each file once however many copies there are."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(column.name for column in fields(Entry))
        writer.writerows(sorted({astuple(entry) for entry in entries}))


def read_manifest(path: Path) -> dict[str, Entry]:
    """Return the manifest's entries by file hash."""
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        return {
            row["sha256"]: Entry(row["sha256"], row["class_name"], int(row["group"]), cast(Place, row["split"]))
            for row in rows
        }


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled scans, each distinct file once, with the part and group of each."""

    samples: list[Sample]
    entries: dict[str, Entry]  # by file hash
    foreign: list[Sample] = field(default_factory=list)  # pictures of another kind among them, divided alike

    def part(self, name: Split) -> list[Sample]:
        return [sample for sample in self.samples if self.entries[sample.digest].split == name]

    def foreign_part(self, name: Split) -> list[Sample]:
        return [sample for sample in self.foreign if self.entries[sample.digest].split == name]

    def groups(self, samples: Sequence[Sample]) -> NDArray[np.int64]:
        return np.array([self.entries[sample.digest].group for sample in samples])


def divide(samples: Sequence[Sample], manifest: Path) -> Dataset:
    """Divide scans as a manifest says. Raises KeyError if one is not in it."""
    entries = read_manifest(manifest)
    distinct = {sample.digest: sample for sample in samples if entries[sample.digest].split != "none"}
    return Dataset(list(distinct.values()), {digest: entries[digest] for digest in distinct})


def all_for_test(samples: Sequence[Sample], groups: NDArray[np.int64]) -> Dataset:
    """Return scans that no part of a model has seen, as one test part; `groups` is (n,)."""
    pairs = zip(samples, groups.tolist(), strict=True)
    entries = [Entry(sample.digest, sample.class_name, number, "test") for sample, number in pairs]
    return Dataset(list(samples), {entry.sha256: entry for entry in entries})
