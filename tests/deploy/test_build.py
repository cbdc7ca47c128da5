"""`make build` packs the serving code and nothing else into two Bentos, and these run without this folder."""

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.server import REPOSITORY, START_SECONDS, free_port, wait_for

MARK = "This sentence stands in the Bento alone."
DOCKER = """#!/bin/sh
[ "$1" = version ] && echo '"28.2.2"'
for argument; do file=$previous; previous=$argument; [ "$file" = --file ] && cp "$argument" "$DOCKERFILE"; done
exit 0
"""


@dataclass(frozen=True)
class Packed:
    """A Bento exported into a folder, as a container would hold it, and an environment that knows nothing else."""

    tag: str
    bento: Path
    elsewhere: Path
    environment: dict[str, str]


def bentoml(*arguments: str, cwd: Path, environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "bentoml", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pack(root: Path, bentofile: str, drift_monitor: str) -> Packed:
    """Pack a Bento as the Makefile does, and export it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("IMIP_", "BENTO", "PYTHONPATH"))}
    bento, elsewhere = root / "bento", root / "elsewhere"
    for folder in (bento, elsewhere, root / "home", root / "tmp"):
        folder.mkdir()
    environment = kept | {"BENTOML_HOME": str(root / "home"), "TMPDIR": str(root / "tmp"), "IMIP_WORKERS": "1"}
    environment |= {"IMIP_DATA_FOLDER": str(root / "data"), "BENTOML_DO_NOT_TRACK": "True"}
    building = environment | {"IMIP_DRIFT_MONITOR": drift_monitor}
    output = bentoml("build", "--bentofile", bentofile, "--output", "tag", cwd=REPOSITORY, environment=building)
    tag = output.strip().removeprefix("__tag__:")
    bentoml("export", tag, str(root / "bento.tar"), cwd=elsewhere, environment=environment)
    with tarfile.open(root / "bento.tar") as archive:
        archive.extractall(bento, filter="data")
    return Packed(tag, bento, elsewhere, environment)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return pack(tmp_path_factory.mktemp("build"), "bentofile.yaml", "off")


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return pack(tmp_path_factory.mktemp("build-monitor"), "bentofile-monitor.yaml", "beside")


@pytest.fixture(params=["api", "monitor"])
def packed(request: pytest.FixtureRequest) -> Packed:
    found: Packed = request.getfixturevalue(request.param)
    return found


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_packs_the_serving_code_and_nothing_else(packed: Packed) -> None:
    packages = ("cli", "imip", "monitoring", "serving")
    code = {path for package in packages for path in (REPOSITORY / package).rglob("*.py")}
    cards = set((REPOSITORY / "models").glob("*/card.yaml"))
    texts = {REPOSITORY / name for name in ("service.py", "LICENSE", "NOTICE", "README.md")}
    expected = {path.relative_to(REPOSITORY).as_posix() for path in code | cards | texts if path.exists()}
    assert files(packed.bento / "src") == expected | {"bentofile.yaml"}


def test_the_makefile_packs_them_so() -> None:
    planned = subprocess.run(["make", "--dry-run", "build"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert re.search("^IMIP_DRIFT_MONITOR=off .* bentoml build$", planned.stdout, re.MULTILINE)
    monitor = "^IMIP_DRIFT_MONITOR=beside .* bentoml build --bentofile bentofile-monitor.yaml$"
    assert re.search(monitor, planned.stdout, re.MULTILINE)


@pytest.mark.parametrize(("bento", "lock"), [("api", "serving"), ("monitor", "monitor")])
def test_each_installs_its_lock(bento: str, lock: str, request: pytest.FixtureRequest) -> None:
    packed: Packed = request.getfixturevalue(bento)

    def pins(text: str) -> set[str]:
        return {line.split(" ")[0].rstrip(";") for line in text.splitlines() if "==" in line.split(" ")[0]}

    locked = (REPOSITORY / f"requirements-{lock}.lock").read_text(encoding="utf-8")
    installed = (packed.bento / "env" / "python" / "requirements.txt").read_text(encoding="utf-8")
    assert pins(installed) == pins(locked)
    assert "://" not in installed


def test_it_brings_the_shipped_model(packed: Packed) -> None:
    shipped = {path.parent.name: path for path in (REPOSITORY / "models").glob("*/model.tflite")}
    graphs = {path.parents[1].name: path for path in (packed.bento / "models").rglob("model.tflite")}
    assert graphs.keys() == shipped.keys()
    assert all(graphs[name].read_bytes() == shipped[name].read_bytes() for name in graphs)


@pytest.mark.parametrize(("bento", "does"), [("api", "off"), ("monitor", "alone")])
def test_its_container_is_told_what_to_do_and_is_not_root(
    bento: str, does: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """What `bentoml containerize` hands to Docker, called as the Makefile does, with a Docker that only looks."""
    packed: Packed = request.getfixturevalue(bento)
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "build").mkdir()
    dockerfile = tmp_path / "Dockerfile"
    path = f"{tmp_path}{os.pathsep}{packed.environment['PATH']}"
    environment = packed.environment | {
        "PATH": path, "DOCKERFILE": str(dockerfile), "TMPDIR": str(tmp_path / "build"),
    }  # fmt: skip
    bentoml("containerize", packed.tag, "--backend", "docker", cwd=tmp_path, environment=environment)
    lines = dockerfile.read_text().splitlines()
    assert f"ARG IMIP_DRIFT_MONITOR={does}" in lines and "ENV IMIP_DRIFT_MONITOR=$IMIP_DRIFT_MONITOR" in lines
    assert [line for line in lines if line.startswith("USER ")][-1] == "USER bentoml"
    assert any("pip install" in line and "--require-hashes" in line for line in lines)
    assert not any(word in line for line in lines for word in ("build-essential", "pip install uv"))


@pytest.fixture(scope="module")
def url(api: Packed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the Bento answers: started in an empty folder, with an empty model store and a changed disclaimer."""
    words = api.bento / "src" / "imip" / "disclaimer.py"
    words.write_text(words.read_text(encoding="utf-8") + f'\nDISCLAIMER = "{MARK}"\n', encoding="utf-8")
    with served(api, tmp_path_factory.mktemp("empty"), IMIP_DRIFT_MONITOR="off") as address:
        yield address
    assert not files(api.elsewhere)


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


def test_the_drift_monitor_runs_alone(monitor: Packed, url: str, api: Packed, tmp_path: Path) -> None:
    assert httpx.get(f"{url}/drift").json()["monitor"] == "absent"
    shared = {"IMIP_DATA_FOLDER": api.environment["IMIP_DATA_FOLDER"]}
    with served(monitor, tmp_path, IMIP_DRIFT_MONITOR="alone", **shared) as alone:
        wait_for(lambda: httpx.get(f"{url}/drift").json()["monitor"] == "running", START_SECONDS)
        assert "imip_drift_computing 1.0" in httpx.get(f"{alone}/metrics").text
        assert httpx.post(f"{alone}/predict").status_code == 404
    wait_for(lambda: httpx.get(f"{url}/drift").json()["monitor"] == "absent")  # it let go as it ended


def test_its_commands_find_the_model_that_it_brings(monitor: Packed, tmp_path: Path) -> None:
    """An operator uses them in a container."""
    command = [sys.executable, "-m", "imip", "drift", "check"]
    environment = monitor.environment | {"BENTOML_HOME": str(tmp_path), "IMIP_DATA_FOLDER": str(tmp_path / "data")}
    done = subprocess.run(command, cwd=monitor.bento / "src", env=environment, capture_output=True, text=True)
    assert "Too few independent" in done.stdout + done.stderr


def test_the_image_has_the_command(api: Packed, tmp_path: Path) -> None:
    """The step of the image's recipe that writes it, done here: the folder that it stands in is the Bento."""
    recipe = (REPOSITORY / "deploy" / "Dockerfile.template").read_text(encoding="utf-8").replace("\\\n", "")
    (step,) = (line.removeprefix("RUN ") for line in recipe.splitlines() if line.startswith("RUN printf"))
    command = tmp_path / "imip"
    subprocess.run(["sh", "-c", step.replace("/usr/local/bin/imip", str(command))], cwd=api.bento, check=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{api.environment['PATH']}"
    done = subprocess.run(
        [str(command), "settings"], cwd=tmp_path, env=api.environment | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "`IMIP_WORKERS`" in done.stdout
