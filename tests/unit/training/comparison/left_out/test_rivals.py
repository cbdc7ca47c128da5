"""The rivals learn from training slices alone, and answer with one probability for each slice asked about."""

import pytest

from tests.support.lesions import DISC, sample_of, slice_of_head
from training.comparison.left_out.rivals import MEASURED, by_features
from training.data.split import Dataset, Entry

SCANS = 12  # of each kind


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Heads with a bright lesion and without one, half of each to learn from."""
    samples = [
        sample_of(slice_of_head(seed, DISC if tumor else None), f"{name}-{seed}", "glioma" if tumor else "notumor")
        for tumor, name in ((True, "tumor"), (False, "none"))
        for seed in range(SCANS)
    ]
    parts = ["train" if number % 2 else "test" for number in range(len(samples))]
    return Dataset(
        samples,
        {
            sample.digest: Entry(sample.digest, sample.class_name, number, part)
            for number, (sample, part) in enumerate(zip(samples, parts, strict=True))
        },
    )


def test_logistic_regression_tells_bright_lesions_it_never_saw(dataset) -> None:
    unknown = dataset.part("test")
    answers = by_features(dataset, unknown)
    assert answers.shape == (SCANS,)
    assert ((answers > 0.5) == [sample.class_name == "glioma" for sample in unknown]).all()


def test_it_knows_nothing_of_the_file_but_what_the_scan_shows() -> None:
    assert "file_size_bytes" not in MEASURED
    assert "brightness_mean" in MEASURED
