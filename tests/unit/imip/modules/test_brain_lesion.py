"""Lesions are found where they are in the scan, measured, and drawn; without one there is no region."""

import json
from dataclasses import replace

import numpy as np
import pytest

from imip.batch.scoring import columns, to_row
from imip.errors import ArtifactError
from imip.explain.explanation import explain
from imip.explain.heatmap import encode_png
from imip.inference.predictor import Analysis, analyse
from imip.modules import MODULES
from imip.modules.brain_lesion import BrainLesion
from imip.prediction import LOGGED
from monitoring.log.rows import to_row as to_log_row
from serving.schemas.prediction import explained, predicted
from tests.support.lesion_artifact import head_with_lesions, lesion_artifact
from tests.support.scan_files import mr_bytes

LESION = head_with_lesions((60, 100, 12))
TWO = head_with_lesions((60, 100, 12), (150, 50, 8))
HEALTHY = head_with_lesions()


@pytest.fixture(scope="module")
def module() -> BrainLesion:
    return BrainLesion(lesion_artifact())


def found(module: BrainLesion, pixels: np.ndarray) -> Analysis:
    return analyse(encode_png(pixels), module)


def test_a_lesion_is_placed_and_measured(module: BrainLesion) -> None:
    prediction = found(module, LESION).prediction
    assert prediction.label == "Lesion"
    (region,) = prediction.regions
    assert (region.centroid.row, region.centroid.column) == pytest.approx((60, 100), abs=2)
    assert (region.box.top, region.box.left, region.box.bottom, region.box.right) == pytest.approx(
        (48, 88, 72, 112), abs=3
    )
    head = prediction.features["foreground_ratio"] * LESION.size
    assert region.area_ratio == pytest.approx(np.pi * 12**2 / head, rel=0.15)
    assert region.area_mm2 is None
    assert region.confidence > 0.9


def test_pixels_of_known_size_give_an_area_in_mm2(module: BrainLesion) -> None:
    prediction = analyse(mr_bytes(LESION, PixelSpacing=["0.5", "0.8"]), module).prediction
    (region,) = prediction.regions
    assert region.area_mm2 == pytest.approx(np.pi * 12**2 * 0.4, rel=0.15)


def test_two_lesions_are_two_regions_and_features_for_drift(module: BrainLesion) -> None:
    prediction = found(module, TWO).prediction
    assert len(prediction.regions) == prediction.features["region_count"] == 2
    assert prediction.features["region_area_ratio"] == pytest.approx(sum(r.area_ratio for r in prediction.regions))
    strongest = prediction.regions[0].centroid
    assert prediction.features["region_row"] == pytest.approx(strongest.row / 200)
    assert prediction.features["region_column"] == pytest.approx(strongest.column / 160)


def test_a_negative_answer_has_no_region_and_a_nearly_plain_picture(module: BrainLesion) -> None:
    analysis = found(module, HEALTHY)
    assert (analysis.prediction.label, analysis.prediction.regions) == ("No Lesion", ())
    assert analysis.prediction.features["region_count"] == 0
    explanation = explain(analysis)
    assert explanation.heatmap.values.max() < 0.05
    assert (explanation.heatmap.hot_region, explanation.heatmap.area_ratio) == (None, 0.0)


def test_answers_carry_the_regions_and_the_log_only_their_numbers(module: BrainLesion) -> None:
    analysis = found(module, TWO)
    for answer in (predicted(analysis.prediction), explained(explain(analysis))):
        (first, _) = json.loads(answer.model_dump_json())["regions"]
        region = analysis.prediction.regions[0]
        assert first["box"] == {
            "top": region.box.top,
            "left": region.box.left,
            "bottom": region.box.bottom,
            "right": region.box.right,
        }
        assert first["outline"] == [list(point) for point in region.outline]
        assert set(first) == {"outline", "box", "centroid", "peak", "confidence", "area_ratio", "area_mm2"}
    assert "regions" not in LOGGED
    row = to_log_row(analysis.prediction)
    assert "regions" not in row and row["features"]["region_count"] == 2


def test_a_row_of_batch_results_counts_the_regions_and_adds_up_their_area(module: BrainLesion) -> None:
    prediction = found(module, TWO).prediction
    row = to_row(prediction)
    assert row["region_count"] == 2
    assert row["region_area_ratio"] == pytest.approx(sum(region.area_ratio for region in prediction.regions))
    assert {"region_count", "region_area_ratio"} <= columns(module.card).keys()


def test_an_artifact_without_the_numbers_of_regions_is_refused() -> None:
    artifact = lesion_artifact()
    card = artifact.card.model_copy(
        update={"decision": artifact.card.decision.model_copy(update={"thresholds": {"threshold": 0.5}})}
    )
    with pytest.raises(ArtifactError, match="region"):
        BrainLesion(replace(artifact, card=card))


def test_it_is_a_module_by_its_name() -> None:
    assert MODULES["brain-lesion"] is BrainLesion
