"""A request reaches the module it names, and a scan of another modality is not analysed by mistake."""

from typing import Any

import bentoml
import pytest

from imip.inference.artifact import read_card
from imip.inference.card import Card
from tests.support.scan_files import mr_bytes, ramp, wheel_file
from tests.support.server import REPOSITORY, Server, problem
from tests.support.shipped import SHIPPED

SCAN = (REPOSITORY / "samples" / "brain-axial.png").read_bytes()
CT = wheel_file("CT_small.dcm")


def card(name: str) -> Card:
    return read_card(REPOSITORY / "models" / name)


def ask(server: Server, scan: bytes, query: str = "", **fields: str) -> Any:
    return server.http.post(f"/predict{query}", files={"file": scan}, data=fields)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_module_is_named_in_the_form_or_in_the_address(platform: Server, name: str) -> None:
    answers = [ask(platform, SCAN, module=name), ask(platform, SCAN, f"?module={name}")]
    answers.append(ask(platform, SCAN, f"?module={name}", module=name))
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.json()["module"] == answer.json()["model"]["name"] == name
    assert len({answer.json()["label"] for answer in answers}) == 1


@pytest.mark.parametrize("name", SHIPPED)
def test_every_module_draws_and_explains(platform: Server, name: str) -> None:
    picture = platform.http.post(f"/heatmap?module={name}", files={"file": SCAN})
    assert picture.content.startswith(b"\x89PNG")
    told = platform.http.post(f"/heatmap?module={name}", files={"file": SCAN}, headers={"Accept": "application/json"})
    assert told.json()["module"] == name
    assert set(told.json()["heatmap"]) == {"png_base64", "overlay_png_base64", "bounding_box", "peak", "area_ratio"}


def test_a_form_and_an_address_that_differ_are_refused(platform: Server) -> None:
    body = problem(ask(platform, SCAN, "?module=brain-tumor", module="brain-tree"), 400)
    assert "differ in 'module'" in body["detail"]


@pytest.mark.parametrize("query", ["?module=lung", "?module=brain_tumor", "?module=__init__"])
def test_an_unknown_module_is_refused_with_the_known_ones(platform: Server, query: str) -> None:
    body = problem(ask(platform, SCAN, query), 422)
    assert body["type"] == "urn:imip:problem:unknown-module"
    assert all(name in body["detail"] for name in SHIPPED)


def test_a_module_that_is_not_enabled_is_unknown(server: Server) -> None:
    body = problem(ask(server, SCAN, module="brain-tree"), 422)
    assert body["detail"] == "No such module is served here; there are: brain-tumor."


@pytest.mark.parametrize("route", ["/predict", "/heatmap"])
@pytest.mark.parametrize("name", ["brain-tumor", "chest-pneumonia"])
def test_a_scan_of_another_modality_is_refused_and_told_what_the_module_is_for(
    platform: Server, route: str, name: str
) -> None:
    body = problem(platform.http.post(route, files={"file": CT}, data={"module": name}), 422)
    assert body["type"] == "urn:imip:problem:wrong-modality"
    assert "declares modality CT" in body["detail"]
    assert all(code in body["detail"] for code in card(name).input.modalities)
    assert "any_modality" in body["detail"]


@pytest.mark.parametrize(
    "how",
    [
        ("", {"any_modality": "true"}),
        ("?any_modality=1", {}),
        ("", {"any_modality": "True"}),
        ("?any_modality=1", {"any_modality": "true"}),
    ],
)
def test_a_client_that_insists_gets_an_answer_with_a_warning(platform: Server, how: tuple[str, dict[str, str]]) -> None:
    query, fields = how
    answer = ask(platform, CT, query, module="brain-tumor", **fields)
    assert answer.status_code == 200, answer.text
    assert "other_modality" in answer.json()["warnings"]


def test_bentomls_client_can_insist(platform: Server, tmp_path: Any) -> None:
    (tmp_path / "scan.dcm").write_bytes(CT)
    with bentoml.SyncHTTPClient(str(platform.http.base_url)) as client:
        finding = client.predict(file=tmp_path / "scan.dcm", module="brain-tree", any_modality=True)
    assert finding["module"] == "brain-tree"


def test_an_insistence_that_is_neither_true_nor_false_is_refused(platform: Server) -> None:
    assert "any_modality" in problem(ask(platform, SCAN, any_modality="perhaps"), 400)["detail"]


@pytest.mark.parametrize("modality", ["TG", "PA", "HC", "ECG", "DS"])
def test_a_rare_or_retired_modality_is_another_one_too(platform: Server, modality: str) -> None:
    body = problem(ask(platform, mr_bytes(ramp(64, 64), Modality=modality), module="brain-tumor"), 422)
    assert f"declares modality {modality}" in body["detail"]


@pytest.mark.parametrize(
    "declared", [{"Modality": "OT"}, {"Modality": "SC"}, {"Modality": "DOE^JOHN"}, {"Modality": ""}]
)
def test_a_scan_that_declares_nothing_to_the_point_is_analysed(platform: Server, declared: dict[str, str]) -> None:
    answer = ask(platform, mr_bytes(ramp(64, 64), **declared), module="brain-tumor")
    assert answer.status_code == 200, answer.text
    assert "other_modality" not in answer.json()["warnings"]


def test_meta_tells_what_a_picker_needs(platform: Server) -> None:
    modules = {module["name"]: module for module in platform.http.get("/meta").json()["modules"]}
    assert set(modules) == set(SHIPPED)
    for name, told in modules.items():
        shipped = card(name)
        assert (told["title"], told["question"]) == (shipped.title, shipped.question)
        assert (tuple(told["labels"]), told["abstention"]) == (shipped.labels, shipped.abstention)
        assert (tuple(told["modalities"]), told["heatmap"]) == (shipped.input.modalities, shipped.heatmap)


def test_what_a_module_cost_to_load_is_exported_and_logged(platform: Server) -> None:
    for name in SHIPPED:
        assert 0 < platform.value("imip_module_load_duration_seconds", module=name) < 600
        assert 0 <= platform.value("imip_module_memory_bytes", module=name) < 2**30
    told = [entry["model"].partition(":")[0] for entry in platform.log_lines() if entry.get("event") == "module loaded"]
    assert sorted(told) == sorted(SHIPPED)


def test_a_module_that_is_not_enabled_is_not_loaded(small_server: Server) -> None:
    told = [entry["model"] for entry in small_server.log_lines() if entry.get("event") == "module loaded"]
    assert {model.partition(":")[0] for model in told} == {"brain-tumor"}
