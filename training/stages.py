"""The recipe of the shipped network, stage by stage."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras

from training import brain_tumor
from training.batches import Mix
from training.export import round_weights
from training.fit import Recipe, fit
from training.split import Dataset

UNTIED = Mix(painted=0.25, healed=0.3, doubled=0.05, mirrored=0.1, toned=0.3, balanced=True)
STAGES = (  # first what tumors look like, then that scanner and plane are no sign of one, at last nor is the scalp
    Recipe(epochs=46, peak_rate=1e-3, mix=Mix(painted=0.25)),
    Recipe(epochs=16, peak_rate=4e-4, mix=UNTIED),
    Recipe(epochs=12, peak_rate=3e-4, mix=replace(UNTIED, reshaded=0.5)),
)


def train(dataset: Dataset, run: Path, stages: Sequence[Recipe] = STAGES) -> keras.Sequential:
    """Train stage by stage in `run`, or go on with it, and return the best network, its weights rounded."""
    network = brain_tumor.build()
    for number, recipe in enumerate(stages, start=1):
        folder = run / f"stage-{number}"
        network = fit(network, dataset.part("train"), dataset.part("validation"), folder, recipe)
    round_weights(network)
    return network
