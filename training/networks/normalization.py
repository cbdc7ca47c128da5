"""Layers that bring pictures or channels to one scale."""

from typing import Any, Final

import keras
import tensorflow as tf
from keras import layers, ops

AIR_RATIO: Final = 0.08  # of the brightest pixel; darker pixels do not count as tissue
LIMIT: Final = 5.0  # deviations


@keras.saving.register_keras_serializable("imip")
class TissueStandardization(layers.Layer):  # type: ignore[misc]
    """Shift and scale each slice so that its ordinary tissue has mean 0 and deviation 1; air becomes the mean as well.

    Tissue brighter than one deviation above the mean counts as that bright at first: fat and vessels would otherwise
    set the scale, and leave the brain of a T1 slice little contrast. What is beyond LIMIT deviations is cut off.
    Normalisation is a layer so that it is exported with the graph. (n, H, W, 1), any range, to the same shape.
    """

    def call(self, inputs: Any) -> Any:
        tissue = ops.cast(inputs > AIR_RATIO * ops.max(inputs, axis=(1, 2, 3), keepdims=True), "float32")
        area = ops.sum(tissue, axis=(1, 2, 3), keepdims=True) + 1.0
        mean, deviation = _moments(inputs, tissue, area)
        mean, deviation = _moments(ops.minimum(inputs, mean + deviation), tissue, area)
        return tissue * ops.clip((inputs - mean) / deviation, -LIMIT, LIMIT)


def _moments(values: Any, tissue: Any, area: Any) -> tuple[Any, Any]:
    mean = ops.sum(values * tissue, axis=(1, 2, 3), keepdims=True) / area
    variance = ops.sum(ops.square(values - mean) * tissue, axis=(1, 2, 3), keepdims=True) / area
    return mean, ops.sqrt(variance + 1.0)


@keras.saving.register_keras_serializable("imip")
class FusedBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]
    """Keras' batch normalisation of (n, H, W, channels) by TensorFlow's fused kernel.

    Keras computes it in steps, which on a processor take more time than all convolutions together.
    """

    def call(self, inputs: tf.Tensor, training: bool = False, mask: Any = None) -> tf.Tensor:
        if not training:
            return super().call(inputs, training=False, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, ops.cast(self.gamma, "float32"), ops.cast(self.beta, "float32"), epsilon=self.epsilon
        )
        for moving, seen in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + ops.cast(seen, moving.dtype) * (1.0 - self.momentum))
        return outputs
