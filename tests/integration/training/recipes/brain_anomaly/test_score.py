"""What the autoencoder finds unusual is served as it was measured."""

import keras
import numpy as np
import pytest

from imip.errors import ArtifactError
from imip.inference.head import crop_to_head
from tests.support.heads import head
from training.calibration import Platt
from training.networks.autoencoder import SIDE, build
from training.recipes.brain_anomaly import score

INPUTS = np.stack([crop_to_head(head(seed), SIDE).pixels for seed in range(32)])[..., None].astype(np.float32)


def test_the_compiled_graph_answers_as_trained() -> None:
    keras.utils.set_random_seed(1)
    network = build()
    normality = score.learn(network, INPUTS, np.ones(len(INPUTS)))
    platt = Platt(1.5, -0.5)
    graph = score.to_litert(network, normality, platt)
    inputs = list(INPUTS[:3, :, :, 0].astype(np.uint8))
    assert "probabilities within" in score.prove(network, normality, platt, graph, inputs)
    with pytest.raises(ArtifactError, match="does not agree"):
        score.prove(network, normality, Platt(3.0, 1.0), graph, inputs)
