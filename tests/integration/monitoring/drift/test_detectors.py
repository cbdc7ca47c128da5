"""The detectors keep still while nothing changes, speak up when something does, and say consistent things."""

from collections.abc import Callable, Sized
from typing import get_args

import numpy as np
import pytest
from sqlalchemy import create_engine

from imip.inference.artifact import read_card
from imip.settings import DriftSettings
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.checker import DriftChecker
from monitoring.drift.reference import artifact_reference
from tests.support.server import REPOSITORY

pytest.importorskip("alibi_detect")

from alibi_detect.cd import MMDDrift
from alibi_detect.utils.tensorflow.kernels import GaussianRBF

from monitoring.drift import detectors
from monitoring.drift.checks import Detector, Result
from tests.support.shipped import SHIPPED

LABELS = ("Tumor", "No Tumor")
NAMES = ("brightness_mean", "sharpness", "confidence")
SETTINGS = DriftSettings(features=("brightness_mean", "sharpness"))


def predictions(count: int, seed: int, *, shift: float = 0.0, tumor: float = 0.7) -> PredictionArrays:
    """Return so many random predictions, embeddings and features shifted by so many standard deviations."""
    rng = np.random.default_rng(seed)
    confidences = rng.uniform(0.5, 1, count) * (1 - 0.4 * shift)
    features = np.column_stack([rng.normal(shift, 1, count), rng.normal(0, 1, count), confidences])
    return PredictionArrays(
        rng.normal(shift / 4, 1, (count, 16)).astype(np.float32),
        features.astype(np.float32),
        NAMES,
        confidences.astype(np.float32),
        rng.choice(LABELS, count, p=[tumor, 1 - tumor]),
    )


def alike(count: int) -> PredictionArrays:
    """Return predictions that are all the same."""
    return predictions(1, 0).take([0] * count)


def one(name: str, reference: PredictionArrays, settings: DriftSettings = SETTINGS) -> Detector:
    (detector,) = detectors.detectors(reference, LABELS, settings.model_copy(update={"detectors": (name,)}))
    return detector


@pytest.fixture(scope="module")
def results() -> Callable[[PredictionArrays], dict[str, Result]]:
    warm = detectors.detectors(predictions(200, 1), LABELS, SETTINGS)
    return lambda window: {result.detector: result for result in (detector(window) for detector in warm)}


def test_the_settings_choose_the_detectors_and_their_order() -> None:
    chosen = SETTINGS.model_copy(update={"detectors": ("chi2", "mmd")})
    assert [detector.name for detector in detectors.detectors(predictions(30, 1), LABELS, chosen)] == ["chi2", "mmd"]


def test_every_detector_that_can_be_set_exists(results: Callable[[PredictionArrays], dict[str, Result]]) -> None:
    names = get_args(get_args(DriftSettings.model_fields["detectors"].annotation)[0])
    assert set(results(predictions(50, 2))) == set(names)


def test_no_detector_alarms_at_the_same_distribution(results: Callable[[PredictionArrays], dict[str, Result]]) -> None:
    assert not any(result.drifted for result in results(predictions(100, 3)).values())


def test_every_detector_alarms_at_another_distribution(
    results: Callable[[PredictionArrays], dict[str, Result]],
) -> None:
    assert all(result.drifted for result in results(predictions(100, 4, shift=1, tumor=0.2)).values())


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_statistic_threshold_and_p_value_give_one_verdict(
    results: Callable[[PredictionArrays], dict[str, Result]], shift: float, seed: int
) -> None:
    for result in results(predictions(60, seed, shift=shift, tumor=0.7 - shift / 3)).values():
        assert result.drifted == (result.p_value <= SETTINGS.level) == (result.statistic >= result.threshold)
        for feature in result.features:
            assert feature.drifted == (feature.p_value <= SETTINGS.level) == (feature.statistic >= result.threshold)


def test_a_p_value_is_never_zero(results: Callable[[PredictionArrays], dict[str, Result]]) -> None:
    far = results(predictions(2000, 8, shift=50, tumor=0))
    assert far["mmd"].p_value == 1 / (SETTINGS.permutations + 1)
    assert all(result.p_value > 0 for result in far.values())
    assert all(feature.p_value > 0 for feature in far["ks"].features)


def test_the_permutation_test_keeps_its_level() -> None:
    detector = one("mmd", predictions(60, 9), SETTINGS.model_copy(update={"permutations": 39}))
    windows = (predictions(40, seed) for seed in range(100, 300))
    pool = [detector(window).p_value for window in windows]
    assert np.mean(np.array(pool) <= 0.05) <= 0.12 and min(pool) >= 1 / 40


def test_one_window_has_one_p_value(results: Callable[[PredictionArrays], dict[str, Result]]) -> None:
    assert results(predictions(50, 10)) == results(predictions(50, 10))


