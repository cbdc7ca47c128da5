"""What one would take instead: logistic regression on the image features, and a pretrained MobileNetV2, fine-tuned."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from imip.inference.features import FILE_FEATURES, IMAGE_FEATURES, image_features
from imip.inference.head import crop_to_head
from imip.scan.read import read_scan
from training.augmentation.jitter import jitter
from training.data.batches import Batch, SeededBatches, as_inputs
from training.data.samples import Sample
from training.data.split import Dataset
from training.loop import FitOptions, fit
from training.networks import mobilenet
from training.recipes.brain_mri import is_tumor

MEASURED: Final = tuple(name for name in IMAGE_FEATURES if name not in FILE_FEATURES)
STAGES: Final = {  # the dense layers alone, then all of it at a tenth of the rate
    "head": FitOptions("binary_crossentropy", epochs=3, peak_rate=1e-3),
    "all": FitOptions("binary_crossentropy", epochs=5, peak_rate=1e-4),
}
DROPOUT: Final = 0.4
HIDDEN: Final = 256  # units
DRAWN: Final = 9_000  # slices an epoch; with the stages above as many as each variant sees


def by_features(dataset: Dataset, unknown: Sequence[Sample]) -> NDArray[np.float64]:
    """Return the probability of a tumor, (n,), of slices by logistic regression on their image features."""
    known = dataset.part("train")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced"))
    model.fit(_features(known), is_tumor(known))
    return np.asarray(model.predict_proba(_features(unknown))[:, 1], np.float64)


def by_mobilenet(dataset: Dataset, unknown: Sequence[Sample], run: Path, imagenet: Path) -> NDArray[np.float64]:
    """Return the same by MobileNetV2, fine-tuned in the folder `run`. `imagenet`: its pretrained weights."""
    keras.utils.set_random_seed(STAGES["head"].seed)
    backbone = mobilenet.pretrained(imagenet)
    network = _with_head(backbone)
    held_out = dataset.part("validation")
    validation = _pictures(held_out), is_tumor(held_out).astype(np.float32)[:, None]
    batches = _Pictures(dataset.part("train"), STAGES["head"].batch_size, STAGES["head"].seed)
    for name, options in STAGES.items():
        for layer in backbone.layers:
            layer.trainable = name == "all" and not isinstance(layer, layers.BatchNormalization)
        trained = fit(network, batches, validation, run / name, options)
        network.set_weights(trained.get_weights())
    parts = [unknown[start : start + 256] for start in range(0, len(unknown), 256)]
    answers = [network.predict(_pictures(part), verbose=0)[:, 0] for part in parts]
    return np.asarray(np.concatenate(answers), np.float64)


def _with_head(backbone: keras.Model) -> keras.Model:
    pixels = keras.Input((mobilenet.SIDE, mobilenet.SIDE, 1))
    colour = layers.Concatenate()([layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)] * 3)
    values = layers.GlobalAveragePooling2D()(backbone(colour, training=False))
    values = layers.Dropout(DROPOUT)(layers.Dense(HIDDEN, activation="relu")(values))
    return keras.Model(pixels, layers.Dense(1, activation="sigmoid")(values))


class _Pictures(SeededBatches):
    """Jittered slices, cut to the head, half of them mirrored, tumors and others alike often."""

    def __init__(self, samples: Sequence[Sample], batch_size: int, seed: int) -> None:
        tumor = is_tumor(samples)
        chances = np.where(tumor, 0.5 / tumor.sum(), 0.5 / (~tumor).sum())
        super().__init__(len(samples), batch_size, seed, chances=chances, drawn=DRAWN, workers=2)
        self.cuts = [crop_to_head(sample.pixels, mobilenet.SIDE).pixels for sample in samples]
        self.targets = tumor.astype(np.float32)[:, None]

    def __getitem__(self, number: int) -> Batch:
        chosen = self.samples(number)
        pictures = []
        for row, index in enumerate(chosen):
            rng = np.random.default_rng((self.seed, self.epoch, number, row))
            cut = self.cuts[index] if rng.random() < 0.5 else cv2.flip(self.cuts[index], 1)
            pictures.append(jitter(np.asarray(cut, np.uint8), rng))
        return as_inputs(pictures), self.targets[chosen]


def _pictures(samples: Sequence[Sample]) -> NDArray[np.float32]:
    return as_inputs([crop_to_head(sample.pixels, mobilenet.SIDE).pixels for sample in samples])


def _features(samples: Sequence[Sample]) -> NDArray[np.float64]:
    rows = (image_features(read_scan(sample.data)) for sample in samples)
    return np.array([[row[name] for name in MEASURED] for row in rows])
