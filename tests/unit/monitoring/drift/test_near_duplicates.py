"""Slices of one patient count once, in a reference as in a window."""

import numpy as np
import pytest
from numpy.typing import NDArray

from monitoring.drift.near_duplicates import UNRELATED_SHARE, independent, near_duplicate_limit, near_duplicate_limits

LIMIT = 1.0  # distance; patients of `patients` lie farther apart, their slices nearer together


def patients(count: int, slices: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return embeddings of so many slices of each of so many patients, patient after patient, and their groups."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(0, 1, (count, 16)), slices, axis=0)
    embeddings = centres + rng.normal(0, 0.02, centres.shape)
    return embeddings.astype(np.float32), np.repeat(np.arange(count), slices)


def test_slices_of_one_patient_count_once_and_the_newest_stays() -> None:
    embeddings, _ = patients(10, 3)
    assert independent(embeddings, LIMIT).tolist() == list(range(2, 30, 3))


def test_a_burst_of_one_patient_leaves_the_others_in() -> None:
    embeddings, _ = patients(20, 1)
    burst = np.concatenate([embeddings, np.repeat(embeddings[:1], 100, axis=0)])
    assert independent(burst, LIMIT).tolist() == [*range(1, 20), 119]


def test_the_newest_rows_kept_do_not_depend_on_how_far_one_looks_back() -> None:
    embeddings, groups = patients(30, 4)
    shuffled = embeddings[np.random.default_rng(1).permutation(len(embeddings))]
    limit = near_duplicate_limit(embeddings, groups)
    short, far = independent(shuffled[60:], limit) + 60, independent(shuffled, limit)
    assert far[-len(short) :].tolist() == short.tolist()


def test_the_limit_takes_few_unrelated_pairs_for_near_duplicates_and_most_related_ones() -> None:
    embeddings, groups = patients(60, 4)
    limit = near_duplicate_limit(embeddings, groups)
    distances = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=-1)
    related = groups[:, None] == groups[None]
    assert (distances[related] <= limit).mean() > 0.99
    assert (distances[~related] <= limit).mean() == pytest.approx(UNRELATED_SHARE, rel=0.1)


def test_scans_of_a_single_group_give_no_limit() -> None:
    embeddings, groups = patients(1, 5)
    with pytest.raises(ValueError, match="at least two groups"):
        near_duplicate_limit(embeddings, groups)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_and_a_single_prediction_are_kept_as_they_are(count: int) -> None:
    assert independent(np.zeros((count, 4), np.float32), 1.0).tolist() == list(range(count))


def test_equal_embeddings_count_once_even_with_a_limit_of_zero() -> None:
    assert len(independent(np.ones((5, 3), np.float32), 0.0)) == 1


def test_each_label_has_a_limit_of_its_own() -> None:
    embeddings, groups = patients(60, 4)
    wide, wide_groups = patients(60, 4, seed=1)
    both = np.concatenate([embeddings, 3 * wide])
    labels = np.repeat(["Tumor", "No Tumor"], len(embeddings))
    limits = near_duplicate_limits(both, labels, np.concatenate([groups, wide_groups + 60]))
    assert limits["Tumor"] == pytest.approx(near_duplicate_limit(embeddings, groups))
    assert limits["No Tumor"] == pytest.approx(3 * near_duplicate_limit(wide, wide_groups))


def test_a_label_of_one_group_gets_the_limit_of_all() -> None:
    embeddings, groups = patients(10, 4)
    labels = np.where(groups == 0, "rare", "common")
    assert near_duplicate_limits(embeddings, labels, groups)["rare"] == near_duplicate_limit(embeddings, groups)


def test_two_predictions_are_near_duplicates_within_the_smaller_of_their_limits() -> None:
    embeddings = np.array([[0.0], [1.0]], np.float32)
    assert independent(embeddings, np.array([2.0, 1.5])).tolist() == [1]
    assert independent(embeddings, np.array([2.0, 0.5])).tolist() == [0, 1]
    assert independent(embeddings, np.array([0.5, 2.0])).tolist() == [0, 1]
