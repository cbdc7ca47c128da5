"""Drifts caused on purpose: each is one change of growing strength, the same for the same seed."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from imip.inference.head import find_head
from monitoring.drift.simulation.distortions import DRIFTS, SEVERITIES, distort, paint_mass
from monitoring.drift.simulation.scenarios import alter
from tests.support.heads import head

SEEDS = range(40)
LABELS = ["glioma"] * 30 + ["healthy"] * 50 + ["pituitary"] * 20

Slice = NDArray[np.uint8]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def drawn() -> Slice:
    """(250, 230): a head with fine texture, wider than the coarsest acquisition."""
    rows, columns = np.mgrid[:250, :230]
    inside = ((rows - 125) / 105) ** 2 + ((columns - 115) / 85) ** 2 < 1
    texture = 120 + 50 * np.sin(rows / 9) * np.cos(columns / 7) + rng().normal(0, 15, inside.shape)
    return (inside * np.clip(texture, 40, 255)).astype(np.uint8)


def distance(one: Slice, other: Slice) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("kind", DRIFTS)
def test_a_slice_keeps_its_shape_and_type_and_the_original_is_left_alone(
    kind: str, severity: int, drawn: Slice
) -> None:
    original = drawn.copy()
    distorted = distort(drawn, kind, severity, rng())
    assert distorted.shape == drawn.shape and distorted.dtype == np.uint8
    assert np.array_equal(drawn, original)


@pytest.mark.parametrize("kind", DRIFTS)
def test_each_severity_is_farther_from_the_original_than_the_one_before(kind: str, drawn: Slice) -> None:
    far = [np.mean([distance(distort(drawn, kind, s, rng(seed)), drawn) for seed in SEEDS]) for s in SEVERITIES]
    assert all(before < after for before, after in pairwise([0.0, *far])), far


@pytest.mark.parametrize("kind", sorted(DRIFTS.keys() - {"inversion", "zoom", "wide-field", "brightness"}))
def test_the_first_severity_is_slight(kind: str, drawn: Slice) -> None:
    assert distance(distort(drawn, kind, 1, rng()), drawn) < 8


@pytest.mark.parametrize("kind", DRIFTS)
def test_a_seed_decides_the_whole_change(kind: str, drawn: Slice) -> None:
    assert np.array_equal(distort(drawn, kind, 3, rng(7)), distort(drawn, kind, 3, rng(7)))


@pytest.mark.parametrize("kind", ["gaussian-noise", "bias-field", "motion-ghosting", "zoom", "unseen-structure"])
def test_two_scans_of_one_stream_are_not_changed_in_the_very_same_way(kind: str, drawn: Slice) -> None:
    chance = rng()
    assert not np.array_equal(distort(drawn, kind, 4, chance), distort(drawn, kind, 4, chance))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3), (7, 5), (33, 64), (301, 17)])
@pytest.mark.parametrize("kind", [*DRIFTS, "more-anomalies", "repeated-patient"])
def test_slices_of_any_size_and_black_ones_can_be_changed(kind: str, shape: tuple[int, int]) -> None:
    for pixels in (rng().integers(0, 256, shape).astype(np.uint8), np.zeros(shape, np.uint8)):
        for severity in SEVERITIES:
            changed = alter(pixels, kind, severity, rng())
            assert changed.shape == shape and changed.dtype == np.uint8


def test_an_unknown_distortion_is_answered_with_those_there_are(drawn: Slice) -> None:
    with pytest.raises(ValueError, match=r"'earthquake'.*gaussian-noise.*unseen-structure"):
        distort(drawn, "earthquake", 1, rng())


@pytest.mark.parametrize("severity", [0, 6, -1])
def test_a_severity_out_of_range_is_answered_with_the_range(severity: int, drawn: Slice) -> None:
    with pytest.raises(ValueError, match=f"{severity}; there are: 1 .* to 5"):
        distort(drawn, "blur", severity, rng())


def test_noise_has_the_spread_it_says_where_signal_is_strong() -> None:
    flat = np.full((200, 200), 100, np.uint8)
    for severity in (1, 2, 3):
        said = DRIFTS["gaussian-noise"].levels.at(severity) * 100
        assert distort(flat, "gaussian-noise", severity, rng()).std() == pytest.approx(said, rel=0.05)


def test_noise_lifts_the_air_as_in_a_magnitude_image(drawn: Slice) -> None:
    assert distort(drawn, "gaussian-noise", 4, rng())[:10, :10].mean() > 5


def test_brightness_and_contrast_change_what_they_say() -> None:
    halves = np.repeat(np.array([[80], [120]], np.uint8), 10, axis=1)
    brighter = distort(halves, "brightness", 2, rng()).astype(int) - halves
    assert np.all(brighter == round(0.08 * 255))
    flatter = distort(halves, "contrast", 2, rng())
    assert int(flatter[1, 0]) - int(flatter[0, 0]) == 32 and flatter.mean() == 100


def test_ghosts_lie_beside_the_head_along_one_axis(drawn: Slice) -> None:
    ghosted = distort(drawn, "motion-ghosting", 5, rng())
    assert ghosted[100:150, :20].mean() > 5 and ghosted[:15].max() == 0


def test_a_slice_coarser_than_the_acquisition_loses_no_resolution() -> None:
    small = head(1)
    assert np.array_equal(distort(small, "resolution-loss", 1, rng()), small)


def test_inversion_befalls_the_share_of_scans_it_says_and_all_of_each(drawn: Slice) -> None:
    small, chance = drawn[:40, :40], rng()
    for severity in SEVERITIES:
        stream = [distort(small, "inversion", severity, chance) for _ in range(400)]
        inverted = [np.array_equal(changed, 255 - small) for changed in stream]
        assert all(swapped or np.array_equal(s, small) for swapped, s in zip(inverted, stream, strict=True))
        assert np.mean(inverted) == pytest.approx(DRIFTS["inversion"].levels.at(severity), abs=0.07)


def test_a_narrower_field_cuts_the_head_and_a_wider_one_leaves_it_small(drawn: Slice) -> None:
    whole = find_head(drawn)
    assert find_head(distort(drawn, "zoom", 5, rng())).height == drawn.shape[0]
    assert find_head(distort(drawn, "wide-field", 4, rng())).height == pytest.approx(whole.height / 1.6, abs=6)


def test_an_implant_is_a_void_with_a_bright_rim_inside_the_head(drawn: Slice) -> None:
    box = find_head(drawn)
    for seed in SEEDS:
        changed = np.argwhere(distort(drawn, "unseen-structure", 4, rng(seed)) != drawn)
        assert changed[:, 0].min() >= box.top and changed[:, 0].max() < box.bottom
        assert changed[:, 1].min() >= box.left and changed[:, 1].max() < box.right
    implanted = distort(drawn, "unseen-structure", 4, rng())
    assert (implanted == 255).sum() > (drawn == 255).sum() + 100
    assert (implanted[60:190, 60:170] == 0).sum() > 100


def test_a_mass_is_brighter_than_the_head_and_lies_in_it(drawn: Slice) -> None:
    for seed in SEEDS:
        painted = paint_mass(drawn, rng(seed)).astype(int) - drawn
        assert painted.sum() > 0 and 300 < np.count_nonzero(painted) < drawn.size / 8
