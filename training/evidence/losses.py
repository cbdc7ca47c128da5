"""What the network is asked for: the lesion where it is known, nothing where there is none, and the scan as a whole."""

from typing import Final

import keras
from keras import ops

UNKNOWN: Final = -1.0  # a target that nobody knows: it costs nothing
LESION_WEIGHT: Final = 5.0  # of a lesion's cell against one of healthy tissue


@keras.saving.register_keras_serializable("imip")
def evidence_loss(target, evidence):  # type: ignore[no-untyped-def]
    """Return the loss of each slice's map, (n,): weighted cross-entropy, and one minus Dice where there is a lesion.

    `target`: (n, h, w, 1), the share of each cell that is lesion, or UNKNOWN. Source of the sum: Isensee et al.,
    nnU-Net, Nature Methods 2021.
    """
    known = ops.cast(target[:, 0, 0, 0] > UNKNOWN / 2, "float32")
    target = ops.maximum(ops.cast(target, "float32"), 0.0)
    evidence = ops.cast(evidence, "float32")
    entropy = ops.softplus(evidence) - target * evidence
    weights = 1.0 + (LESION_WEIGHT - 1.0) * target
    cross = ops.mean(weights * entropy, axis=(1, 2, 3))
    found = ops.sigmoid(evidence)
    area = ops.sum(target, axis=(1, 2, 3))
    overlap = ops.sum(found * target, axis=(1, 2, 3))
    dice = (2.0 * overlap + 1.0) / (ops.sum(found, axis=(1, 2, 3)) + area + 1.0)
    return known * (cross + 0.5 * (1.0 - dice) * ops.cast(area > 0, "float32"))


@keras.saving.register_keras_serializable("imip")
def yes_or_no_loss(target, logit):  # type: ignore[no-untyped-def]
    """Return the cross-entropy of each scan, (n,); `target` (n, 1) is 1 for yes."""
    logit = ops.cast(logit, "float32")
    return ops.mean(ops.softplus(logit) - ops.cast(target, "float32") * logit, axis=-1)


@keras.saving.register_keras_serializable("imip")
def type_loss(target, logits):  # type: ignore[no-untyped-def]
    """Return the cross-entropy of each scan's type, (n,); `target` (n,) is its index, or UNKNOWN."""
    target = ops.reshape(ops.cast(target, "int32"), (-1,))
    known = ops.cast(target >= 0, "float32")
    logits = ops.cast(logits, "float32")
    chosen = ops.one_hot(ops.maximum(target, 0), logits.shape[-1])
    return known * (ops.logsumexp(logits, axis=-1) - ops.sum(chosen * logits, axis=-1))
