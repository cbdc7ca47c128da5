"""What the architecture promises of each route, asked of a real server."""

import io

import numpy as np
import pytest
from PIL import Image

from imip.disclaimer import DISCLAIMER
from imip.explain.overlay import CAPTION_HEIGHT
from tests.support.answers import FINDING, check_finding, decoded, explain, predict
from tests.support.server import Server, problem


def test_a_finding_has_the_fields_of_the_contract_and_agrees_with_itself(server: Server, head: bytes) -> None:
    finding = predict(server, head)
    assert set(finding) == set(FINDING)
    check_finding(server, finding)
    assert finding["scan"] == {
        "format": "png", "width": 160, "height": 120, "frame": 0, "frames": 1, "attributes": {},
    }  # fmt: skip


def test_the_module_may_be_named_as_text_or_as_json(server: Server, png: bytes) -> None:
    for name in ("brain-tumor", '"brain-tumor"', "null", ""):
        assert predict(server, png, module=name)["module"] == "brain-tumor"


def test_an_unknown_module_is_refused_with_the_known_ones(server: Server, png: bytes) -> None:
    for route in ("/predict", "/heatmap"):
        answer = server.http.post(route, files={"file": png}, data={"module": "lung-canary"})
        body = problem(answer, 422)
        assert body["type"] == "urn:imip:problem:unknown-module"
        assert "brain-tumor" in body["detail"]
        assert "canary" not in answer.text


def test_a_heatmap_is_by_default_a_picture_of_the_slice_with_words_below(server: Server, head: bytes) -> None:
    for accept in ("*/*", "image/png", "image/*"):
        answer = server.http.post("/heatmap", files={"file": head}, headers={"Accept": accept})
        assert answer.headers["content-type"] == "image/png"
        picture = Image.open(io.BytesIO(answer.content))
        assert (picture.width, picture.height - CAPTION_HEIGHT) == (320, 240)  # 160x120, enlarged
        caption = np.asarray(picture.convert("L"))[-CAPTION_HEIGHT:]
        assert caption.max() > 200 > 50 > np.median(caption)  # white letters on black


def test_the_client_that_likes_a_picture_better_than_json_gets_the_picture(server: Server, png: bytes) -> None:
    for accept, kind in (
        ("image/png, application/json;q=0.1", "image/png"),
        ("application/json;q=0, image/png", "image/png"),
        ("APPLICATION/JSON", "application/json"),
    ):
        answer = server.http.post("/heatmap", files={"file": png}, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


def test_a_heatmap_as_json_is_a_finding_with_pictures_and_places(server: Server, head: bytes) -> None:
    explained = explain(server, head)
    assert set(explained) == {*FINDING, "heatmap"}
    check_finding(server, explained)
    heatmap = explained["heatmap"]
    values = np.asarray(decoded(heatmap["png_base64"]))
    assert values.shape == (120, 160)
    assert decoded(heatmap["overlay_png_base64"]).size == (320, 240 + CAPTION_HEIGHT)
    box, peak = heatmap["bounding_box"], heatmap["peak"]
    assert values[peak["row"], peak["column"]] == values.max()  # the probability of a lesion, not scaled to its peak
    if box is None:
        assert heatmap["area_ratio"] == 0 and values.max() <= 128
        return
    assert 0 <= box["top"] <= peak["row"] < box["bottom"] <= 120
    assert 0 <= box["left"] <= peak["column"] < box["right"] <= 160
    assert 0 < heatmap["area_ratio"] <= (box["bottom"] - box["top"]) * (box["right"] - box["left"]) / (120 * 160)
    assert heatmap["area_ratio"] == pytest.approx(np.mean(values >= 128), abs=0.01)


def test_predict_and_heatmap_find_the_same(server: Server, head: bytes) -> None:
    plain, explained = predict(server, head), explain(server, head)
    for field in ("label", "confidence", "probabilities", "decision", "warnings", "scan", "model"):
        assert plain[field] == explained[field]


def test_meta_names_modules_cards_formats_limits_and_the_disclaimer(server: Server) -> None:
    meta = server.http.get("/meta").json()
    assert meta["default_module"] == "brain-tumor"
    assert meta["accepted_formats"] == ["png", "jpeg", "dicom"]
    assert meta["limits"]["body_bytes"] == 32 * 2**20
    assert all(type(limit) is int and limit > 0 for limit in meta["limits"].values())
    assert (meta["research_only"], meta["disclaimer"]) == (True, DISCLAIMER)
    (module,) = meta["modules"]
    assert module["version"] == module["card"]["version"]
    assert module["labels"] == module["card"]["labels"] == ["Tumor", "No Tumor"]
    for section in ("intended_use", "non_recommended_use", "data", "metrics", "ethics", "caveats", "licence"):
        assert section in module["card"]


@pytest.mark.parametrize("route", ["/livez", "/readyz", "/healthz"])
def test_the_health_routes_answer(server: Server, route: str) -> None:
    assert server.http.get(route).status_code == 200


def test_metrics_are_prometheus_text(server: Server) -> None:
    answer = server.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert any(sample.name == "imip_build_info" for sample in server.samples())
