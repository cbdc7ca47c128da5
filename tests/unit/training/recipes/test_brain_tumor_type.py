"""The recipe of `brain-tumor-type` made what is shipped."""

from imip.inference.artifact import read_card
from imip.inference.head import crop_to_head
from imip.inference.runtime import GRAPH
from imip.scan.read import read_scan
from tests.support.server import REPOSITORY
from training.calibration import Temperature
from training.export.litert import prove, read_weights
from training.networks.mobilenet import SIDE, untrained
from training.recipes import find
from training.recipes.brain_tumor_type.network import build

ARTIFACT = REPOSITORY / "models" / "brain-tumor-type"


def test_the_shipped_graph_agrees_with_keras_on_real_scans() -> None:
    network = build(untrained(), 4)
    read_weights(network, find("brain-tumor-type").weights)
    temperature = Temperature(**read_card(ARTIFACT).calibration.parameters)
    scans = [REPOSITORY / "samples" / name for name in ("brain-axial.png", "brain-axial-lesion.png")]
    inputs = [crop_to_head(read_scan(path.read_bytes()).pixels, SIDE).pixels for path in scans]
    assert prove(network, temperature, (ARTIFACT / GRAPH).read_bytes(), inputs).holds
