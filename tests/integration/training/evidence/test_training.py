"""The evidence network learns from views, in the precision that it is trained in, and goes on where it was stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.lesions import sample_of, slice_of_head, with_lesion
from tests.support.runs import epochs
from training.data.samples import Origin
from training.data.split import Dataset, Entry, Split
from training.evidence import training
from training.evidence.network import build
from training.evidence.training import OPTIONS
from training.evidence.views import AS_IS
from training.networks.weights import read_weights

FEW = replace(OPTIONS, epochs=4, batch_size=8)


def dataset() -> Dataset:
    samples = [
        with_lesion(number, f"{number}.png", origin=Origin("lgg-du"))
        if number % 2
        else sample_of(slice_of_head(number), f"{number}.png", origin=Origin("ms-ljubljana", sequence="t1"))
        for number in range(12)
    ]
    parts: list[Split] = ["train"] * 8 + ["validation"] * 4
    numbered = enumerate(zip(samples, parts, strict=True))
    entries = [Entry(each.digest, each.class_name, number, part) for number, (each, part) in numbered]
    return Dataset(samples, {entry.sha256: entry for entry in entries})


def test_the_loss_falls_by_the_epoch_and_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "DRAWN", 40)
    for most in (1, 4):
        weights = training.train(dataset(), tmp_path, most, changes=AS_IS, options=FEW)
    rows = epochs(tmp_path)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]
    assert all(np.isfinite(value) for row in rows for value in row.values())
    network = build()
    untrained = network.get_layer("down_0_0").kernel.numpy()
    read_weights(network, weights)
    assert not np.array_equal(network.get_layer("down_0_0").kernel.numpy(), untrained)
