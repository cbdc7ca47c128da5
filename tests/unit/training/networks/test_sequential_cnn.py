"""The default network has a heatmap that can point, whatever the size of its input."""

import pytest

from training.networks.sequential_cnn import build, ends


@pytest.mark.parametrize(("side", "positions"), [(8, 8), (16, 8), (28, 7), (64, 8), (100, 12)])
def test_the_heatmap_is_as_fine_for_any_size(side, positions):
    network = build(side, 3)
    assert network.get_layer(ends(side)[-1]).output.shape[1:3] == (positions, positions)
