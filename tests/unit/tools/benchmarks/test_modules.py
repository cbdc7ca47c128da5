"""The benchmark of single modules measures all of them, and its tables say what is more."""

from tools.benchmarks.modules import MODELS, Footprint, Pair, footprint_table, latency_table, shipped_modules


def test_every_module_with_an_artifact_is_measured() -> None:
    assert set(shipped_modules()) == {folder.name for folder in MODELS.iterdir() if (folder / "card.yaml").exists()}


def test_the_tables_tell_what_a_module_adds_and_how_it_compares() -> None:
    page = footprint_table(Footprint(0.5, 100.0, 60.0), {"brain-tumor": Footprint(0.75, 123.25, 78.5)})
    assert "0.50 s" in page and "| brain-tumor | +0.25 s | +23.2 MiB | +18.5 MiB |" in page
    page = latency_table({"brain-tree": {"predict": Pair([0.002] * 10, [0.004] * 10)}})
    assert "| brain-tree, predict | 2.00 ms | 2.00 ms | 0.50 |" in page
