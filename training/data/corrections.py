"""Slices filed as tumor-free that are no healthy brain MRI: head CT, and masses whose cause nobody knows.

The committed list, `training/manifests/brain-corrections.csv`, was made by eye: every slice that resembles one known to
be a head CT, every slice that a network called a tumor, and the near-duplicates of both.
"""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from training.data.samples import Sample
from training.data.split import MANIFESTS

LIST: Final = MANIFESTS / "brain-corrections.csv"
HEAD_CT: Final = "ct"  # class of slices that are no MRI
MASS: Final = "mass"  # neither healthy nor known to be a tumor: good for nothing


def corrected(samples: Sequence[Sample], path: Path = LIST) -> list[Sample]:
    """Return the samples without masses, head CT filed as such. Raises OSError if there is no list."""
    with path.open(newline="") as file:
        shows = {row["sha256"]: row["shows"] for row in csv.DictReader(file)}
    return [
        replace(sample, class_name=HEAD_CT) if shows.get(sample.digest) == HEAD_CT else sample
        for sample in samples
        if shows.get(sample.digest) != MASS
    ]
