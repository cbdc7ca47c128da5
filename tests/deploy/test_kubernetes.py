"""The Kubernetes manifests, rendered by the real kustomize: sound, confined, and of one piece with what they deploy."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from sqlalchemy import create_engine, inspect

from imip.settings import Settings
from tests.support.programs import program
from tests.support.prometheus import RULES, promtool
from tests.support.server import REPOSITORY

SERVICE = REPOSITORY / "deploy" / "kubernetes"
MONITORING = SERVICE / "monitoring"
DASHBOARDS = REPOSITORY / "grafana"
OLDEST = "1.25"  # of the Kubernetes that kustomization.yaml names
BENTO_USER = 1034
APPLIED_BYTES = 262_144  # of annotations at most; `kubectl apply` keeps the whole object in one
UNITS = {"Mi": 1 << 20, "Gi": 1 << 30}

Manifest = dict[str, Any]


@cache
def rendered(folder: Path) -> tuple[Manifest, ...]:
    ran = subprocess.run([program("kubectl"), "kustomize", folder], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return tuple(yaml.safe_load_all(ran.stdout))


def of_kind(kind: str, folder: Path = SERVICE) -> dict[str, Manifest]:
    """The objects of a kind by their names."""
    return {one["metadata"]["name"]: one for one in rendered(folder) if one["kind"] == kind}


def pods() -> dict[str, Manifest]:
    """The template of each Deployment's pods."""
    return {name: deployment["spec"]["template"] for name, deployment in of_kind("Deployment").items()}


def containers() -> Iterator[Manifest]:
    for pod in pods().values():
        yield from pod["spec"].get("initContainers", [])
        yield from pod["spec"]["containers"]


def servers() -> Iterator[tuple[Manifest, Manifest]]:
    """Each pod and the one container that goes on running in it."""
    for pod in pods().values():
        (container,) = pod["spec"]["containers"]
        yield pod, container


def variables(container: Manifest) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}


def settings() -> dict[str, str]:
    """What API and drift monitor share."""
    ((_, shared),) = of_kind("ConfigMap").items()
    values: dict[str, str] = shared["data"]
    return values


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def size(quantity: str) -> int:
    return int(quantity[:-2]) * UNITS[quantity[-2:]]


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("folder", [SERVICE, DASHBOARDS], ids=lambda folder: folder.name)
def test_kubernetes_takes_every_object(folder: Path, version: str) -> None:
    for manifest in rendered(folder):
        kubernetes_validate.validate(manifest, version, strict=True)  # which knows no resource of the operator's


