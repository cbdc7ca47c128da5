"""The benchmark of single modules: processes that hold one module answer, and the tables say what is more."""

import pytest

from tests.support.server import REPOSITORY
from tools.benchmarks.modules import (
    MODELS,
    WORK,
    Footprint,
    Pair,
    footprint_table,
    latency_table,
    module_process,
    shipped_modules,
)

SCAN = (REPOSITORY / "samples" / "brain-axial.png").read_bytes()


def test_a_process_loads_only_its_module_and_works_when_asked() -> None:
    with module_process(["brain-tumor"], SCAN) as host:
        held = host.wait()
        assert 0 < held.unique <= held.resident
        assert all(host.work(kind) > 0 for kind in WORK)
    assert not host.process.is_alive()


def test_a_process_that_cannot_load_its_module_ends_the_benchmark() -> None:
    with module_process(["no-such-module"], SCAN) as host, pytest.raises(EOFError):
        host.wait()


def test_every_module_with_an_artifact_is_measured() -> None:
    assert set(shipped_modules()) == {folder.name for folder in MODELS.iterdir() if (folder / "card.yaml").exists()}


def test_the_tables_tell_what_a_module_adds_and_how_it_compares() -> None:
    page = footprint_table(Footprint(0.5, 100.0, 60.0), {"brain-tumor": Footprint(0.75, 123.25, 78.5)})
    assert "0.50 s" in page and "| brain-tumor | +0.25 s | +23.2 MiB | +18.5 MiB |" in page
    page = latency_table({"brain-tree": {"predict": Pair([0.002] * 10, [0.004] * 10)}})
    assert "| brain-tree, predict | 2.00 ms | 2.00 ms | 0.50 |" in page
