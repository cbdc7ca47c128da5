"""Near-duplicates and one patient's neighbouring slices end up in one group; unrelated slices do not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from imip.inference.head import find_head
from tests.support.heads import head, sample
from training.data.near_duplicates import copies, group, group_each
from training.data.samples import Origin, Sample


def groups_of(*samples: Sample) -> list[int]:
    return group(samples, find_head, ["glioma"]).tolist()


@pytest.mark.parametrize(
    "copy",
    [
        lambda p: p.copy(),
        lambda p: np.ascontiguousarray(p[:, ::-1]),
        lambda p: np.ascontiguousarray(p[::-1]),
        lambda p: cv2.convertScaleAbs(p, alpha=0.6, beta=0),
        lambda p: np.pad(p, 30),
        lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_GRAYSCALE),
    ],
    ids=["same", "mirrored", "upside down", "darker", "with margins", "recompressed"],
)
def test_a_changed_copy_joins_its_original(copy):
    first, second, other = groups_of(
        sample(head(1), "a.jpg"), sample(copy(head(1)), "x.jpg", "notumor"), sample(head(2), "b.jpg", "notumor")
    )
    assert first == second != other


def test_neighbouring_files_of_a_numbered_class_that_look_alike_are_one_patient():
    blend = cv2.addWeighted(head(1), 0.4, head(2), 0.6, 0)
    assert np.corrcoef(head(1).ravel(), blend.ravel())[0, 1] > 0.85
    near = groups_of(sample(head(1), "001.jpg"), sample(blend, "002.jpg"))
    healthy = groups_of(sample(head(1), "001.jpg", "notumor"), sample(blend, "002.jpg", "notumor"))
    assert near[0] == near[1]
    assert healthy[0] != healthy[1]


def of(source: str, patient: str | None, seed: int) -> Sample:
    return replace(sample(head(seed), f"{seed:03d}.jpg", "notumor"), origin=Origin(source, patient))


def groups_of_each(*samples: Sample) -> list[int]:
    return group_each(samples, find_head, ["glioma"]).tolist()


def test_slices_of_one_patient_are_one_group_however_they_look() -> None:
    one, other, next_patient = groups_of_each(
        *(of("lgg-du", patient, seed) for patient, seed in zip("AAB", (1, 2, 1), strict=True))
    )
    assert one == other != next_patient


def test_where_a_source_names_no_patients_near_duplicates_are_one_group() -> None:
    first, copy, other = groups_of_each(of("healthy-t1", None, 1), of("healthy-t1", None, 1), of("healthy-t1", None, 2))
    assert first == copy != other


def test_no_group_is_of_two_sources() -> None:
    mixed = [of("ms-ljubljana", "1", 1), of("healthy-t1", None, 2), of("ms-ljubljana", "2", 3), of("lgg-du", "1", 4)]
    assert len(set(groups_of_each(*mixed, sample(head(5), "own.png")))) == 5


def test_slices_of_ones_own_are_grouped_as_ever() -> None:
    own = [sample(head(seed), f"{seed}.jpg") for seed in (1, 1, 2)]
    assert groups_of_each(*own) == groups_of(*own)


def test_a_slice_that_an_earlier_source_holds_is_a_copy():
    mirrored = replace(of("two", None, 9), pixels=np.ascontiguousarray(head(1)[:, ::-1]))
    samples = [of("one", None, 1), of("one", None, 2), of("two", None, 3), mirrored, of("three", None, 3)]
    assert copies(samples, find_head).tolist() == [False, False, False, True, True]


def test_what_one_source_holds_twice_and_named_patients_are_no_copies():
    samples = [of("one", None, 1), of("one", None, 1), of("two", "somebody", 1)]
    assert not copies(samples, find_head).any()
    assert not copies([of("two", "somebody", 1)], find_head).any()
