"""The recipes of the evidence network made what is shipped, and their thresholds are chosen as their cards say."""

import numpy as np
import pytest

from imip.inference.artifact import read_card
from imip.inference.head import crop_to_head
from imip.inference.runtime import GRAPH
from imip.scan.read import read_scan
from tests.support.server import REPOSITORY
from tests.support.shipped import SHIPPED
from training.calibration import Platt, Temperature
from training.evidence.graph import OnePass, prove
from training.evidence.network import build
from training.evidence.shapes import SIDE
from training.networks.weights import read_weights
from training.recipes import brain_evidence, find
from training.recipes.brain_evidence import BrainEvidence

MODULES = ("brain-lesion", "brain-tumor", "brain-tumor-type")
SCANS = [REPOSITORY / "samples" / name for name in ("brain-axial.png", "brain-axial-lesion.png")]


@pytest.mark.parametrize("name", sorted({*MODULES} & {*SHIPPED}))
def test_the_shipped_graph_agrees_with_keras_on_the_shipped_weights(name: str) -> None:
    recipe = find(name)
    calibration = read_card(recipe.artifact).calibration
    network = build()
    read_weights(network, recipe.weights)
    temperature = Temperature(calibration.at("temperature")) if "temperature" in calibration.parameters else None
    one_pass = OnePass(network, Platt(calibration.at("slope"), calibration.at("intercept")), temperature)
    inputs = [crop_to_head(read_scan(path.read_bytes()).pixels, SIDE).pixels for path in SCANS]
    assert prove(one_pass, (recipe.artifact / GRAPH).read_bytes(), inputs).holds


def test_one_training_serves_all_modules_of_the_network() -> None:
    recipes = [find(name) for name in MODULES]
    assert all(isinstance(recipe, BrainEvidence) for recipe in recipes)
    assert len({recipe.run_name for recipe in recipes}) == len({recipe.weights for recipe in recipes}) == 1
    assert len({recipe.artifact for recipe in recipes}) == 3


def test_what_scans_of_the_validation_reach_is_not_called_foreign_and_never_what_is_very_unlikely() -> None:
    rng = np.random.default_rng(0)
    often_high = rng.uniform(0, 1, 4000).astype(np.float32)
    threshold = brain_evidence._foreign_threshold(often_high)
    assert np.mean(often_high > threshold) == pytest.approx(brain_evidence.FLAGGED, abs=0.001)
    assert brain_evidence._foreign_threshold(often_high / 100) == brain_evidence.LEAST
