"""The ledger keeps what is done, tells what is not, and serves one run on one set of terms."""

from pathlib import Path

import pytest

from imip.batch.checkpoint import Found, Ledger, LedgerRefused

TERMS = {"module": "brain-tumor", "model version": "0123456789ab"}
NOT_TEXT = b"caf\xe9.png"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "results.csv.part"


def fill(file: Path, *paths: bytes) -> None:
    """A ledger in which these files have a row."""
    with Ledger(file, TERMS) as ledger:
        ledger.find(Found(path, 10, 20) for path in paths)
        for path in paths:
            ledger.enter(path, {"label": "Tumor"})


def test_what_is_done_is_not_waiting_in_the_next_run(file: Path) -> None:
    fill(file, b"a", b"c")
    with Ledger(file, TERMS) as ledger:
        ledger.find([Found(b"a", 10, 20), Found(b"b", 10, 20), Found(b"c", 10, 20)])
        assert (ledger.done, ledger.total) == (2, 3)
        assert list(ledger.waiting()) == [b"b"]


@pytest.mark.parametrize("now", [Found(b"a", 11, 20), Found(b"a", 10, 21), Found(b"a")])
def test_a_file_that_changed_is_done_again(file: Path, now: Found) -> None:
    fill(file, b"a", b"b")
    with Ledger(file, TERMS) as ledger:
        ledger.find([now, Found(b"b", 10, 20)])
        assert list(ledger.waiting()) == [b"a"]


def test_a_file_that_is_gone_is_forgotten(file: Path) -> None:
    fill(file, b"a", b"b")
    with Ledger(file, TERMS) as ledger:
        ledger.find([Found(b"b", 10, 20)])
        assert [path for path, _ in ledger.rows()] == [b"b"]


def test_rows_come_in_the_order_of_their_paths_whatever_their_bytes(file: Path) -> None:
    fill(file, b"b/1", NOT_TEXT, b"b", b"B")
    with Ledger(file, TERMS) as ledger:
        assert [path for path, _ in ledger.rows()] == [b"B", b"b", b"b/1", NOT_TEXT]


def test_each_path_waits_once_while_rows_are_entered(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imip.batch.checkpoint.PAGE", 3)
    paths = [f"{number:02d}".encode() for number in range(10)]
    with Ledger(file, TERMS) as ledger:
        ledger.find(map(Found, reversed(paths)))
        waited = []
        for path in ledger.waiting():
            waited.append(path)
            ledger.enter(path, {})
        assert waited == paths


def test_errors_are_counted_and_named(file: Path) -> None:
    with Ledger(file, TERMS) as ledger:
        ledger.find(map(Found, [b"a", b"b", b"c", b"d"]))
        for path, error in ((b"c", "malformed scan"), (b"a", "malformed scan"), (b"b", "worker died")):
            ledger.enter(path, {"error": error})
        ledger.enter(b"d", {"label": "Tumor"})
        assert ledger.errors() == {"malformed scan": 2, "worker died": 1}
        assert ledger.failed(2) == [(b"a", "malformed scan"), (b"b", "worker died")]


def test_an_error_is_gone_once_its_file_is_mended(file: Path) -> None:
    with Ledger(file, TERMS) as ledger:
        ledger.find([Found(b"a", 10, 20)])
        ledger.enter(b"a", {"error": "malformed scan"})
        ledger.find([Found(b"a", 11, 20)])
        assert not ledger.errors()
        ledger.enter(b"a", {"label": "Tumor"})
        assert not ledger.errors() and not ledger.failed(1)


def test_rows_made_on_other_terms_are_refused_and_left_alone(file: Path) -> None:
    fill(file, b"a")
    with pytest.raises(LedgerRefused, match="model version 0123456789ab, now cafecafecafe"):
        Ledger(file, TERMS | {"model version": "cafecafecafe"})
    with Ledger(file, TERMS) as ledger:
        assert ledger.done == 1


def test_a_restart_forgets_rows_and_terms(file: Path) -> None:
    fill(file, b"a")
    with Ledger(file, {"module": "brain-tree"}, restart=True) as ledger:
        assert ledger.total == 0
    with pytest.raises(LedgerRefused, match="module"):
        Ledger(file, TERMS)


@pytest.mark.parametrize("restart", [False, True])
def test_a_second_run_at_once_is_refused(file: Path, restart: bool) -> None:
    fill(file, b"a")
    with Ledger(file, TERMS) as ledger:
        with pytest.raises(LedgerRefused, match="Another run"):
            Ledger(file, TERMS, restart)
        assert ledger.done == 1


@pytest.mark.parametrize("restart", [False, True])
def test_a_file_of_another_kind_is_refused_and_left_alone(file: Path, restart: bool) -> None:
    file.write_text("notes of somebody's " * 100)
    with pytest.raises(LedgerRefused, match="no partial results"):
        Ledger(file, TERMS, restart)
    assert file.read_text().startswith("notes")
