"""How `brain-tumor` is made: a small sequential CNN trained from scratch in stages, one probability out."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from training.calibration import choose_operating_point, fit_platt
from training.data.batches import Mix, model_inputs
from training.data.split import Dataset
from training.export.artifact import Trained, write_artifact
from training.export.litert import (
    HIDDEN_LAYER,
    LAST_CONVOLUTION,
    logits,
    prove,
    read_weights,
    round_weights,
    served_probabilities,
    to_litert,
    write_weights,
)
from training.loop import Stage, fit
from training.recipes.brain_mri import BrainMri

PARITY_SCANS = 200
SIDE = 128  # pixels; the input is (SIDE, SIDE, 1), 0..255
FILTERS = (32, 64, 128)
KERNELS = (5, 3, 3)  # pixels
POOLS = (2, 2, 4)  # the last leaves 8x8, so that the dense layer stays small
HIDDEN = 96  # units of the dense layer
AIR_RATIO = 0.08  # of the brightest pixel; darker pixels do not count as tissue


UNTIED = Mix(painted=0.25, healed=0.3, doubled=0.05, mirrored=0.1, toned=0.3, balanced=True)
STAGES = (  # first what tumors look like, then that scanner and plane are no sign of one, at last nor is the scalp
    Stage(epochs=46, peak_rate=1e-3, mix=Mix(painted=0.25)),
    Stage(epochs=16, peak_rate=4e-4, mix=UNTIED),
    Stage(epochs=12, peak_rate=3e-4, mix=replace(UNTIED, reshaded=0.5)),
)


class BrainTumor(BrainMri):
    """The recipe of the shipped network."""

    stages: Sequence[Stage] = STAGES

    def label(self, class_name: str) -> str:
        return "No Tumor" if class_name == "notumor" else "Tumor"

    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        network = build()
        for number, stage in enumerate(self.stages, start=1):
            shortened = replace(stage, epochs=min(stage.epochs, epochs or stage.epochs))
            folder = run / f"stage-{number}"
            network = fit(network, dataset.part("train"), dataset.part("validation"), folder, shortened)
        round_weights(network)
        write_weights(network, run / "weights.npz")
        return run / "weights.npz"

    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        network = build()
        read_weights(network, weights)
        validation = dataset.part("validation")
        inputs = model_inputs(validation, SIDE)
        is_tumor = np.array([sample.is_tumor for sample in validation])
        platt = fit_platt(logits(network, inputs)[:, 0], is_tumor)
        graph = to_litert(network, platt)
        slices = inputs[..., 0].astype(np.uint8)
        probabilities = served_probabilities(graph, slices)[:, 0]
        trained = Trained(graph, platt.described(), asdict(choose_operating_point(probabilities, is_tumor)))
        parity = prove(network, platt, graph, slices[:: max(1, len(slices) // PARITY_SCANS)])
        write_artifact(self.module, self.about, trained, validation, dataset.groups(validation), out)
        return str(parity)


@keras.saving.register_keras_serializable("imip")
class TissueStandardization(layers.Layer):  # type: ignore[misc]
    """Shift and scale each slice so that its tissue has mean 0 and deviation 1; air becomes 0 as well.

    Normalisation is a layer so that it is exported with the graph. (n, H, W, 1), any range, to the same shape.
    """

    def call(self, inputs):  # type: ignore[no-untyped-def]
        tissue = ops.cast(inputs > AIR_RATIO * ops.max(inputs, axis=(1, 2, 3), keepdims=True), "float32")
        area = ops.sum(tissue, axis=(1, 2, 3), keepdims=True) + 1.0
        mean = ops.sum(inputs * tissue, axis=(1, 2, 3), keepdims=True) / area
        variance = ops.sum(ops.square(inputs - mean) * tissue, axis=(1, 2, 3), keepdims=True) / area
        return tissue * (inputs - mean) / ops.sqrt(variance + 1.0)


def build() -> keras.Sequential:
    """Return the untrained network: three blocks of convolution, ReLU and max pooling, then dense layers."""
    network = keras.Sequential([keras.Input((SIDE, SIDE, 1)), TissueStandardization(name="standardize")])
    for number, (filters, kernel, pool) in enumerate(zip(FILTERS, KERNELS, POOLS, strict=True), start=1):
        network.add(
            layers.Conv2D(
                filters,
                kernel,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=LAST_CONVOLUTION if number == len(FILTERS) else f"convolution_{number}",
            )
        )
        network.add(layers.MaxPooling2D(pool, name=f"pool_{number}"))
    network.add(layers.Flatten(name="flatten"))
    network.add(layers.Dropout(0.4, name="dropout_1"))
    network.add(layers.Dense(HIDDEN, activation="relu", kernel_initializer="he_normal", name=HIDDEN_LAYER))
    network.add(layers.Dropout(0.3, name="dropout_2"))
    network.add(layers.Dense(1, activation="sigmoid", name="probability"))
    return network
