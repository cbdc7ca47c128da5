"""An artifact of `brain-lesion` whose tiny graph takes what is nearly white for a lesion, and scans made for it."""

from functools import cache

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from imip.inference.artifact import Artifact, read_card
from imip.inference.card import Calibration, DecisionRule, InputSpec
from tests.support.evidence import MAP
from tests.support.server import REPOSITORY

SIDE = 128
TISSUE = 120
CELL = SIDE // MAP


@cache
def lesion_artifact() -> Artifact:
    """The graph's evidence is a sigmoid of each cell's brightness, 0.5 at a grey level of 220."""
    shipped = read_card(REPOSITORY / "models" / "brain-tumor")
    thresholds = {"threshold": 0.5, "uncertain_from": 0.4, "uncertain_to": 0.6, "region": 0.5}
    parameters = {"slope": 1.0, "intercept": 0.0, "region_slope": 1.0, "region_intercept": 0.0}
    card = shipped.model_copy(
        update={
            "module": "brain-lesion",
            "labels": ("Lesion", "No Lesion"),
            "heatmap": "evidence",
            "input": InputSpec(side=SIDE, modalities=("MR",)),
            "decision": DecisionRule(thresholds=thresholds, rule="A test."),
            "calibration": Calibration(method="A test.", parameters=parameters),
            "out_of_distribution": shipped.out_of_distribution.model_copy(update={"threshold": 1e6}),
        }
    )
    return Artifact(card, _graph(), np.random.default_rng(0).random((20, 2), np.float32))


def _graph() -> bytes:
    class OnePass(tf.Module):
        @tf.function(autograph=False)
        def answer(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
            evidence = tf.sigmoid((tf.nn.avg_pool2d(pixels, CELL, CELL, "VALID") - 220.0) / 10.0)
            lesion = tf.reduce_max(evidence, axis=(1, 2))
            return {
                "probabilities": tf.concat([lesion, 1.0 - lesion], axis=-1),
                "embedding": tf.concat([lesion, tf.reduce_mean(pixels, axis=(1, 2)) / 255.0], axis=-1),
                "heatmaps": tf.concat([evidence, evidence], axis=-1),
            }

    one_pass = OnePass()
    signature = one_pass.answer.get_concrete_function(tf.TensorSpec((1, SIDE, SIDE, 1), tf.float32, "pixels"))
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([signature], one_pass).convert())


def head_with_lesions(*lesions: tuple[int, int, int], shape: tuple[int, int] = (200, 160)) -> NDArray[np.uint8]:
    """A slice filled by grey tissue, with white discs: row, column and radius of each."""
    pixels = np.full(shape, TISSUE, np.uint8)
    for row, column, radius in lesions:
        cv2.circle(pixels, (column, row), radius, 255, cv2.FILLED)
    return pixels
