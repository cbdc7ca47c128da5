"""Chest films of any size: cut as MedMNIST cut them, decided and explained where they were looked at."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imip.explain.explanation import explain
from imip.inference.module import AnalysisModule
from imip.inference.predictor import analyse
from imip.inference.preprocessing import ModelInput, Region
from imip.modules import load
from imip.scan.scan import Scan
from tests.support.scan_files import data_set, dicom_bytes, picture_bytes
from tests.support.server import REPOSITORY


@pytest.fixture(scope="module")
def module() -> AnalysisModule:
    return load(REPOSITORY / "models" / "chest-pneumonia")


def film(height: int, width: int) -> NDArray[np.uint8]:
    """A drawn chest, its lungs darker than what is around them: (height, width) uint8, the middle square the same."""
    edge = min(height, width)
    down, right = np.ogrid[:height, :width]
    rows, columns = (down - height / 2) / edge, (right - width / 2) / edge
    lungs = [((rows + 0.03) / 0.33) ** 2 + ((columns - side) / 0.15) ** 2 < 1 for side in (-0.2, 0.2)]
    chest = np.where((rows / 0.6) ** 2 + (columns / 0.46) ** 2 < 1, 170, 20)
    return np.where(np.logical_or(*lungs), 70, chest).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    return picture_bytes(Image.fromarray(pixels), "PNG")


def prepared(module: AnalysisModule, pixels: NDArray[np.uint8]) -> ModelInput:
    return module.prepare(Scan(pixels=pixels, format="png", size_bytes=0, bit_depth=8, channels=1), {})


def test_a_picture_of_the_data_sets_own_size_passes_unchanged(module: AnalysisModule) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)
    model_input = prepared(module, pixels)
    assert np.array_equal(model_input.pixels, pixels)
    assert model_input.region == Region(0, 0, 28, 28)


@pytest.mark.parametrize(
    ("shape", "region"), [((2000, 2500), Region(0, 250, 2000, 2250)), ((2500, 2001), Region(249, 0, 2250, 2001))]
)
def test_a_full_size_film_is_cut_to_the_square_in_its_middle(
    module: AnalysisModule, shape: tuple[int, int], region: Region
) -> None:
    model_input = prepared(module, film(*shape))
    assert model_input.pixels.shape == (28, 28)
    assert model_input.region == region
    small = cv2.resize(film(2000, 2000), (28, 28), interpolation=cv2.INTER_AREA)
    assert np.abs(model_input.pixels.astype(int) - small).max() <= 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (28, 28), (27, 31), (28, 40), (29, 29), (333, 250), (1001, 1503)])
def test_the_square_is_reduced_by_area_means_and_enlarged_by_interpolation(
    module: AnalysisModule, shape: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    edge = min(shape)
    top, left = (shape[0] - edge) // 2, (shape[1] - edge) // 2
    square = pixels[top : top + edge, left : left + edge]
    how = cv2.INTER_AREA if edge > 28 else cv2.INTER_LINEAR
    assert np.array_equal(prepared(module, pixels).pixels, cv2.resize(square, (28, 28), interpolation=how))


def test_what_stands_beside_the_square_does_not_reach_the_model(module: AnalysisModule) -> None:
    marked = film(2000, 2500)
    marked[100:300, 2300:2450] = 255
    assert np.array_equal(prepared(module, marked).pixels, prepared(module, film(2000, 2500)).pixels)


def test_a_film_smaller_than_the_input_is_enlarged(module: AnalysisModule) -> None:
    assert prepared(module, film(20, 24)).pixels.shape == (28, 28)


def test_the_heatmap_of_a_full_size_film_lies_within_its_square(module: AnalysisModule) -> None:
    heatmap = explain(analyse(png(film(2000, 2500)), module)).heatmap
    assert heatmap.values.shape == (2000, 2500)
    assert heatmap.values.max() == 1
    assert not heatmap.values[:, :250].any() and not heatmap.values[:, 2250:].any()


def test_a_film_with_bright_air_is_answered_as_one_with_dark_air(module: AnalysisModule) -> None:
    pixels = film(500, 400)
    attributes = {"Modality": "CR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1"}
    dark = dicom_bytes(data_set(pixels, **attributes))
    bright = dicom_bytes(data_set(255 - pixels, **attributes, PhotometricInterpretation="MONOCHROME1"))
    answers = [analyse(data, module).prediction for data in (dark, bright)]
    assert answers[0].probabilities == answers[1].probabilities


def test_the_heatmap_has_at_least_seven_positions_a_side(module: AnalysisModule) -> None:
    assert analyse(png(film(200, 200)), module).output.heatmaps.shape == (7, 7, 2)


def test_a_brain_slice_gets_the_warning(module: AnalysisModule) -> None:
    brain = (REPOSITORY / "samples" / "brain-axial.png").read_bytes()
    assert "out_of_distribution" in analyse(brain, module).prediction.warnings


def test_the_card_sets_its_figures_beside_the_published_ones(module: AnalysisModule) -> None:
    rows = {row[0]: row[1:] for row in module.card.metrics["tables"]["published"]["rows"]}
    test = module.card.metrics["test"]["metrics"]
    assert rows["ResNet-18 (28), MedMNIST v2"] == [0.944, 0.854]
    assert rows["Google AutoML Vision, MedMNIST v2"] == [0.991, 0.946]
    assert rows["this model, label by its threshold"] == [test["roc_auc"], test["accuracy"]]


def test_the_card_counts_what_the_archives_parts_share(module: AnalysisModule) -> None:
    rows = {row[0]: row[1:] for row in module.card.metrics["tables"]["near_duplicates"]["rows"]}
    assert rows["train and test"][1] == 0
    assert all(copies <= pairs for pairs, copies in rows.values())
