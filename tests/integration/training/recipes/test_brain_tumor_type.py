"""The network of `brain-tumor-type` is trained in two stages that go on where they were stopped, and then shipped."""

from pathlib import Path

import keras
import numpy as np

from imip.inference.artifact import read_card
from imip.inference.head import crop_to_head
from imip.inference.runtime import GRAPH
from imip.scan.read import read_scan
from tests.support.parts import labelled, network_in_parts
from tests.support.runs import epochs
from tests.support.server import REPOSITORY
from training.calibration import Temperature
from training.export.litert import prove, read_weights
from training.networks.mobilenet import SIDE, untrained
from training.recipes import find
from training.recipes.brain_tumor_type import stages
from training.recipes.brain_tumor_type.network import build

ARTIFACT = REPOSITORY / "models" / "brain-tumor-type"


def test_convolutions_learn_in_the_second_stage_while_batch_normalisation_stays(tmp_path: Path) -> None:
    network = network_in_parts()
    tuned = network.layers[1]
    kernel, kept = tuned.get_layer("kernel").get_weights(), tuned.get_layer("bn").get_weights()
    stages.train(network, labelled(8), labelled(4), tmp_path, epochs=2)
    head_only = keras.saving.load_model(tmp_path / "head" / "best.keras").layers[0]
    assert np.array_equal(head_only.get_layer("kernel").get_weights()[0], kernel[0])
    assert not np.array_equal(tuned.get_layer("kernel").get_weights()[0], kernel[0])
    assert all(np.array_equal(*pair) for pair in zip(tuned.get_layer("bn").get_weights(), kept, strict=True))


def test_a_stopped_run_goes_on_after_its_last_epoch(tmp_path: Path) -> None:
    for most in (1, 2):
        stages.train(network_in_parts(), labelled(8), labelled(4), tmp_path, epochs=most)
    for name in stages.STAGES:
        assert [row["epoch"] for row in epochs(tmp_path / name)] == [1, 2]


def test_the_shipped_graph_agrees_with_keras_on_real_scans() -> None:
    network = build(untrained(), 4)
    read_weights(network, find("brain-tumor-type").weights)
    temperature = Temperature(**read_card(ARTIFACT).calibration.parameters)
    scans = [REPOSITORY / "samples" / name for name in ("brain-axial.png", "brain-axial-lesion.png")]
    inputs = [crop_to_head(read_scan(path.read_bytes()).pixels, SIDE).pixels for path in scans]
    assert prove(network, temperature, (ARTIFACT / GRAPH).read_bytes(), inputs).holds
