"""The benchmark of single modules: each process holds one module and answers."""

import pytest

from tests.support.server import REPOSITORY
from tools.benchmarks.modules import (
    WORK,
    module_process,
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
