"""The worst failures are the surest ones, one of each patient, and name nobody."""

from pathlib import Path

import cv2
import numpy as np

from imip.inference.predictor import analyse
from imip.modules import load
from tests.support.lesions import sample_of, slice_of_head, with_lesion
from training.comparison.failures import caption, draw, worst
from training.data.samples import Origin
from training.recipe import ROOT

PROBABILITY = np.array([0.1, 0.2, 0.9, 0.05, 0.8, 0.95, 0.7, 0.3])
TUMOR = np.array([1, 1, 1, 1, 0, 0, 0, 0], np.bool_)
PATIENTS = np.array([1, 1, 2, 3, 4, 4, 5, 6])


def test_failures_are_ordered_by_how_sure_they_were_and_each_is_of_another_patient() -> None:
    assert worst(PROBABILITY, TUMOR, PATIENTS, 0.5) == ([3, 0], [5, 6])


def test_a_module_without_failures_has_none_to_show() -> None:
    assert worst(TUMOR.astype(float), TUMOR, PATIENTS, 0.5) == ([], [])


def test_a_caption_says_what_a_slice_is_and_not_whose() -> None:
    sample = with_lesion(1, "TCGA_DU_0001.png", origin=Origin("lgg-du", patient="TCGA_DU_0001", sequence="flair"))
    text = caption(sample, 0.0312)
    assert text.startswith("glioma, lgg-du flair, lesion ")
    assert text.endswith(": P(tumor) 0.03")
    assert "TCGA" not in text


def test_the_picture_holds_every_case(tmp_path: Path) -> None:
    module = load(ROOT / "models" / "brain-tumor")
    samples = [with_lesion(1, "a.png"), sample_of(slice_of_head(), "b.png")]
    cases = [(sample, analyse(sample.data, module)) for sample in samples]
    draw({"missed": cases[:1] * 6, "false alarm": cases[1:]}, tmp_path / "one.png")
    draw({"missed": [], "false alarm": cases[1:]}, tmp_path / "other.png")
    one, other = (cv2.imread(str(tmp_path / name)) for name in ("one.png", "other.png"))
    assert one.shape[0] > other.shape[0]  # three lines of pictures against two
