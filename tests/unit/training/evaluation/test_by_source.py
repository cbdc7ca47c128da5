"""How a module does on each source: with sensitivity and specificity in it, and where its evidence lies."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from imip.explain.heatmap import encode_png
from imip.inference.predictor import Analysis, analyse
from imip.inference.preprocessing import ModelInput, Region
from imip.modules.brain_lesion import BrainLesion
from tests.support.lesion_artifact import head_with_lesions, lesion_artifact
from training.data.samples import LONGEST_SIDE, Found, Origin, Sample, load
from training.evaluation.by_source import HEAD, KEY, Observed, by_source, key_figure, measure, observe, table

SIDE = 64
INPUT = ModelInput(np.zeros((SIDE, SIDE), np.uint8), Region(0, 0, SIDE, SIDE), (SIDE, SIDE))
LESION = np.zeros((SIDE, SIDE), np.bool_)
LESION[10:20, 30:40] = True


def sample(
    class_name: str = "glioma",
    *,
    source: str = "lgg-du",
    sequence: str | None = "flair",
    plane: str | None = "axial",
    lesion: np.ndarray | None = None,
) -> Sample:
    origin = Origin(source, None, sequence, plane)
    return Sample(None, "", class_name, INPUT.pixels, b"", origin, lesion)  # type: ignore[arg-type]


def said(probability: float, *, peak: tuple[int, int] = (0, 0), regions: Sequence[Any] = (), **changes: Any) -> Any:
    """An analysis that calls a tumor from one half on, with its strongest evidence in a pixel."""
    heatmap = np.zeros((SIDE, SIDE), np.float32)
    heatmap[peak] = 1
    probabilities = {"Tumor": probability, "No Tumor": 1 - probability}
    label = "Tumor" if probability >= 0.5 else "No Tumor"
    answer = {"label": label, "probabilities": probabilities, "warnings": (), "regions": regions}
    return SimpleNamespace(
        prediction=SimpleNamespace(**{**answer, **changes}),
        heatmap=heatmap,
        heatmap_kind="evidence",
        model_input=INPUT,
    )


def observed(samples: Sequence[Sample], analyses: Sequence[Any]) -> Observed:
    return observe(samples, analyses, np.arange(len(samples)), "No Tumor")


def values(seen: Observed) -> dict[str, float]:
    return {name: estimate.value for name, estimate in measure(seen).items()}


def test_where_a_module_abstains_its_most_probable_label_counts() -> None:
    samples = [sample(), sample(), sample("notumor"), sample("notumor")]
    abstained = [said(p, label="Ambiguous") for p in (0.7, 0.2, 0.6, 0.1)]
    seen = values(observed(samples, abstained))
    assert (seen["sensitivity"], seen["specificity"]) == (0.5, 0.5)


def square(top: int, left: int, bottom: int, right: int) -> Any:
    """A region whose outline goes through the middles of its outermost pixels."""
    rows, columns = (top + 0.5, bottom - 0.5), (left + 0.5, right - 0.5)
    corners = ((0, 0), (0, 1), (1, 1), (1, 0))
    return SimpleNamespace(outline=tuple((rows[row], columns[column]) for row, column in corners))


def mixed() -> Observed:
    """Two sources, perfect within each, whose probabilities do not compare across them."""
    samples = [sample(name, source=source) for source in ("lgg-du", "lgg-ht") for name in ("glioma", "notumor") * 4]
    probabilities = [0.4, 0.1] * 4 + [0.9, 0.6] * 4
    return observed(samples, [said(probability) for probability in probabilities])


def test_the_area_is_that_within_a_source() -> None:
    rows = {row[0]: dict(zip(HEAD, row, strict=True)) for row in by_source(mixed())}
    for source in ("lgg-du", "lgg-ht"):
        assert (rows[source]["Slices"], rows[source]["Tumors"], rows[source]["Groups"]) == (8, 4, 8)
        assert rows[source]["AUC"]["value"] == 1
    assert (rows["lgg-du"]["Sensitivity"]["value"], rows["lgg-du"]["Specificity"]["value"]) == (0, 1)
    assert (rows["lgg-ht"]["Sensitivity"]["value"], rows["lgg-ht"]["Specificity"]["value"]) == (1, 0)
    assert values(mixed())["roc_auc"] < 1


@pytest.mark.parametrize(("class_name", "known", "not_known"), [("glioma", 1, 2), ("notumor", 2, 1)])
def test_a_source_of_one_kind_has_sensitivity_or_specificity_alone(class_name: str, known: int, not_known: int) -> None:
    seen = observed([sample(class_name)] * 4, [said(p) for p in (0.2, 0.4, 0.3, 0.9)])
    measured = values(seen)
    assert KEY[known] in measured and KEY[not_known] not in measured and "roc_auc" not in measured
    name, estimate = key_figure(seen)
    assert (name, estimate.value) == (KEY[known], {"glioma": 0.25, "notumor": 0.75}[class_name])


def test_a_source_of_both_kinds_is_summed_up_by_its_area() -> None:
    name, estimate = key_figure(mixed())
    assert (name, estimate.value) == ("roc_auc", values(mixed())["roc_auc"])


def test_a_peak_counts_on_the_lesion_and_only_where_one_was_drawn() -> None:
    samples = [sample(lesion=LESION), sample(lesion=LESION), sample(), sample("notumor")]
    analyses = [said(0.9, peak=(15, 35)), said(0.9, peak=(25, 35)), said(0.9), said(0.1)]
    assert values(observed(samples, analyses))["peak_on_tumor"] == 0.5
    assert "peak_on_tumor" not in values(observed(samples[2:], analyses[2:]))


@pytest.mark.parametrize(
    ("regions", "dice"),
    [
        ((square(10, 30, 20, 40),), 1.0),
        ((square(10, 30, 20, 35),), 2 / 3),
        ((square(10, 30, 20, 35), square(10, 35, 20, 40)), 1.0),
        ((square(10, 30, 20, 40), square(40, 10, 50, 20)), 2 / 3),
        ((square(40, 10, 50, 20),), 0.0),
        ((), 0.0),
    ],
    ids=["exact", "half", "in two", "and another", "elsewhere", "none"],
)
def test_dice_is_of_the_regions_as_answered(regions: tuple[Any, ...], dice: float) -> None:
    seen = observed([sample(lesion=LESION)] * 2, [said(0.9, regions=regions)] * 2)
    assert values(seen)["dice"] == pytest.approx(dice, abs=0.001)


def test_a_module_that_answers_no_regions_has_no_dice() -> None:
    analyses = [said(0.9) for _ in range(2)]
    for analysis in analyses:
        analysis.heatmap_kind = "Grad-CAM"
    measured = values(observed([sample(lesion=LESION)] * 2, analyses))
    assert "dice" not in measured and "peak_on_tumor" in measured


@pytest.mark.parametrize("enlarged", [1, 3], ids=["small", "larger than what is kept of a slice"])
def test_a_lesion_is_compared_in_place_whatever_the_size_of_its_slice(enlarged: int, tmp_path) -> None:
    pixels = head_with_lesions((60, 100, 20))
    size = (pixels.shape[1] * enlarged, pixels.shape[0] * enlarged)
    large = cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST)
    (tmp_path / "slice.png").write_bytes(encode_png(large))
    (tmp_path / "mask.png").write_bytes(encode_png((large == 255) * np.uint8(255)))
    (found,), _ = load([Found(tmp_path / "slice.png", "glioma", Origin("lgg-du"), tmp_path / "mask.png")])
    assert max(found.pixels.shape) <= LONGEST_SIDE
    analysis: Analysis = analyse(found.data, BrainLesion(lesion_artifact()))
    seen = observe([found], [analysis], np.arange(1), "No Lesion")
    assert values(seen)["dice"] > 0.85
    assert values(seen)["peak_on_tumor"] == 1


def test_warnings_are_counted() -> None:
    warned = said(0.9, warnings=("out_of_distribution",))
    assert values(observed([sample()] * 4, [warned, said(0.9), said(0.1), said(0.8)]))["out_of_distribution"] == 0.25


def test_each_sequence_and_plane_of_a_source_has_a_row_of_its_own() -> None:
    samples = [
        sample("glioma", sequence="flair"),
        sample("notumor", sequence="t1"),
        sample("notumor", source="brain-tumor-mri", sequence=None, plane=None),
        sample("notumor", sequence="t1", plane="sagittal"),
    ]
    rows = by_source(observed(samples, [said(0.9), said(0.1), said(0.1), said(0.1)]))
    assert [row[:4] for row in rows] == [
        ["lgg-du", "all", 3, 1],
        ["lgg-du", "flair, axial", 1, 1],
        ["lgg-du", "t1, axial", 1, 0],
        ["lgg-du", "t1, sagittal", 1, 0],
        ["brain-tumor-mri", "all", 1, 0],
    ]
    assert {len(row) for row in rows} == {len(HEAD)}
    (specificity,) = (row[HEAD.index("Specificity")] for row in rows if row[1] == "t1, sagittal")
    assert specificity["value"] == 1 and rows[3][HEAD.index("AUC")] is None


def test_intervals_are_over_patients() -> None:
    samples, analyses = [sample()] * 40, [said(0.9 if number % 8 < 4 else 0.1) for number in range(40)]
    one_by_one = measure(observe(samples, analyses, np.arange(40), "No Tumor"))["sensitivity"]
    by_patient = measure(observe(samples, analyses, np.arange(40) // 4, "No Tumor"))["sensitivity"]
    assert by_patient.value == one_by_one.value == 0.5
    assert by_patient.high - by_patient.low > 1.5 * (one_by_one.high - one_by_one.low)


def test_a_table_of_a_card_has_a_cell_for_each_column() -> None:
    shown = table(mixed(), "By source:")
    assert (shown["title"], shown["columns"]) == ("By source:", list(HEAD))
    assert [len(row) for row in shown["rows"]] == [len(HEAD)] * 2
