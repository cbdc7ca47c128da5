"""The checkpoint keeps what is done, tells what is not, and serves one run on one set of terms."""

from pathlib import Path

import pytest

from imip.batch.checkpoint import Checkpoint, CheckpointRefused, Found

TERMS = {"module": "brain-tumor", "model version": "0123456789ab"}
NOT_TEXT = b"caf\xe9.png"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "results.csv.part"


def fill(file: Path, *paths: bytes) -> None:
    """A checkpoint in which these files have a row."""
    with Checkpoint(file, TERMS) as checkpoint:
        checkpoint.find(Found(path, 10, 20) for path in paths)
        for path in paths:
            checkpoint.enter(path, {"label": "Tumor"})


def test_what_is_done_is_not_waiting_in_the_next_run(file: Path) -> None:
    fill(file, b"a", b"c")
    with Checkpoint(file, TERMS) as checkpoint:
        checkpoint.find([Found(b"a", 10, 20), Found(b"b", 10, 20), Found(b"c", 10, 20)])
        assert (checkpoint.done, checkpoint.total) == (2, 3)
        assert list(checkpoint.waiting()) == [b"b"]


@pytest.mark.parametrize("now", [Found(b"a", 11, 20), Found(b"a", 10, 21), Found(b"a")])
def test_a_file_that_changed_is_done_again(file: Path, now: Found) -> None:
    fill(file, b"a", b"b")
    with Checkpoint(file, TERMS) as checkpoint:
        checkpoint.find([now, Found(b"b", 10, 20)])
        assert list(checkpoint.waiting()) == [b"a"]


def test_a_file_that_is_gone_is_forgotten(file: Path) -> None:
    fill(file, b"a", b"b")
    with Checkpoint(file, TERMS) as checkpoint:
        checkpoint.find([Found(b"b", 10, 20)])
        assert [path for path, _ in checkpoint.rows()] == [b"b"]


def test_rows_come_in_the_order_of_their_paths_whatever_their_bytes(file: Path) -> None:
    fill(file, b"b/1", NOT_TEXT, b"b", b"B")
    with Checkpoint(file, TERMS) as checkpoint:
        assert [path for path, _ in checkpoint.rows()] == [b"B", b"b", b"b/1", NOT_TEXT]


def test_each_path_waits_once_while_rows_are_entered(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imip.batch.checkpoint.PAGE", 3)
    paths = [f"{number:02d}".encode() for number in range(10)]
    with Checkpoint(file, TERMS) as checkpoint:
        checkpoint.find(map(Found, reversed(paths)))
        waited = []
        for path in checkpoint.waiting():
            waited.append(path)
            checkpoint.enter(path, {})
        assert waited == paths


def test_errors_are_counted_and_named(file: Path) -> None:
    with Checkpoint(file, TERMS) as checkpoint:
        checkpoint.find(map(Found, [b"a", b"b", b"c", b"d"]))
        for path, error in ((b"c", "malformed scan"), (b"a", "malformed scan"), (b"b", "worker died")):
            checkpoint.enter(path, {"error": error})
        checkpoint.enter(b"d", {"label": "Tumor"})
        assert checkpoint.errors() == {"malformed scan": 2, "worker died": 1}
        assert checkpoint.failed(2) == [(b"a", "malformed scan"), (b"b", "worker died")]


def test_an_error_is_gone_once_its_file_is_mended(file: Path) -> None:
    with Checkpoint(file, TERMS) as checkpoint:
        checkpoint.find([Found(b"a", 10, 20)])
        checkpoint.enter(b"a", {"error": "malformed scan"})
        checkpoint.find([Found(b"a", 11, 20)])
        assert not checkpoint.errors()
        checkpoint.enter(b"a", {"label": "Tumor"})
        assert not checkpoint.errors() and not checkpoint.failed(1)


def test_rows_made_on_other_terms_are_refused_and_left_alone(file: Path) -> None:
    fill(file, b"a")
    with pytest.raises(CheckpointRefused, match="model version 0123456789ab, now cafecafecafe"):
        Checkpoint(file, TERMS | {"model version": "cafecafecafe"})
    with Checkpoint(file, TERMS) as checkpoint:
        assert checkpoint.done == 1


def test_a_restart_forgets_rows_and_terms(file: Path) -> None:
    fill(file, b"a")
    with Checkpoint(file, {"module": "brain-tree"}, restart=True) as checkpoint:
        assert checkpoint.total == 0
    with pytest.raises(CheckpointRefused, match="module"):
        Checkpoint(file, TERMS)


@pytest.mark.parametrize("restart", [False, True])
def test_a_second_run_at_once_is_refused(file: Path, restart: bool) -> None:
    fill(file, b"a")
    with Checkpoint(file, TERMS) as checkpoint:
        with pytest.raises(CheckpointRefused, match="Another run"):
            Checkpoint(file, TERMS, restart)
        assert checkpoint.done == 1


@pytest.mark.parametrize("restart", [False, True])
def test_a_file_of_another_kind_is_refused_and_left_alone(file: Path, restart: bool) -> None:
    file.write_text("notes of somebody's " * 100)
    with pytest.raises(CheckpointRefused, match="no partial results"):
        Checkpoint(file, TERMS, restart)
    assert file.read_text().startswith("notes")
