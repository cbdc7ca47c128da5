"""`bentoml build` packs the serving code and nothing else, and the Bento runs without this folder."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from server import REPOSITORY, START_SECONDS, free_port, wait_for

MARK = "This sentence stands in the Bento alone."


@dataclass(frozen=True)
class Packed:
    """A Bento exported into a folder, as a container would hold it, and an environment that knows nothing else."""

    bento: Path
    elsewhere: Path
    environment: dict[str, str]

    def bentoml(self, *arguments: str, cwd: Path) -> str:
        command = [sys.executable, "-m", "bentoml", *arguments]
        done = subprocess.run(command, cwd=cwd, env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    root = tmp_path_factory.mktemp("build")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("IMIP_", "BENTO", "PYTHONPATH"))}
    names = ("home", "tmp", "elsewhere", "bento")
    for name in names:
        (root / name).mkdir()
    environment = kept | {"BENTOML_HOME": str(root / "home"), "TMPDIR": str(root / "tmp"), "IMIP_WORKERS": "1"}
    environment |= {"IMIP_DATA_FOLDER": str(root / "data")}
    built = Packed(root / "bento", root / "elsewhere", environment | {"BENTOML_DO_NOT_TRACK": "True"})
    tag = built.bentoml("build", "--output", "tag", cwd=REPOSITORY).strip().removeprefix("__tag__:")
    built.bentoml("export", tag, str(root / "bento.tar"), cwd=built.elsewhere)
    with tarfile.open(root / "bento.tar") as archive:
        archive.extractall(built.bento, filter="data")
    return built


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_packs_the_serving_code_and_nothing_else(packed: Packed) -> None:
    code = {path for package in ("imip", "monitoring", "serving") for path in (REPOSITORY / package).rglob("*.py")}
    cards = set((REPOSITORY / "models").glob("*/card.yaml"))
    texts = {REPOSITORY / name for name in ("service.py", "LICENSE", "NOTICE", "README.md")}
    expected = {path.relative_to(REPOSITORY).as_posix() for path in code | cards | texts if path.exists()}
    assert files(packed.bento / "src") == expected | {"bentofile.yaml"}


def test_it_installs_the_serving_lock(packed: Packed) -> None:
    def pins(text: str) -> set[str]:
        return {line.split(" ")[0].rstrip(";") for line in text.splitlines() if "==" in line.split(" ")[0]}

    locked = (REPOSITORY / "requirements-serving.lock").read_text(encoding="utf-8")
    installed = (packed.bento / "env" / "python" / "requirements.txt").read_text(encoding="utf-8")
    assert pins(installed) == pins(locked)
    assert "://" not in installed


def test_it_brings_the_shipped_model(packed: Packed) -> None:
    shipped = {path.parent.name: path for path in (REPOSITORY / "models").glob("*/model.tflite")}
    graphs = {path.parents[1].name: path for path in (packed.bento / "models").rglob("model.tflite")}
    assert graphs.keys() == shipped.keys()
    assert all(graphs[name].read_bytes() == shipped[name].read_bytes() for name in graphs)


@pytest.fixture(scope="module")
def url(packed: Packed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the Bento answers: started in an empty folder, with an empty model store and a changed disclaimer."""
    ethics = packed.bento / "src" / "imip" / "ethics.py"
    ethics.write_text(ethics.read_text(encoding="utf-8") + f'\nDISCLAIMER = "{MARK}"\n', encoding="utf-8")
    with served(packed, tmp_path_factory.mktemp("empty"), IMIP_DRIFT_MONITOR="off") as address:
        yield address
    assert not files(packed.elsewhere)


@contextmanager
def served(packed: Packed, home: Path, **settings: str) -> Iterator[str]:
    """The address at which the Bento answers."""
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", str(packed.bento), "--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=packed.elsewhere,
            env=packed.environment | {"BENTOML_HOME": str(home)} | settings,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: process.poll() is not None or ready(address), START_SECONDS)
        assert process.poll() is None, (home / "log").read_text(encoding="utf-8")
        yield address
    finally:
        process.terminate()
        process.wait(30)


def ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_it_answers_with_its_own_code_and_model(url: str) -> None:
    scan = (REPOSITORY / "samples" / "brain-axial.dcm").read_bytes()
    answer = httpx.post(f"{url}/predict", files={"file": ("scan", scan)}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.json()["module"] == "brain-tumor"
    assert answer.json()["disclaimer"] == MARK


def test_its_drift_monitor_runs_alone(packed: Packed, url: str, tmp_path: Path) -> None:
    assert httpx.get(f"{url}/drift").json()["monitor"] == "absent"
    with served(packed, tmp_path, IMIP_DRIFT_MONITOR="alone") as monitor:
        wait_for(lambda: httpx.get(f"{url}/drift").json()["monitor"] == "running", START_SECONDS)
        assert "imip_drift_computing 1.0" in httpx.get(f"{monitor}/metrics").text
        assert httpx.post(f"{monitor}/predict").status_code == 404
    wait_for(lambda: httpx.get(f"{url}/drift").json()["monitor"] == "absent")  # it let go as it ended
