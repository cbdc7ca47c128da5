"""The served graph answers what Keras answers, for the shipped weights and for others."""

from pathlib import Path

import keras
import numpy as np
import pytest

from imip.card import Card
from imip.framing import frame
from imip.model import CARD, Model, load
from imip.scan import read_scan
from training import brain_tumor
from training.calibration import Platt
from training.export import (
    HEATMAP_CORRELATION,
    PROBABILITY_TOLERANCE,
    keras_answer,
    read_weights,
    round_weights,
    to_litert,
    write_weights,
)
from training.split import MANIFEST, read_manifest

ROOT = Path(__file__).parents[1]
SCANS = sorted(path for path in (ROOT / "samples").iterdir() if path.suffix in {".png", ".jpg", ".dcm"})


@pytest.fixture(scope="module")
def shipped() -> tuple[keras.Sequential, Model]:
    network = brain_tumor.build()
    read_weights(network, ROOT / "training" / "weights" / "brain-tumor.npz")
    return network, load(ROOT / "models" / "brain-tumor")


@pytest.mark.parametrize("path", SCANS, ids=lambda path: path.name)
def test_the_shipped_graph_agrees_with_keras_on_real_scans(shipped, path):
    network, model = shipped
    platt = Platt(model.card.calibration.slope, model.card.calibration.intercept)
    pixels = frame(read_scan(path.read_bytes()).pixels, model.card.input.side).input
    output = model.run(pixels)
    probability, evidence = keras_answer(network, platt, pixels[None, :, :, None].astype(np.float32))
    served = output.heatmaps[:, :, 0] - output.heatmaps[:, :, 1]
    assert abs(float(output.probabilities[0]) - probability) <= PROBABILITY_TOLERANCE
    assert np.corrcoef(served.ravel(), evidence.ravel())[0, 1] > HEATMAP_CORRELATION


def test_rounded_weights_survive_being_written(tmp_path):
    network = brain_tumor.build()
    round_weights(network)
    write_weights(network, tmp_path / "weights.npz")
    other = brain_tumor.build()
    read_weights(other, tmp_path / "weights.npz")
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), other.get_weights(), strict=True))


def test_brightness_and_contrast_of_a_scan_do_not_change_the_answer():
    network = brain_tumor.build()
    card = Card.read(ROOT / "models" / "brain-tumor" / CARD)
    model = Model(card, to_litert(network, Platt(1.0, 0.0)), np.zeros((0, 0), np.float32))
    pixels = frame(read_scan((ROOT / "samples" / "brain-axial.png").read_bytes()).pixels, 128).input
    darker = (pixels * 0.5).astype(np.uint8)
    assert np.allclose(model.run(pixels).probabilities, model.run(darker).probabilities, atol=0.02)


def test_a_parity_that_is_too_loose_does_not_hold():
    from training.export import Parity

    assert Parity(1e-6, 0.99999).holds
    assert not Parity(2e-4, 0.99999).holds
    assert not Parity(1e-6, 0.99).holds


def test_the_manifest_matches_its_own_rules():
    entries = read_manifest(MANIFEST)
    split_of_group: dict[int, str] = {}
    for entry in entries.values():
        assert split_of_group.setdefault(entry.group, entry.split) == entry.split
    assert len(entries) > 5000
