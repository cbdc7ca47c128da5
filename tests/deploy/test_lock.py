"""The locks pin every package by version and hash, name no index, and agree with each other."""

import re
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ALL, UV = "requirements.lock", "requirements-uv.lock"
SERVING, MONITOR = "requirements-serving.lock", "requirements-monitor.lock"
PINNED = re.compile(
    r"(?P<name>[a-z0-9.-]+)==(?P<version>[A-Za-z0-9.+!-]+)( ; (?P<marker>[^#\\]+?))?(?P<hashes>( --hash=\S+)+)"
)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def requirements(lock: str) -> list[str]:
    """The lines of a lock, continued ones joined, comments left out."""
    text = (REPOSITORY / lock).read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [re.sub(r"\s+", " ", line).strip() for line in re.sub(r"\\\n", " ", code).splitlines() if line.strip()]


def pins(lock: str) -> dict[str, set[tuple[str, str]]]:
    """The versions of each package and the hashes of their files, in one text."""
    found: dict[str, set[tuple[str, str]]] = {}
    for line in requirements(lock):
        match = PINNED.fullmatch(line)
        assert match, line[:100]
        found.setdefault(match["name"], set()).add((match["version"], match["hashes"]))
    return found


@pytest.mark.parametrize("lock", [ALL, SERVING, MONITOR, UV])
def test_every_package_is_pinned_with_hashes(lock: str) -> None:
    assert pins(lock)
    for name, versions in pins(lock).items():
        for _, hashes in versions:
            assert all(HASH.fullmatch(one) for one in hashes.split()), name


@pytest.mark.parametrize("lock", [ALL, SERVING, MONITOR, UV])
def test_no_lock_names_an_index_or_a_folder(lock: str) -> None:
    text = (REPOSITORY / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"index-url|find-links|trusted-host|\bfile:| @ ", text)


@pytest.mark.parametrize("lock", [SERVING, MONITOR, UV])
def test_what_serves_is_what_was_tested(lock: str) -> None:
    everything = pins(ALL)
    for name, versions in pins(lock).items():
        assert versions <= everything[name], name


def test_the_locks_satisfy_the_project() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        SERVING: [],
        MONITOR: extras["monitor"] + extras["report"] + extras["tensorflow"],
        ALL: [line for extra in extras.values() for line in extra],
    }
    for lock, lines in wanted.items():
        missing = {normal(line) for line in project["dependencies"] + lines} - pins(lock).keys() - {"imip"}
        assert not missing, (lock, missing)


def normal(requirement: str) -> str:
    """The name in a requirement, as locks spell it (PEP 503)."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name
    return re.sub(r"[-_.]+", "-", name[0]).lower()


@pytest.mark.parametrize("lock", [ALL, SERVING, MONITOR])
def test_there_is_one_opencv(lock: str) -> None:
    """Its distributions all install `cv2`, the last one over the others."""
    assert len([name for name in pins(lock) if name.startswith("opencv")]) == 1


@pytest.mark.parametrize("lock", [SERVING, MONITOR])
def test_what_serves_brings_no_tools_and_no_second_framework(lock: str) -> None:
    heavy = ("torch", "jax", "pytest", "podman", "grafana")
    assert not [name for name in pins(lock) if name.startswith(heavy) or name == "mypy"]


def test_the_api_brings_no_drift_monitor() -> None:
    heavy = ("tensorflow", "keras", "tf-keras", "alibi", "scikit-learn", "pandas", "matplotlib", "numba")
    assert not [name for name in pins(SERVING) if name.startswith(heavy)]
    assert pins(SERVING).items() <= pins(MONITOR).items()
