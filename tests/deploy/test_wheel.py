"""The wheel and the environment's command: `imip` works from any folder, with the models and the service it needs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.server import REPOSITORY
from tests.support.shipped import SHIPPED

CARRIED = ("cli", "imip", "models", "monitoring", "serving", "training")
UV = [sys.executable, "-m", "uv"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel was installed into, built from a copy, as building leaves files behind."""
    root = tmp_path_factory.mktemp("wheel")
    for name in CARRIED:
        shutil.copytree(REPOSITORY / name, root / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("service.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(REPOSITORY / name, root / "source")
    build = ["build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(root / "built")]
    subprocess.run([*UV, *build, str(root / "source")], check=True, capture_output=True)
    (wheel,) = (root / "built").glob("*.whl")
    subprocess.run([*UV, "pip", "install", "--no-deps", "--target", str(root / "site"), str(wheel)], check=True)
    return root / "site"


def run(*command: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder that holds nothing of the repository."""
    settings: Mapping[str, str] = os.environ | {"BENTOML_HOME": str(folder / "home"), **environment}
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True)


def test_the_installed_command_scores_with_the_models_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    shutil.copy(REPOSITORY / "samples" / "brain-axial.png", scans)
    score = ("score", str(scans), "--out", "results.csv", "--workers", "1")
    done = run(
        sys.executable, "-P", str(installed / "bin" / "imip"), *score, folder=tmp_path, PYTHONPATH=str(installed)
    )
    assert done.returncode == 0, done.stderr
    assert "1 of 1 files scored" in done.stdout


def test_the_installed_service_names_its_models(installed: Path, tmp_path: Path) -> None:
    code = "import service; print(service.__file__, *(model.resolve().path for model in service.service.models))"
    done = run(sys.executable, "-P", "-c", code, folder=tmp_path, PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stderr
    file, *models = done.stdout.split()
    assert Path(file).parent == installed
    assert len(models) == len(SHIPPED) and all((Path(model) / "card.yaml").exists() for model in models)


def test_dashboards_are_made_in_a_checkout_only(installed: Path, tmp_path: Path) -> None:
    done = run(
        sys.executable, "-P", "-m", "imip", "dashboards", "build", "--check", folder=tmp_path, PYTHONPATH=str(installed)
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "checkout" in done.stderr


def test_the_environments_command_works_from_any_folder(tmp_path: Path) -> None:
    command = Path(sys.executable).parent / "imip"
    done = run(str(command), "settings", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == run(sys.executable, "-m", "imip", "settings", folder=REPOSITORY).stdout
