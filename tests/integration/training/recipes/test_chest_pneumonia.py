"""The shipped graph of `chest-pneumonia` is that of its shipped weights."""

import numpy as np
import pytest
from numpy.typing import NDArray

from imip.inference.module import AnalysisModule
from imip.inference.preprocessing import ModelInput
from imip.inference.runtime import GRAPH
from imip.modules import load
from imip.scan.scan import Scan
from tests.support.server import REPOSITORY
from training.calibration import Platt
from training.export.litert import prove, read_weights
from training.networks.sequential_cnn import build
from training.recipes import find

SIDE = 28  # pixels of the module's input


@pytest.fixture(scope="module")
def module() -> AnalysisModule:
    return load(REPOSITORY / "models" / "chest-pneumonia")


def film(height: int, width: int) -> NDArray[np.uint8]:
    """A drawn chest, its lungs darker than what is around them: (height, width) uint8, the middle square the same."""
    edge = min(height, width)
    rows, columns = (np.mgrid[:height, :width] - np.array([height, width]).reshape(2, 1, 1) / 2) / edge
    lungs = [((rows + 0.03) / 0.33) ** 2 + ((columns - side) / 0.15) ** 2 < 1 for side in (-0.2, 0.2)]
    chest = np.where((rows / 0.6) ** 2 + (columns / 0.46) ** 2 < 1, 170, 20)
    return np.where(np.logical_or(*lungs), 70, chest).astype(np.uint8)


def prepared(module: AnalysisModule, pixels: NDArray[np.uint8]) -> ModelInput:
    return module.prepare(Scan(pixels=pixels, format="png", size_bytes=0, bit_depth=8, channels=1), {})


def test_the_shipped_graph_agrees_with_keras_on_the_shipped_weights(module: AnalysisModule) -> None:
    artifact = REPOSITORY / "models" / "chest-pneumonia"
    network = build(SIDE, 1)
    read_weights(network, find("chest-pneumonia").weights)
    inputs = [prepared(module, film(height, 600)).pixels for height in (500, 600, 700)]
    platt = Platt(**module.card.calibration.parameters)
    assert prove(network, platt, (artifact / GRAPH).read_bytes(), inputs).holds
