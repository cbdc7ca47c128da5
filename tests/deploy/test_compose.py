"""docker-compose.yml: what it starts is pinned, closed and checked, and its balancer does what it says."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url, text

from imip.settings import Settings
from monitoring.database import connect, migrate
from tests.support.postgres import Postgres
from tests.support.server import REPOSITORY, Server, free_port

OURS = {"api", "replica", "drift-monitor"}
SCALED_ONLY = {"replica", "balancer"}
SERVICES = OURS | SCALED_ONLY | {"database", "prometheus", "alertmanager", "grafana"}
DEPLOYMENT = REPOSITORY / "deploy" / "compose"


def composed(*options: str, **environment: str) -> dict[str, Any]:
    """The file as Compose reads it: anchors merged, variables put in, profiles chosen."""
    command = [sys.executable, "-m", "podman_compose", "--dry-run", *options, "config"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IMIP_")}
    ran = subprocess.run(command, cwd=REPOSITORY, env=kept | environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    read: dict[str, Any] = yaml.safe_load(ran.stdout)
    return read


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    found = composed("--profile", "scale")
    assert found["services"].keys() == SERVICES
    return found


@pytest.fixture(params=sorted(SERVICES))
def service(request: pytest.FixtureRequest, everything: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = everything["services"][request.param]
    return found | {"name": request.param}


def test_replicas_are_found_under_the_name_of_the_api(everything: dict[str, Any]) -> None:
    services = everything["services"]
    assert services["replica"]["networks"]["serving"]["aliases"] == ["api"]
    for name in ("prometheus", "balancer"):
        shared = set(services[name]["networks"]) & set(services["api"]["networks"])
        assert len(shared) == 1, "a container on two shared networks has two addresses there, and is counted twice"


def test_every_image_is_pinned_to_a_version(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-alpine)?", service["image"])


def test_without_a_profile_own_images_are_those_that_make_builds() -> None:
    made = subprocess.run(
        ["make", "--dry-run", "containers"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    tags = set(re.findall(r"--image-tag (\S+)", made))
    unscaled = composed()["services"]
    assert unscaled.keys() == SERVICES - SCALED_ONLY
    assert {unscaled[name]["image"] for name in ("api", "drift-monitor")} == tags


def test_ports_stand_on_the_loopback_alone(everything: dict[str, Any]) -> None:
    ports = {name: service.get("ports", []) for name, service in everything["services"].items()}
    assert all(port.startswith("127.0.0.1:") for one in ports.values() for port in one)
    assert not ports["database"]


def test_only_who_needs_it_reaches_the_database(everything: dict[str, Any]) -> None:
    assert everything["networks"]["log"]["internal"] is True
    assert everything["services"]["database"]["networks"] == ["log"]
    on_it = {name for name, service in everything["services"].items() if "log" in service["networks"]}
    assert on_it == OURS | {"database"}


def test_a_service_can_change_nothing_and_gain_nothing(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and not service.get("cap_add")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert "host" not in (service.get("network_mode"), service.get("pid"), service.get("ipc"))
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))
    if service["name"] in OURS | {"database"}:  # the others' images name a user that is not root
        assert not service["user"].startswith(("0", "root"))


def test_a_service_has_bounds_and_starts_again(service: dict[str, Any]) -> None:
    assert service["mem_limit"] and service["cpus"] and service["pids_limit"]
    assert service["ulimits"]["core"] == 0
    assert service["logging"]["options"]["max-size"]
    assert service["restart"] == "unless-stopped"


def test_a_service_says_whether_it_is_well(service: dict[str, Any], everything: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"][0] == "CMD"
    for other, condition in service.get("depends_on", {}).items():
        assert condition == {"condition": "service_healthy"}
        assert everything["services"][other]["healthcheck"]


def test_the_health_check_of_the_api_tells_ready_from_not_ready(server: Server, everything: dict[str, Any]) -> None:
    _, _, *arguments = everything["services"]["api"]["healthcheck"]["test"]

    def healthy(port: int) -> bool:
        command = [sys.executable, *(argument.replace(":3000", f":{port}") for argument in arguments)]
        return subprocess.run(command, capture_output=True).returncode == 0

    assert healthy(server.port)
    assert not healthy(free_port())


def test_what_is_mounted_is_in_the_repository(everything: dict[str, Any]) -> None:
    volumes = [volume for service in everything["services"].values() for volume in service.get("volumes", [])]
    for volume in volumes:
        if isinstance(volume, dict):  # what `make secrets` makes
            assert volume["source"].startswith("./deploy/compose/secrets/") and volume["read_only"]
            assert volume["bind"] == {"create_host_path": False}
        elif volume.startswith("."):
            assert (REPOSITORY / volume.partition(":")[0]).exists(), volume
            assert volume.endswith(":ro")
        else:
            assert volume.partition(":")[0] in everything["volumes"]


def test_a_setting_of_ours_exists(service: dict[str, Any]) -> None:
    named = {name for name in service.get("environment", {}) if name.startswith("IMIP_")}
    assert named <= {f"IMIP_{name.upper()}" for name in Settings.model_fields}
    assert bool(named) == (service["name"] in OURS)


def test_no_password_stands_in_the_file(everything: dict[str, Any]) -> None:
    for service in everything["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("/run/secrets/"), name
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), name
    assert {secret["file"] for secret in everything["secrets"].values()} == {
        f"deploy/compose/secrets/{name}" for name in everything["secrets"]
    }


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The passwords, as `make secrets` makes them beside a copy of its script."""
    shutil.copy(DEPLOYMENT / "secrets.sh", tmp_path)
    subprocess.run([tmp_path / "secrets.sh"], check=True, capture_output=True)
    return tmp_path / "secrets"


def test_passwords_are_made_once_and_shown_to_nobody_else(secrets: Path, everything: dict[str, Any]) -> None:
    before = {file: file.read_text() for file in secrets.iterdir() if file.is_file()}
    assert {file.name for file in before} == everything["secrets"].keys()
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert list((secrets / "receivers").iterdir()) == []  # Alertmanager's, for whoever has some
    assert len({before[secrets / f"{name}-password"] for name in ("database", "grafana")}) == 2
    assert all(len(before[secrets / f"{name}-password"]) == 48 for name in ("database", "grafana"))
    again = subprocess.run([secrets.parent / "secrets.sh"], capture_output=True, text=True)
    assert again.returncode == 1 and "There are passwords" in again.stderr
    assert {file: file.read_text() for file in before} == before
    ignored = subprocess.run(["git", "check-ignore", "deploy/compose/secrets/database-password"], cwd=REPOSITORY)
    assert ignored.returncode == 0


def test_the_log_is_reached_with_the_password_of_the_file(
    secrets: Path, everything: dict[str, Any], postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URL of the compose file and the file that `make secrets` made, moved to a PostgreSQL of the tests."""
    environment = everything["services"]["api"]["environment"]
    target = make_url(postgres.database())
    service = secrets / "database-service"
    assert stat.S_IMODE(service.stat().st_mode) == 0o444  # the server's user is not the file's
    moved = {"host": target.host, "dbname": target.database, "user": target.username, "password": target.password}
    content = service.read_text()
    for name, value in moved.items():
        content = re.sub(rf"^{name}=.+$", f"{name}={value}", content, flags=re.MULTILINE)
    service.chmod(0o644)
    service.write_text(f"{content}port={target.port}\n")
    service.chmod(0o444)
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    engine = connect(environment["IMIP_DATABASE_URL"])
    migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "imip"
    engine.dispose()
