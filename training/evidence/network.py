"""The network: a U-shaped CNN (Ronneberger et al. 2015) from a slice to a map of evidence, and from that to the scan.

The evidence of a cell is the logit that a lesion lies there. The scan's logit is the mean of the STRONGEST cells and
of nothing else, so that an answer always has a place. The type of a tumor is read where the evidence is. Whether the
picture is a brain MRI at all is read from the mean activations on the way down, which also are the embedding.
"""

from typing import Final

import keras
from keras import layers, ops

from training.evidence.shapes import SIDE
from training.networks.normalization import FusedBatchNormalization, TissueStandardization

WIDTHS: Final = (32, 64, 96, 128)  # channels at 64, 32, 16 and 8 cells a side
DEPTHS: Final = (2, 3, 3, 3)  # convolutions on the way down
STRONGEST: Final = 64  # cells, 1.6% of the map, some 5 cm2 of a head
TYPES: Final = 3
EVIDENCE, SCAN, TYPE, FOREIGN = "evidence", "scan", "type", "foreign"  # outputs


@keras.saving.register_keras_serializable("imip")
class StrongestMean(layers.Layer):  # type: ignore[misc]
    """The mean of the strongest cells of a map: (n, h, w, 1) to (n, 1)."""

    def __init__(self, cells: int, **kwargs) -> None:  # type: ignore[no-untyped-def]
        super().__init__(**kwargs)
        self.cells = cells

    def call(self, evidence):  # type: ignore[no-untyped-def]
        flat = ops.reshape(evidence, (-1, evidence.shape[1] * evidence.shape[2]))
        return ops.mean(ops.top_k(flat, self.cells, sorted=False)[0], axis=-1, keepdims=True)

    def get_config(self):  # type: ignore[no-untyped-def]
        return {**super().get_config(), "cells": self.cells}


@keras.saving.register_keras_serializable("imip")
class MeanWhereEvident(layers.Layer):  # type: ignore[misc]
    """The mean of maps (n, h, w, k) weighted by the probability of a lesion in each cell: (n, k)."""

    def call(self, maps, evidence):  # type: ignore[no-untyped-def]
        weights = ops.stop_gradient(ops.sigmoid(evidence))
        return ops.sum(maps * weights, axis=(1, 2)) / (ops.sum(weights, axis=(1, 2)) + 1e-3)


def build(policy: str = "float32", strongest: int = STRONGEST) -> keras.Model:
    """Return the untrained network: logits evidence (n, MAP, MAP, 1), scan (n, 1), type (n, TYPES), foreign (n, 1).

    `policy`: how the convolutions compute while training, such as mixed_bfloat16. `strongest`: cells that the scan's
    logit is the mean of.
    """
    pixels = keras.Input((SIDE, SIDE, 1))
    values = TissueStandardization(name="standardize", dtype="float32")(pixels)
    finer = []
    for level, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
        values = _convolve(values, width, 4 if level == 0 else 3, 2, f"down_{level}_0", policy)
        for number in range(1, depth):
            values = _convolve(values, width, 3, 1, f"down_{level}_{number}", policy)
        finer.append(values)
    for level in (2, 1, 0):
        values = _convolve(values, WIDTHS[level], 1, 1, f"narrow_{level}", policy)
        values = layers.UpSampling2D(2, interpolation="nearest", name=f"enlarge_{level}", dtype=policy)(values)
        values = layers.Add(name=f"join_{level}", dtype=policy)([values, finer[level]])
        values = _convolve(values, WIDTHS[level], 3, 1, f"up_{level}", policy)
    evidence = layers.Conv2D(1, 1, name=EVIDENCE, dtype="float32", bias_initializer=keras.initializers.Constant(-2.0))(
        values
    )
    scan = StrongestMean(strongest, name=SCAN, dtype="float32")(evidence)
    kinds = layers.Conv2D(TYPES, 1, name="type_map", dtype="float32")(values)
    kind = MeanWhereEvident(name=TYPE, dtype="float32")(kinds, evidence)
    means = [layers.GlobalAveragePooling2D(name=f"means_{n}", dtype="float32")(end) for n, end in enumerate(finer)]
    foreign = layers.Dense(1, name=FOREIGN, dtype="float32")(layers.Concatenate(name="means", dtype="float32")(means))
    return keras.Model(pixels, {EVIDENCE: evidence, SCAN: scan, TYPE: kind, FOREIGN: foreign}, name="evidence_network")


def _convolve(values, width: int, kernel: int, stride: int, name: str, policy: str):  # type: ignore[no-untyped-def]
    values = layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
        dtype=policy,
    )(values)
    values = FusedBatchNormalization(momentum=0.97, name=f"{name}_normalized", dtype=policy)(values)
    return layers.Activation("relu", name=f"{name}_activated", dtype=policy)(values)
