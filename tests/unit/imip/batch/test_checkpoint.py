"""The checkpoint keeps what is done, tells what is not, and serves one run on one set of terms."""

from pathlib import Path

import pytest

from imip.batch.checkpoint import Checkpoint, CheckpointError, FileEntry

PARAMETERS = {"module": "brain-tumor", "model version": "0123456789ab"}
NOT_TEXT = b"caf\xe9.png"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "results.csv.part"


def fill(file: Path, *paths: bytes) -> None:
    """A checkpoint in which these files have a row."""
    with Checkpoint(file, PARAMETERS) as checkpoint:
        checkpoint.update_files(FileEntry(path, 10, 20) for path in paths)
        for path in paths:
            checkpoint.save(path, {"label": "Tumor"})


def test_what_is_done_is_not_waiting_in_the_next_run(file: Path) -> None:
    fill(file, b"a", b"c")
    with Checkpoint(file, PARAMETERS) as checkpoint:
        checkpoint.update_files([FileEntry(b"a", 10, 20), FileEntry(b"b", 10, 20), FileEntry(b"c", 10, 20)])
        assert (checkpoint.done, checkpoint.total) == (2, 3)
        assert list(checkpoint.pending()) == [b"b"]


@pytest.mark.parametrize("now", [FileEntry(b"a", 11, 20), FileEntry(b"a", 10, 21), FileEntry(b"a")])
def test_a_file_that_changed_is_done_again(file: Path, now: FileEntry) -> None:
    fill(file, b"a", b"b")
    with Checkpoint(file, PARAMETERS) as checkpoint:
        checkpoint.update_files([now, FileEntry(b"b", 10, 20)])
        assert list(checkpoint.pending()) == [b"a"]


def test_a_file_that_is_gone_is_forgotten(file: Path) -> None:
    fill(file, b"a", b"b")
    with Checkpoint(file, PARAMETERS) as checkpoint:
        checkpoint.update_files([FileEntry(b"b", 10, 20)])
        assert [path for path, _ in checkpoint.rows()] == [b"b"]


def test_rows_come_in_the_order_of_their_paths_whatever_their_bytes(file: Path) -> None:
    fill(file, b"b/1", NOT_TEXT, b"b", b"B")
    with Checkpoint(file, PARAMETERS) as checkpoint:
        assert [path for path, _ in checkpoint.rows()] == [b"B", b"b", b"b/1", NOT_TEXT]


def test_each_path_waits_once_while_rows_are_entered(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imip.batch.checkpoint.PAGE_SIZE", 3)
    paths = [f"{number:02d}".encode() for number in range(10)]
    with Checkpoint(file, PARAMETERS) as checkpoint:
        checkpoint.update_files(map(FileEntry, reversed(paths)))
        waited = []
        for path in checkpoint.pending():
            waited.append(path)
            checkpoint.save(path, {})
        assert waited == paths


def test_errors_are_counted_and_named(file: Path) -> None:
    with Checkpoint(file, PARAMETERS) as checkpoint:
        checkpoint.update_files(map(FileEntry, [b"a", b"b", b"c", b"d"]))
        for path, error in ((b"c", "malformed scan"), (b"a", "malformed scan"), (b"b", "worker died")):
            checkpoint.save(path, {"error": error})
        checkpoint.save(b"d", {"label": "Tumor"})
        assert checkpoint.error_counts() == {"malformed scan": 2, "worker died": 1}
        assert checkpoint.failures(2) == [(b"a", "malformed scan"), (b"b", "worker died")]


def test_an_error_is_gone_once_its_file_is_mended(file: Path) -> None:
    with Checkpoint(file, PARAMETERS) as checkpoint:
        checkpoint.update_files([FileEntry(b"a", 10, 20)])
        checkpoint.save(b"a", {"error": "malformed scan"})
        checkpoint.update_files([FileEntry(b"a", 11, 20)])
        assert not checkpoint.error_counts()
        checkpoint.save(b"a", {"label": "Tumor"})
        assert not checkpoint.error_counts() and not checkpoint.failures(1)


def test_rows_made_on_other_terms_are_refused_and_left_alone(file: Path) -> None:
    fill(file, b"a")
    with pytest.raises(CheckpointError, match="model version 0123456789ab, now cafecafecafe"):
        Checkpoint(file, PARAMETERS | {"model version": "cafecafecafe"})
    with Checkpoint(file, PARAMETERS) as checkpoint:
        assert checkpoint.done == 1


def test_a_restart_forgets_rows_and_terms(file: Path) -> None:
    fill(file, b"a")
    with Checkpoint(file, {"module": "brain-tree"}, restart=True) as checkpoint:
        assert checkpoint.total == 0
    with pytest.raises(CheckpointError, match="module"):
        Checkpoint(file, PARAMETERS)


@pytest.mark.parametrize("restart", [False, True])
def test_a_second_run_at_once_is_refused(file: Path, restart: bool) -> None:
    fill(file, b"a")
    with Checkpoint(file, PARAMETERS) as checkpoint:
        with pytest.raises(CheckpointError, match="Another run"):
            Checkpoint(file, PARAMETERS, restart)
        assert checkpoint.done == 1


@pytest.mark.parametrize("restart", [False, True])
def test_a_file_of_another_kind_is_refused_and_left_alone(file: Path, restart: bool) -> None:
    file.write_text("notes of somebody's " * 100)
    with pytest.raises(CheckpointError, match="no partial results"):
        Checkpoint(file, PARAMETERS, restart)
    assert file.read_text().startswith("notes")
