"""What the frozen part returns is kept for variants of each slice, once, and taken in turn."""

from pathlib import Path

import keras
import numpy as np
import pytest

from imip.inference.head import crop_to_head
from tests.support.parts import labelled, network_in_parts
from training.data.samples import Sample
from training.networks.mobilenet import SIDE
from training.recipes.brain_tumor_type import stages


def test_keeping_goes_on_after_the_last_variant_that_was_finished(tmp_path: Path) -> None:
    whole = stages.keep(network_in_parts(), labelled(3)[0], range(4), tmp_path / "whole.npy")
    stages.keep(network_in_parts(), labelled(3)[0], range(4), tmp_path / "stopped.npy")
    finished = tmp_path / "stopped.finished"
    finished.write_text(finished.read_text().replace(" 4", " 2"))
    assert np.array_equal(stages.keep(network_in_parts(), labelled(3)[0], range(4), tmp_path / "stopped.npy"), whole)


def test_answers_kept_of_other_scans_are_not_taken_for_these(tmp_path: Path) -> None:
    def kept(network: keras.Sequential, samples: list[Sample], name: str) -> np.ndarray:
        return np.array(stages.keep(network, samples, range(2), tmp_path / name))

    first, others = labelled(3)[0], labelled(6)[0][3:]
    kept(network_in_parts(), first, "same.npy")
    assert np.array_equal(kept(network_in_parts(), others, "same.npy"), kept(network_in_parts(), others, "fresh.npy"))


def test_variants_of_a_slice_differ_and_the_first_is_the_slice_as_served() -> None:
    samples = labelled(2)[0]
    assert np.array_equal(stages.variant(samples, 0, 0), crop_to_head(samples[0].pixels, SIDE).pixels)
    first, second = (stages.variant(samples, 0, number) for number in (1, 2))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, stages.variant(samples, 0, 1))


def test_the_common_classes_do_not_outweigh_the_rare() -> None:
    variants, labels = np.zeros((1, 40, 1, 1, 1), np.float16), np.repeat(np.arange(4), (25, 5, 5, 5))
    batches = stages.KeptBatches(variants, labels)
    weight = np.zeros(4)
    for _, targets, weights in (batches[number] for number in range(len(batches))):
        np.add.at(weight, targets.astype(int), weights)
    assert weight == pytest.approx([10, 10, 10, 10])
