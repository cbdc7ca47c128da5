"""Labelled files are read as they are served, with the mask of their lesion where there is one."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.heads import head
from training.data.samples import LONGEST_SIDE, Found, Sample, load


def written(path: Path, pixels: NDArray[np.uint8]) -> Path:
    cv2.imwrite(str(path), pixels)
    return path


def read(slice_: Path, mask: Path | None = None) -> Sample:
    (sample,), unreadable = load([Found(slice_, "glioma", mask=mask)])
    assert unreadable == 0
    return sample


def test_a_large_slice_is_reduced_and_its_lesion_with_it(tmp_path: Path) -> None:
    mask = np.zeros((2 * LONGEST_SIDE, LONGEST_SIDE), np.uint8)
    mask[200:300, 40:100] = 255
    sample = read(written(tmp_path / "slice.png", 255 - mask // 2), written(tmp_path / "mask.png", mask))
    assert sample.pixels.shape == (LONGEST_SIDE, LONGEST_SIDE // 2)
    assert sample.lesion is not None and sample.lesion.dtype == np.bool_
    rows, columns = np.nonzero(sample.lesion)
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (100, 150, 20, 50)
    assert np.array_equal(sample.lesion, sample.pixels < 200)


def test_a_lesion_that_nobody_drew_is_not_known(tmp_path: Path) -> None:
    assert read(written(tmp_path / "slice.png", head(1))).lesion is None


def test_an_empty_mask_says_nothing_of_where_the_lesion_is(tmp_path: Path) -> None:
    mask = written(tmp_path / "mask.png", np.zeros((96, 96), np.uint8))
    assert read(written(tmp_path / "slice.png", head(1)), mask).lesion is None


def test_a_file_that_is_no_scan_is_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("no picture")
    files = [Found(tmp_path / "note.png", "glioma"), Found(written(tmp_path / "slice.png", head(1)), "glioma")]
    samples, unreadable = load(files)
    assert ([sample.path.name for sample in samples], unreadable) == (["slice.png"], 1)


def test_a_mask_that_is_no_picture_is_named_as_the_fault(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_text("no picture")
    with pytest.raises(OSError, match=r"mask\.png"):
        read(written(tmp_path / "slice.png", head(1)), tmp_path / "mask.png")