def test_everything_stands_in_one_namespace_that_lets_no_pod_have_more_rights() -> None:
    ((namespace, declared),) = of_kind("Namespace").items()
    assert declared["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for folder in (SERVICE, MONITORING, DASHBOARDS):
        for manifest in rendered(folder):
            assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == namespace


def test_every_pod_runs_unprivileged() -> None:
    for pod in pods().values():
        assert pod["spec"]["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": BENTO_USER,
            "runAsGroup": BENTO_USER,
            "fsGroup": BENTO_USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys()
    for container in containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_what_a_server_writes_stays_in_memory_and_within_a_limit() -> None:
    for pod, container in servers():
        (volume,) = pod["spec"]["volumes"]
        (mount,) = container["volumeMounts"]
        assert mount["name"] == volume["name"]
        assert volume["emptyDir"]["medium"] == "Memory" and size(volume["emptyDir"]["sizeLimit"])
        assert mount["mountPath"] == "/tmp"
        assert Path(variables(container)["BENTOML_HOME"]).is_relative_to(mount["mountPath"])


def test_every_container_has_requests_and_limits() -> None:
    for container in containers():
        needs = container["resources"]
        assert needs["requests"].keys() == needs["limits"].keys() == {"cpu", "memory"}
        assert size(needs["requests"]["memory"]) <= size(needs["limits"]["memory"])


def test_the_api_has_the_memory_that_it_takes_at_rest_and_under_the_largest_scans() -> None:
    table = (REPOSITORY / "docs" / "explanation" / "speed.md").read_text(encoding="utf-8")
    main, worker = (
        max(int(resident) for resident in re.findall(rf"^\| {name} \| (\d+) MiB", table, re.MULTILINE)) << 20
        for name in ("main", "API worker")
    )
    (container,) = pods()["imip"]["spec"]["containers"]
    assert variables(container)["IMIP_WORKERS"] == "1"
    assert size(container["resources"]["requests"]["memory"]) >= main + worker
    # A worker holds all requests' bodies and analyses one: inflated, read, and its frame as samples and as floats.
    most = Settings.model_construct()
    largest = most.max_in_flight * most.max_body_bytes + 2 * most.max_inflated_bytes + 4 * most.max_decoded_bytes
    assert size(container["resources"]["limits"]["memory"]) >= main + worker + largest


def test_probes_tell_a_server_that_is_busy_from_one_that_is_gone() -> None:
    for _, container in servers():
        asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
        assert {kind for kind, probe in asked.items() if probe["path"] == "/readyz"} == {"readiness"}
        assert {probe["port"] for probe in asked.values()} == {port["name"] for port in container["ports"]}


def test_an_update_takes_no_server_away_in_the_middle_of_a_request() -> None:
    pod = pods()["imip"]["spec"]
    sleep, seconds = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    longest = re.search(r'traffic=\{"timeout": (\d+)\}', (REPOSITORY / "service.py").read_text(encoding="utf-8"))
    assert sleep == "sleep" and longest
    assert pod["terminationGracePeriodSeconds"] > int(seconds) + int(longest[1])


def test_the_autoscaler_and_the_disruption_budget_are_of_the_api() -> None:
    deployment = of_kind("Deployment")["imip"]
    assert "replicas" not in deployment["spec"]  # applying it again would undo the autoscaler's
    ((_, scaler),) = of_kind("HorizontalPodAutoscaler").items()
    target = scaler["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": deployment["apiVersion"], "kind": "Deployment", "name": "imip"}
    assert 2 <= scaler["spec"]["minReplicas"] < scaler["spec"]["maxReplicas"]
    ((_, budget),) = of_kind("PodDisruptionBudget").items()
    (spread,) = pods()["imip"]["spec"]["topologySpreadConstraints"]
    chosen = [name for name, pod in pods().items() if selects(budget["spec"]["selector"], pod["metadata"]["labels"])]
    assert chosen == ["imip"] and spread["labelSelector"] == budget["spec"]["selector"]


def test_each_service_leads_to_the_pods_of_its_name() -> None:
    for name, deployment in of_kind("Deployment").items():
        assert selects(deployment["spec"]["selector"], pods()[name]["metadata"]["labels"])
    for name, service in of_kind("Service").items():
        behind = [
            of for of, pod in pods().items() if selects({"matchLabels": service["spec"]["selector"]}, labels(pod))
        ]
        assert behind == [name]
        (port,) = service["spec"]["ports"]
        assert port["targetPort"] in {port["name"] for port in pods()[name]["spec"]["containers"][0]["ports"]}


def labels(manifest: Manifest) -> dict[str, str]:
    found: dict[str, str] = manifest["metadata"]["labels"]
    return found


def test_prometheus_scrapes_what_prometheus_yml_scrapes_and_as_much() -> None:
    """The operator's jobs are the names of the Services, so that rules and dashboards find the same."""
    ((_, monitor),) = of_kind("ServiceMonitor", MONITORING).items()
    (endpoint,) = monitor["spec"]["endpoints"]
    scraped = {
        name
        for name, service in of_kind("Service").items()
        if selects(monitor["spec"]["selector"], labels(service))
        and endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    }
    configured = yaml.safe_load((REPOSITORY / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job for job in configured["scrape_configs"] if job["job_name"].startswith("imip")}
    assert scraped == jobs.keys()
    assert endpoint["interval"] == configured["global"]["scrape_interval"]
    assert endpoint["scrapeTimeout"] == configured["global"]["scrape_timeout"]
    limits = {name for job in jobs.values() for name in job if name.endswith("_limit")}
    for limit in limits:
        camel = re.sub("_(.)", lambda letter: letter[1].upper(), limit)
        assert monitor["spec"][camel] == jobs["imip"][limit]
    for job in jobs.values():
        (kept,) = job["metric_relabel_configs"]
        assert endpoint["metricRelabelings"] == [
            {"sourceLabels": kept["source_labels"], "regex": kept["regex"], "action": kept["action"]}
        ]


def test_no_pod_may_talk_but_with_dns_and_the_database() -> None:
    policies = [policy["spec"] for policy in of_kind("NetworkPolicy").values()]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies  # whatever is not allowed is denied
    for pod in pods().values():
        open_ways = set()
        for policy in (policy for policy in policies if selects(policy["podSelector"], labels(pod))):
            for way in policy.get("egress", []):
                (neighbour,) = way["to"]
                namespace = neighbour["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                open_ways |= {(namespace, port["port"], port.get("protocol", "TCP")) for port in way["ports"]}
        assert open_ways == {("kube-system", 53, "UDP"), ("kube-system", 53, "TCP"), ("database", 5432, "TCP")}


def test_clients_reach_the_api_alone_and_prometheus_every_server() -> None:
    reached: dict[str, set[str]] = {}
    for policy in of_kind("NetworkPolicy").values():
        for way in policy["spec"].get("ingress", []):
            (source,), (port,) = way["from"], way["ports"]
            assert port == {"port": "http"}
            namespace = source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for name, pod in pods().items():
                if selects(policy["spec"]["podSelector"], labels(pod)):
                    reached.setdefault(namespace, set()).add(name)
    assert reached == {"ingress-nginx": {"imip"}, "monitoring": {"imip", "imip-drift-monitor"}}


def test_every_setting_exists_and_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {f"IMIP_{name.upper()}" for name in Settings.model_fields}
    for pod, container in servers():
        assert pod["spec"]["enableServiceLinks"] is False  # the Service `imip` would set IMIP_PORT and more of the kind
        given = settings() | variables(container)
        for name, value in given.items():
            if name.startswith("IMIP_"):
                assert name in known
                monkeypatch.setenv(name, value)
        assert Settings().drift_monitor == given["IMIP_DRIFT_MONITOR"]
        (shared,) = of_kind("ConfigMap")
        assert container["envFrom"] == [{"configMapRef": {"name": shared}}]


def test_the_databases_url_is_the_operators_secret() -> None:
    for container in containers():
        (url,) = [one for one in container["env"] if one["name"] == "IMIP_DATABASE_URL"]
        assert url["valueFrom"] == {"secretKeyRef": {"name": "imip-database", "key": "url"}}
    for folder in (SERVICE, MONITORING, DASHBOARDS):
        assert not of_kind("Secret", folder)
        assert "postgresql://" not in json.dumps(rendered(folder))


def test_the_images_are_those_of_this_version_and_of_compose() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    images = {container["image"] for container in containers()}
    assert images == {f"{name}:{project['version']}" for name in ("imip", "imip-drift-monitor")}
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
    composed = {re.sub(r"\$\{\w+:-(.+?)\}", r"\1", service["image"]) for service in compose["services"].values()}
    assert images <= composed


def test_the_init_container_migrates_the_database(tmp_path: Path) -> None:
    (container,) = pods()["imip"]["spec"]["initContainers"]
    python, *arguments = container["command"]
    assert python == "python"
    environment = os.environ | {"IMIP_DATABASE_URL": f"sqlite:///{tmp_path / 'log.sqlite3'}"}
    ran = subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "predictions" in inspect(create_engine(environment["IMIP_DATABASE_URL"])).get_table_names()


def test_the_dashboards_are_the_files() -> None:
    files = {file.name: file.read_text(encoding="utf-8") for file in (DASHBOARDS / "dashboards").glob("*.json")}
    maps = of_kind("ConfigMap", DASHBOARDS).values()
    assert files and {name: text for one in maps for name, text in one["data"].items()} == files
    for one in maps:
        assert labels(one)["grafana_dashboard"] == "1"
        assert len(json.dumps(one)) < APPLIED_BYTES


def test_the_rules_are_the_files(tmp_path: Path) -> None:
    program = [sys.executable, MONITORING / "prometheus_rule.py", "--check"]
    ran = subprocess.run(program, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    ((_, rule),) = of_kind("PrometheusRule", MONITORING).items()
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    assert rule["spec"]["groups"] == groups
    assert len(json.dumps(rule)) < APPLIED_BYTES
    (tmp_path / "rules.yml").write_text(json.dumps(rule["spec"]), encoding="utf-8")
    assert "SUCCESS" in promtool("check", "rules", tmp_path / "rules.yml")
