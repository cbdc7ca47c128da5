"""What `docs` and the architecture promise of each route, asked of a real server."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from imip import __version__
from imip.disclaimer import DISCLAIMER
from imip.explain.overlay import CAPTION_HEIGHT
from tests.support.scan_files import DICOM_MR, data_set, dicom_bytes, mr_bytes, picture_bytes, ramp, wheel_file
from tests.support.server import REPOSITORY, Server, problem

FINDING = {
    "request_id": str,
    "module": str,
    "label": str,
    "confidence": float,
    "probabilities": dict,
    "decision": str,
    "reasons": list,
    "advice": type(None),
    "warnings": list,
    "scan": dict,
    "model": dict,
    "timings_ms": dict,
    "research_only": bool,
    "disclaimer": str,
}
SERIES = sorted(DICOM_MR.rglob("*.dcm"))


def predict(server: Server, scan: bytes, **fields: str) -> dict[str, Any]:
    answer = server.http.post("/predict", files={"file": ("scan", scan)}, data=fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def explain(server: Server, scan: bytes) -> dict[str, Any]:
    answer = server.http.post("/heatmap", files={"file": ("scan", scan)}, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    return body


def decoded(base64_png: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(base64_png)))


def check_finding(server: Server, finding: dict[str, Any]) -> None:
    (module,) = server.http.get("/meta").json()["modules"]
    assert {name: type(value) for name, value in finding.items() if name in FINDING} == FINDING
    assert finding["module"] == module["name"]
    assert finding["model"] == {"name": module["name"], "version": module["version"]}
    probabilities = finding["probabilities"]
    assert list(probabilities) == module["labels"]
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert finding["confidence"] == probabilities[finding["label"]]
    decision, tumor = module["card"]["decision"]["thresholds"], probabilities["Tumor"]
    assert finding["label"] == ("Tumor" if tumor >= decision["threshold"] else "No Tumor")
    near = decision["uncertain_from"] <= tumor <= decision["uncertain_to"]
    unknown = "out_of_distribution" in finding["warnings"]
    assert finding["decision"] == ("uncertain" if near or unknown else "confident")
    assert set(finding["timings_ms"]) == {"decode", "preprocess", "infer"}
    assert all(milliseconds >= 0 for milliseconds in finding["timings_ms"].values())
    assert finding["research_only"] is True
    assert finding["disclaimer"] == DISCLAIMER
    known = {"out_of_distribution", "other_modality", "burned_in_annotation", "burned_in_annotation_possible"}
    assert set(finding["warnings"]) <= known


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
    if peak is None:
        assert (box, heatmap["area_ratio"], values.max()) == (None, 0, 0)
        return
    assert 0 <= box["top"] <= peak["row"] < box["bottom"] <= 120
    assert 0 <= box["left"] <= peak["column"] < box["right"] <= 160
    assert values[peak["row"], peak["column"]] == values.max() == 255
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


def test_the_openapi_page_shows_both_inferences_with_a_file_field(server: Server) -> None:
    paths = server.http.get("/docs.json").json()["paths"]
    assert {"/predict", "/heatmap", "/livez", "/readyz", "/metrics"} <= set(paths)
    for route in ("/predict", "/heatmap"):
        content = paths[route]["post"]["requestBody"]["content"]["multipart/form-data"]
        schema = content["schema"]
        assert schema["required"] == ["file"]
        assert schema["properties"]["file"]["format"] == "binary"
        assert "file" not in content["encoding"]  # it is sent as it is, not as JSON
        assert {"module", "frame"} <= set(schema["properties"])
        assert paths[route]["post"]["description"]
    assert set(paths["/heatmap"]["post"]["responses"]["200"]["content"]) == {"image/png", "application/json"}


def test_the_openapi_page_speaks_of_this_server_and_of_no_other(server: Server) -> None:
    document = server.http.get("/docs.json").json()
    assert (document["info"]["title"], document["info"]["version"]) == ("IMIP", __version__)
    assert DISCLAIMER in document["info"]["description"]
    text = str(document)
    assert "://" not in text
    assert "InvalidArgument" not in text and "contact@" not in text
    schemas = document["components"]["schemas"]
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert {"PredictionAnswer", "HeatmapAnswer", "Meta", "Problem"} <= named <= set(schemas)
    assert "200" in document["paths"]["/meta"]["get"]["responses"]
    for route in ("/predict", "/heatmap"):
        responses = document["paths"][route]["post"]["responses"]
        assert set(responses) == {"200", "400", "408", "413", "415", "422", "503"}
        for status in set(responses) - {"200"}:
            content = responses[status]["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert list(schemas["Problem"]["properties"]) == ["type", "title", "status", "detail", "request_id"]


def test_the_openapi_page_keeps_the_readers_browser_at_home(server: Server) -> None:
    page = server.http.get("/")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy and "*" not in policy
    assert server.http.get("/static_content/swagger-ui.css").status_code == 200


def test_a_multi_frame_scan_answers_for_its_middle_frame_and_says_so(server: Server) -> None:
    frames = mr_bytes(np.stack([ramp() // (number + 1) for number in range(5)]))
    middle = predict(server, frames)
    assert (middle["scan"]["frame"], middle["scan"]["frames"]) == (2, 5)
    assert predict(server, frames, frame="2")["probabilities"] == middle["probabilities"]
    assert [predict(server, frames, frame=str(number))["scan"]["frame"] for number in (0, 4)] == [0, 4]
    body = problem(server.http.post("/predict", files={"file": frames}, data={"frame": "5"}), 422)
    assert body["type"] == "urn:imip:problem:frame-out-of-range"
    assert "has 5," in body["detail"]


def test_one_slice_in_any_lossless_wrapping_gets_one_answer(server: Server) -> None:
    pixels = ramp(60, 70)
    wrapped = [
        picture_bytes(Image.fromarray(pixels), "PNG"),
        picture_bytes(Image.fromarray(np.dstack([pixels] * 3)), "PNG"),
        mr_bytes(pixels),
        dicom_bytes(data_set(pixels), ImplicitVRLittleEndian),
    ]
    answers = [predict(server, scan)["probabilities"] for scan in wrapped]
    assert all(answer == answers[0] for answer in answers)


def test_one_deep_slice_as_png_and_dicom_gets_one_answer(server: Server) -> None:
    deep = ramp(60, 70).astype(np.uint16) * 16
    as_png = predict(server, picture_bytes(Image.fromarray(deep), "PNG"))
    as_dicom = predict(server, mr_bytes(deep))
    big_endian = data_set(deep)
    big_endian.PixelData = deep.astype(">u2").tobytes()
    as_big_endian = predict(server, dicom_bytes(big_endian, ExplicitVRBigEndian))
    assert as_png["probabilities"] == as_dicom["probabilities"] == as_big_endian["probabilities"]


@pytest.mark.parametrize("name", ["", "_implicit", "_bigendian", "_RLE", "_jp2klossless", "_jpeg_ls_lossless"])
def test_each_transfer_syntax_of_a_slice_gets_the_same_answer(server: Server, name: str) -> None:
    finding = predict(server, wheel_file(f"MR_small{name}.dcm"))
    assert finding["scan"]["format"] == "dicom"
    assert finding["scan"]["attributes"]["Modality"] == "MR"
    assert finding["probabilities"] == predict(server, wheel_file("MR_small.dcm"))["probabilities"]


def test_a_jpeg_is_read_by_its_bytes_whatever_its_name_and_type_say(server: Server) -> None:
    jpeg = picture_bytes(Image.fromarray(ramp(60, 70)), "JPEG")
    for name, kind in (("scan.jpg", "image/jpeg"), ("scan.dcm", "application/dicom"), ("", "text/html")):
        answer = server.http.post("/predict", files={"file": (name or "x", jpeg, kind)})
        assert answer.json()["scan"]["format"] == "jpeg"


@pytest.mark.skipif(not SERIES, reason="the shared DICOM files are not here")
@pytest.mark.parametrize("path", SERIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_real_dicom_files_are_answered(server: Server, path: Path) -> None:
    finding = predict(server, path.read_bytes())
    check_finding(server, finding)
    assert finding["scan"]["frame"] == finding["scan"]["frames"] // 2
    assert finding["scan"]["attributes"]["Modality"] == "MR"


def test_writing_that_may_be_in_the_picture_is_warned_of_or_refused_as_set(
    server: Server, small_server: Server
) -> None:
    annotated = mr_bytes(ramp(), BurnedInAnnotation="YES")
    assert "burned_in_annotation" in predict(server, annotated)["warnings"]
    body = problem(small_server.http.post("/predict", files={"file": annotated}), 422)
    assert body["type"] == "urn:imip:problem:burned-in-annotation"
    assert small_server.http.get("/meta").json()["burned_in_annotation"] == "refuse"


def not_slices() -> dict[str, np.ndarray[Any, np.dtype[np.uint8]]]:
    """Noise, nothing, and something like a photo: a horizon, clouds and a sun in colour."""
    rows, columns = np.mgrid[:240, :320]
    sky = np.dstack([120 + rows // 4, 160 + rows // 4, 240 - rows // 8])
    ground = np.dstack([60 + 40 * np.sin(columns / 9), 120 + 30 * np.sin(rows / 3), 40 + 0 * rows])
    photo = np.where((rows < 140)[..., None], sky, ground)
    photo[(rows - 50) ** 2 + (columns - 250) ** 2 < 900] = (255, 240, 180)
    return {
        "noise": np.random.default_rng(3).integers(0, 256, (200, 200), np.uint8),
        "blank": np.zeros((200, 200), np.uint8),
        "photo": photo.astype(np.uint8),
    }


@pytest.mark.parametrize("name", ["noise", "blank", "photo"])
def test_a_picture_of_no_brain_gets_a_warning(server: Server, name: str) -> None:
    finding = predict(server, picture_bytes(Image.fromarray(not_slices()[name]), "PNG"))
    assert "out_of_distribution" in finding["warnings"]


def test_a_brain_gets_none(server: Server) -> None:
    finding = predict(server, (REPOSITORY / "samples" / "brain-axial.png").read_bytes())
    assert finding["warnings"] == []


def test_the_smallest_and_oddest_pictures_are_answered(server: Server) -> None:
    for shape in ((1, 1), (1, 400), (400, 1), (2, 3)):
        for value in (0, 255):
            blank = picture_bytes(Image.fromarray(np.full(shape, value, np.uint8)), "PNG")
            check_finding(server, predict(server, blank))
            assert server.http.post("/heatmap", files={"file": blank}).headers["content-type"] == "image/png"
            assert decoded(explain(server, blank)["heatmap"]["png_base64"]).size == shape[::-1]
