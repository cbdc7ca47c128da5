"""The served graphs answer what the network answers, for two labels and for types of tumors."""

import keras
import numpy as np
import pytest

from imip.errors import ArtifactError
from imip.inference.head import crop_to_head
from imip.inference.module import FOREIGN
from imip.inference.output import Output
from imip.inference.runtime import Graph
from tests.support.bright_network import BRIGHTNESS, FOREIGN_LOGIT, bright_network
from tests.support.lesions import DISC, slice_of_head
from training.calibration import Platt, Temperature
from training.evidence.batches import TYPED
from training.evidence.graph import OnePass, Parity, prove, to_litert
from training.evidence.network import WIDTHS
from training.evidence.shapes import MAP, SIDE

PLATT, TEMPERATURE = Platt(0.8, -0.5), Temperature(1.5)


def pixels(bright: int | None = None, seed: int = 3) -> np.ndarray:
    return crop_to_head(slice_of_head(seed, None if bright is None else DISC, bright or 0), SIDE).pixels


SLICES = [pixels(), *(pixels(bright, seed) for bright in BRIGHTNESS.values() for seed in range(3))]


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return bright_network()


@pytest.fixture(scope="module")
def tumor(network: keras.Model) -> tuple[OnePass, bytes]:
    one_pass = OnePass(network, PLATT, None)
    return one_pass, to_litert(one_pass)


@pytest.fixture(scope="module")
def types(network: keras.Model) -> tuple[OnePass, bytes]:
    one_pass = OnePass(network, PLATT, TEMPERATURE)
    return one_pass, to_litert(one_pass)


def answers(compiled: tuple[OnePass, bytes]) -> list[Output]:
    graph = Graph(compiled[1])
    return [graph.run(pixels) for pixels in SLICES]


@pytest.mark.parametrize(("name", "labels"), [("tumor", 2), ("types", 4)])
def test_a_graph_answers_probabilities_embedding_a_heatmap_for_each_label_and_whether_it_is_foreign(
    name: str, labels: int, request: pytest.FixtureRequest
) -> None:
    for output in answers(request.getfixturevalue(name)):
        assert output.probabilities.shape == (labels,)
        assert output.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert output.embedding.shape == (sum(WIDTHS),)
        assert np.isfinite(output.embedding).all() and output.embedding.min() >= 0
        assert output.heatmaps.shape == (MAP, MAP, labels)
        assert output.heatmaps.min() >= 0 and output.heatmaps.max() <= 1
        assert output.measures is not None
        assert output.measures[FOREIGN] == pytest.approx(1 / (1 + np.exp(-FOREIGN_LOGIT)), abs=0.01)


@pytest.mark.parametrize("name", ["tumor", "types"])
def test_a_graph_agrees_with_keras(name: str, request: pytest.FixtureRequest) -> None:
    assert prove(*request.getfixturevalue(name), SLICES).holds


def test_the_probability_is_the_calibrated_one_of_the_map(tumor: tuple[OnePass, bytes], network: keras.Model) -> None:
    logits = network.predict(np.stack(SLICES)[..., None].astype(np.float32), verbose=0)["scan"][:, 0]
    calibrated = [output.probabilities[0] for output in answers(tumor)]
    assert calibrated == pytest.approx(PLATT.apply(logits.astype(np.float64)), abs=0.1)
    assert calibrated[0] < 0.1 and min(calibrated[1:]) > 0.5


def test_both_heatmaps_of_two_labels_show_where_the_lesion_is(tumor: tuple[OnePass, bytes]) -> None:
    healthy, *lesions = answers(tumor)
    assert healthy.heatmaps.max() < 0.1
    for output in lesions:
        assert np.array_equal(output.heatmaps[..., 0], output.heatmaps[..., 1])
        assert output.heatmaps.max() > 0.5


def test_a_type_is_answered_with_its_own_share_of_the_evidence(types: tuple[OnePass, bytes]) -> None:
    healthy, *tumors = answers(types)
    assert healthy.probabilities.argmax() == 0
    for number, output in enumerate(tumors):
        label = 1 + number // 3
        assert output.probabilities.argmax() == label, TYPED[label - 1]
        whole, of_type = output.heatmaps[..., 0], output.heatmaps[..., label]
        assert np.allclose(output.heatmaps[..., 1:].sum(axis=-1), whole, atol=1e-4)
        assert of_type.max() > 0.5 * whole.max()


def test_no_tumor_and_the_types_share_what_there_is(types: tuple[OnePass, bytes], tumor: tuple[OnePass, bytes]) -> None:
    for of_types, of_two in zip(answers(types), answers(tumor), strict=True):
        assert of_types.probabilities[0] == pytest.approx(of_two.probabilities[1], abs=0.01)
        assert of_types.probabilities[1:].sum() == pytest.approx(of_two.probabilities[0], abs=0.01)


def test_a_graph_of_another_calibration_is_refused(tumor: tuple[OnePass, bytes], network: keras.Model) -> None:
    with pytest.raises(ArtifactError, match="does not agree"):
        prove(OnePass(network, Platt(0.1, 0.0), None), tumor[1], SLICES)


@pytest.mark.parametrize(
    "parity", [Parity(0.02, 0.03, 1.0), Parity(0.001, 0.2, 1.0), Parity(0.001, 0.03, 0.98)], ids=["mean", "one", "map"]
)
def test_a_parity_that_is_too_loose_does_not_hold(parity: Parity) -> None:
    assert Parity(0.005, 0.1, 0.995).holds
    assert not parity.holds
