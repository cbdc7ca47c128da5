"""AUC and peak are measured by sequence."""

from dataclasses import replace

import numpy as np

from tests.support.lesions import DISC, sample_of, slice_of_head, with_lesion
from training.comparison.left_out.measuring import SEQUENCES, peak_on_lesion, row
from training.data.samples import Origin
from training.evidence.shapes import MAP

PATIENTS = 6


def of(sequence: str, patient: int, tumor: bool):
    origin = Origin("lgg-ht", patient=str(patient), sequence=sequence)
    name = f"{sequence}-{patient}-{tumor}"
    return (
        with_lesion(patient, name, origin=origin) if tumor else sample_of(slice_of_head(patient), name, origin=origin)
    )


JUDGED = [of(name, patient, tumor) for name in SEQUENCES for patient in range(PATIENTS) for tumor in (True, False)]
GROUPS = np.array([int(sample.origin.patient) for sample in JUDGED])
TUMOR = np.array([sample.class_name == "glioma" for sample in JUDGED])
FLAIR = np.array([sample.origin.sequence == "flair" for sample in JUDGED])


def test_a_row_gives_each_sequence_its_own_figures() -> None:
    score = np.where(FLAIR, TUMOR, ~TUMOR).astype(float)  # right on FLAIR, wrong on the others
    peak = np.where(TUMOR, FLAIR, np.nan).astype(float)
    title, *found = row("a variant", score, peak, JUDGED, GROUPS)
    assert title == "a variant"
    assert [cell["value"] for cell in found] == [1, 0, 0, 1, 0, 0]


def test_a_peak_counts_where_the_lesion_is() -> None:
    sample = with_lesion(0, "a.png")
    height, width = sample.pixels.shape
    longest = max(height, width)
    row_of, column_of = ((DISC[0] + (longest - height) / 2) / longest, (DISC[1] + (longest - width) / 2) / longest)
    on, off = np.zeros((2, MAP, MAP), np.float32)
    on[round(row_of * MAP), round(column_of * MAP)] = 1
    off[MAP - 4, MAP // 2] = 1
    assert peak_on_lesion(sample, on) == 1
    assert peak_on_lesion(sample, off) == 0
    assert np.isnan(peak_on_lesion(replace(sample, lesion=None), on))
