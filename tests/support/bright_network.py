"""An evidence network whose weights are set by hand: what is much brighter than ordinary tissue is a lesion.

What a training of seconds makes of a new network is left to chance; this one answers rightly from the start.
"""

import keras
import numpy as np

from training.evidence.network import EVIDENCE, FOREIGN, STRONGEST, build

STEEPNESS, BRIGHT = 4.0, 3.0  # logit by deviation above ordinary tissue, and where it is 0
FOREIGN_LOGIT = -4.0
TYPE_STEEPNESS = 8.0
BRIGHTNESS = {"meningioma": 155, "glioma": 168, "pituitary": 190}  # grey levels of lesions in `slice_of_head`
BETWEEN_TYPES = (3.6, 4.4)  # deviations: the brighter a lesion is, the later its type in the order of types


def bright_network(policy: str = "float32", strongest: int = STRONGEST) -> keras.Model:
    """The first channel of the finest level carries the brightness of each cell; all else plays no part in the map."""
    keras.utils.set_random_seed(1)
    network = build(policy, strongest)
    _convolution(network, "down_0_0", [(slice(1, 3), slice(1, 3))], 0.25)
    _convolution(network, "down_0_1", [(1, 1)], 1.0)
    _convolution(network, "narrow_0", [], 0.0)
    _convolution(network, "up_0", [(1, 1)], 1.0)
    _read(network, EVIDENCE, [STEEPNESS], [-STEEPNESS * BRIGHT])
    low, high = BETWEEN_TYPES
    _read(network, "type_map", np.array([0, 1, 2]) * TYPE_STEEPNESS, np.array([0, -low, -low - high]) * TYPE_STEEPNESS)
    foreign = network.get_layer(FOREIGN)
    foreign.set_weights([np.zeros_like(foreign.kernel.numpy()), np.array([FOREIGN_LOGIT])])
    return network


def _convolution(network: keras.Model, name: str, taps: list, weight: float) -> None:
    """Let the first channel of a convolution pass the first channel on, at the taps of its kernel, and none another."""
    layer = network.get_layer(name)
    kernel = layer.kernel.numpy()
    kernel[:, :, 0] = 0
    kernel[..., 0] = 0
    if name == "narrow_0":
        kernel[:] = 0
    for rows, columns in taps:
        kernel[rows, columns, 0, 0] = weight
    layer.set_weights([kernel])


def _read(network: keras.Model, name: str, weights: list[float], bias: list[float]) -> None:
    layer = network.get_layer(name)
    kernel = np.zeros_like(layer.kernel.numpy())
    kernel[0, 0, 0] = weights
    layer.set_weights([kernel, np.array(bias)])
