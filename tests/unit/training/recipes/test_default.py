"""The default recipe finds its scans by the module's labels, and divides them once."""

import pytest

from tests.support.bars import Bars, draw_bars, recipe_of
from training import recipe
from training.data.split import read_manifest


def test_the_first_data_set_that_is_trained_on_makes_the_split_and_later_scans_must_be_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "MANIFESTS", tmp_path)
    (tmp_path / "scans").mkdir()
    default = recipe_of(Bars)
    samples, unreadable = default.samples(draw_bars(tmp_path / "scans"))
    assert (len(samples), unreadable) == (120, 0)
    with pytest.raises(KeyError):
        default.divide(samples)
    assert not default.manifest.exists()
    default.begin(samples[1:])
    default.begin(samples)
    entries = read_manifest(default.manifest)
    assert {entry.split for entry in entries.values()} == {"train", "validation", "test"}
    with pytest.raises(KeyError):
        default.divide(samples)
    assert read_manifest(default.manifest) == entries


def test_folders_that_are_no_labels_are_named_as_the_fault(tmp_path):
    (tmp_path / "circle").mkdir()
    (tmp_path / "circle" / "0.png").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="lying_bar, square, upright_bar"):
        recipe_of(Bars).samples(tmp_path)
