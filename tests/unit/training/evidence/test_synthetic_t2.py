"""Slices with the look of T2: fluid is brightest, and a tumor is shown only where FLAIR says how bright it is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.support.lesions import DISC, mask_of, sample_of, slice_of_head
from training.data.samples import Origin, Sample
from training.evidence.synthetic_t2 import SYNTHETIC, synthetic_t2, t2_look

T1 = slice_of_head()
AIR = slice(0, 4)  # rows
FLUID = (slice(60, 76), slice(46, 54))
BRAIN = (slice(30, 50), slice(62, 80))


def slice_of(
    sequence: str, class_name: str, number: int = 7, *, patient: str = "one", source: str = "lgg-du"
) -> Sample:
    name = f"{patient}/{sequence}-{number:02d}.jpg"
    return sample_of(slice_of_head(number), name, class_name, Origin(source, patient, sequence, "axial"))


def looks(*samples: Sample) -> list[str]:
    return [sample.path.as_posix() for sample in synthetic_t2(samples)]


def test_fluid_that_is_dark_in_t1_becomes_brightest_and_air_stays_dark() -> None:
    look = t2_look(T1, None)
    assert T1[FLUID].max() < T1[BRAIN].min()
    assert look[FLUID].min() > look[BRAIN].max() + 60
    assert look[BRAIN].min() > 20
    assert look[AIR].max() == 0
    assert (look.shape, look.dtype) == (T1.shape, np.uint8)


def test_what_is_bright_in_flair_is_brighter_than_the_tissue_around_it() -> None:
    lesion = mask_of(DISC)
    flair = np.where(T1 == 30, 20, T1).astype(np.uint8)
    flair[lesion] = 240
    look = t2_look(T1, flair)
    assert np.median(look[lesion]) > np.median(look[BRAIN]) + 20


def test_a_dim_slice_gets_the_same_look() -> None:
    assert abs(t2_look(T1 // 2, None).astype(int) - t2_look(T1, None)).mean() < 6


@pytest.mark.parametrize(
    "blank", [np.zeros((40, 40), np.uint8), np.full((40, 40), 255, np.uint8)], ids=["black", "white"]
)
def test_a_blank_slice_gives_a_picture_all_the_same(blank: np.ndarray) -> None:
    assert t2_look(blank, None).shape == blank.shape


def test_a_tumor_is_shown_only_with_flair_of_the_same_place() -> None:
    t1 = slice_of("t1", "glioma")
    assert looks(t1) == []
    assert looks(t1, slice_of("flair", "glioma", 8)) == []
    assert looks(t1, slice_of("flair", "glioma", patient="two")) == []
    assert looks(t1, slice_of("flair", "glioma")) == ["one/t1-07.jpg"]


def test_a_slice_without_a_tumor_needs_no_flair() -> None:
    assert looks(slice_of("t1", "notumor", source="ms-ljubljana")) == ["one/t1-07.jpg"]


def test_flair_of_another_size_is_not_laid_over_a_slice() -> None:
    flair = slice_of("flair", "glioma")
    small = replace(flair, pixels=cv2.resize(flair.pixels, (50, 60)))
    assert looks(slice_of("t1", "glioma"), small) == []
    assert looks(slice_of("t1", "notumor"), small) == ["one/t1-07.jpg"]


def test_other_sequences_and_slices_without_an_origin_are_passed_over() -> None:
    own = sample_of(T1, "own/1.jpg")
    assert looks(own, *(slice_of(sequence, "notumor") for sequence in ("t1c", "t2", "flair"))) == []


def test_a_look_keeps_class_patient_and_lesion_of_its_slice() -> None:
    t1 = replace(slice_of("t1", "glioma"), lesion=mask_of(DISC))
    (look,) = synthetic_t2([t1, slice_of("flair", "glioma")])
    assert look.origin == Origin("lgg-du", "one", SYNTHETIC, "axial")
    assert (look.class_name, look.digest) == ("glioma", t1.digest)
    assert look.lesion is not None and np.array_equal(look.lesion, mask_of(DISC))
    assert not np.array_equal(look.pixels, t1.pixels)
