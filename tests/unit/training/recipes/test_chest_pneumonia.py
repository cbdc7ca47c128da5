"""The recipe of `chest-pneumonia` made what is shipped."""

import numpy as np

from imip.inference.artifact import read_card
from imip.inference.runtime import GRAPH
from tests.support.server import REPOSITORY
from training.calibration import Platt
from training.export.litert import prove
from training.networks.sequential_cnn import build
from training.networks.weights import read_weights
from training.recipes import find

ARTIFACT = REPOSITORY / "models" / "chest-pneumonia"


def test_the_shipped_graph_agrees_with_keras_on_the_shipped_weights() -> None:
    card = read_card(ARTIFACT)
    network = build(card.input.side, 1)
    read_weights(network, find("chest-pneumonia").weights)
    rng = np.random.default_rng(0)
    inputs = [np.clip(rng.normal(120, width, (card.input.side,) * 2), 0, 255).astype(np.uint8) for width in (20, 60)]
    platt = Platt(**card.calibration.parameters)
    assert prove(network, platt, (ARTIFACT / GRAPH).read_bytes(), inputs).holds
