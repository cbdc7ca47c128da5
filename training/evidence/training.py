"""How the network is trained: on views of all sources, and of slices that only look like T2."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from training.data.batches import as_inputs
from training.data.brain import FIRST_SET, NO_TUMOR
from training.data.samples import Sample
from training.data.split import Dataset
from training.evidence.batches import ViewBatches, targets
from training.evidence.losses import evidence_loss, type_loss, yes_or_no_loss
from training.evidence.network import EVIDENCE, FOREIGN, SCAN, STRONGEST, TYPE, build
from training.evidence.synthetic_t2 import SYNTHETIC, synthetic_t2
from training.evidence.views import ALL, Chances, cut, view
from training.loop import FitOptions, fit
from training.networks.weights import round_and_write_weights

POLICY: Final = "mixed_bfloat16"  # three times as fast as float32 where the processor computes with it
DRAWN: Final = 12_000  # views an epoch
OPTIONS: Final = FitOptions(
    loss={EVIDENCE: evidence_loss, SCAN: yes_or_no_loss, TYPE: type_loss, FOREIGN: yes_or_no_loss},
    loss_weights={EVIDENCE: 1.0, SCAN: 0.5, TYPE: 0.2, FOREIGN: 0.2},
    metrics=(),
    epochs=16,
    peak_rate=2e-3,
    weight_decay=1e-3,
)
WEIGHTS: Final[Mapping[str, float]] = {  # of a slice of each source: the smaller and the more varied, the more often
    "brain-tumor-mri": 1.0,
    "lgg-du": 2.0,
    "lgg-ht": 2.0,
    "healthy-t1": 1.3,
    "ms-ljubljana": 2.5,
}
SYNTHETIC_WEIGHT: Final = 0.5  # of a slice that only looks like T2
CONTRAST_WEIGHT: Final = 3.0  # of a slice after contrast without a tumor, as most slices after contrast show one
FIRST_TUMOR_WEIGHT: Final = 0.7  # of a tumor of the first set, which holds most of them


def train(
    dataset: Dataset,
    run: Path,
    epochs: int | None,
    *,
    changes: Chances = ALL,
    options: FitOptions = OPTIONS,
    strongest: int = STRONGEST,
) -> Path:
    """Train in the folder `run`, or go on with it, and return the file of weights.

    `changes`: how views differ. `strongest`: see `network.build`.
    """
    options = options.at_most(epochs)
    keras.utils.set_random_seed(options.seed)
    scans = dataset.part("train")
    samples = [*scans, *synthetic_t2(scans)]
    batches = ViewBatches(
        samples,
        chances(samples),
        changes,
        ct=dataset.foreign_part("train"),
        drawn=DRAWN,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    network = fit(build(POLICY, strongest), batches, held_out(dataset.part("validation"), options.seed), run, options)
    return round_and_write_weights(network, run)


def chances(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Return how often each slice is drawn, (n,), sum 1."""
    weights = np.array([_weight(sample) for sample in samples])
    return np.asarray(weights / weights.sum(), np.float64)


def _weight(sample: Sample) -> float:
    if sample.origin is None:
        return 1.0
    weight, shows_tumor = WEIGHTS[sample.origin.source], sample.class_name != NO_TUMOR
    if sample.origin.sequence == SYNTHETIC:
        weight *= SYNTHETIC_WEIGHT
    if sample.origin.sequence == "t1c" and not shows_tumor:
        weight *= CONTRAST_WEIGHT
    if sample.origin.source == FIRST_SET and shows_tumor:
        weight *= FIRST_TUMOR_WEIGHT
    return weight


def held_out(samples: Sequence[Sample], seed: int) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Return a view of each validation slice with its targets: the network that is kept must do well on views."""
    cuts = [cut(sample.pixels, sample.lesion) for sample in samples]
    views = [
        view(each, np.random.default_rng((seed, index)), ALL, lambda rng: cuts[rng.integers(len(cuts))].pixels)
        for index, each in enumerate(cuts)
    ]
    inputs = as_inputs([pixels for pixels, _ in views])
    return inputs, targets([sample.class_name for sample in samples], [lesion for _, lesion in views])