def test_the_discrepancy_is_that_of_alibi_detect(results: Callable[[PredictionArrays], dict[str, Result]]) -> None:
    window = predictions(80, 11, shift=0.5)
    theirs = MMDDrift(predictions(200, 1).embeddings, backend="tensorflow", n_permutations=20)
    assert results(window)["mmd"].statistic == pytest.approx(theirs.score(window.embeddings)[1], abs=1e-5)


def test_the_kernel_of_the_reference_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, int]] = []
    compute = GaussianRBF.call

    def counted(self: GaussianRBF, x: Sized, y: Sized, infer_sigma: bool = False) -> object:
        shapes.append((len(x), len(y)))
        return compute(self, x, y, infer_sigma)

    monkeypatch.setattr(GaussianRBF, "call", counted)
    detector = one("mmd", predictions(70, 12))
    assert shapes == [(70, 70)]
    for seed in (13, 14):
        detector(predictions(30, seed))
    assert shapes.count((70, 70)) == 1


def test_too_few_permutations_for_the_level_are_refused() -> None:
    with pytest.raises(ValueError, match="99 permutations or more"):
        one("mmd", predictions(30, 1), DriftSettings(p_value=0.01, permutations=50, features=()))


def test_features_are_ranked_by_their_shift(results: Callable[[PredictionArrays], dict[str, Result]]) -> None:
    ks = results(predictions(100, 15, shift=1))["ks"]
    assert {ks.features[0].name, ks.features[1].name} == {"brightness_mean", "confidence"}
    assert ks.features[-1].name == "sharpness" and not ks.features[-1].drifted
    assert ks.statistic == ks.features[0].statistic


def test_confidence_is_always_watched_and_only_once() -> None:
    for features in ((), ("confidence",), ("sharpness", "confidence")):
        ks = one("ks", predictions(50, 1), DriftSettings(features=features))(predictions(50, 2))
        assert [shift.name for shift in ks.features].count("confidence") == 1


def test_an_unknown_feature_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no feature 'symmetry' .* there are: confidence, brightness_mean, sharpness"):
        one("ks", predictions(50, 1), DriftSettings(features=("sharpness", "symmetry")))


def test_a_reference_older_than_a_feature_is_tested_by_those_it_has_unless_the_feature_is_asked_for() -> None:
    by_default = one("ks", predictions(50, 1), DriftSettings())(predictions(50, 2))
    assert {shift.name for shift in by_default.features} == {"confidence", "brightness_mean", "sharpness"}
    with pytest.raises(ValueError, match="no feature 'region_count'"):
        one("ks", predictions(50, 1), DriftSettings(features=("sharpness", "region_count")))


@pytest.mark.parametrize("name", ["mmd", "ks", "chi2"])
def test_predictions_that_are_all_alike_do_not_alarm(name: str) -> None:
    result = one(name, alike(40))(alike(30))
    assert not result.drifted and result.p_value == 1


@pytest.mark.parametrize("name", ["mmd", "ks"])
def test_a_constant_window_against_a_varied_reference_alarms(name: str) -> None:
    assert one(name, predictions(100, 1))(alike(50)).drifted


def test_a_label_that_the_reference_has_not_alarms() -> None:
    reference = predictions(50, 1, tumor=1)
    assert one("chi2", reference)(predictions(50, 2, tumor=0.5)).drifted
    assert not one("chi2", reference)(predictions(50, 2, tumor=1)).drifted


def test_detectors_share_the_level_of_a_check() -> None:
    """So that a check of which any detector alarms by chance stays as rare as `p_value` says."""
    assert DriftSettings(p_value=0.06).level == pytest.approx(0.02)
    assert DriftSettings(p_value=0.06, detectors=("mmd",)).level == pytest.approx(0.06)
    reference = predictions(200, 1)
    for name, detector in zip(SETTINGS.detectors, detectors.detectors(reference, LABELS, SETTINGS), strict=True):
        alone = detectors.detectors(
            reference, LABELS, SETTINGS.model_copy(update={"detectors": (name,), "p_value": SETTINGS.level})
        )
        assert detector(predictions(60, 2)).threshold == alone[0](predictions(60, 2)).threshold


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_module_is_watched_by_what_it_may_answer(name: str) -> None:
    folder = REPOSITORY / "models" / name
    card = read_card(folder)
    reference = artifact_reference(folder, card)
    checker = DriftChecker(create_engine("sqlite://"), card, reference, DriftSettings())
    size = len(reference.predictions)
    results = checker.results(reference, reference.predictions.take(range(0, size, 2)))
    assert [result.detector for result in results] == ["mmd", "ks", "chi2"]
    assert not any(result.drifted for result in results)
    assert {*reference.predictions.labels.tolist()} <= {*card.possible_labels}
