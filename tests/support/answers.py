"""What `/predict` and `/heatmap` answer, asked for and checked."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from imip.disclaimer import DISCLAIMER
from tests.support.server import Server

FINDING = {
    "request_id": str,
    "module": str,
    "label": str,
    "confidence": float,
    "probabilities": dict,
    "decision": str,
    "reasons": list,
    "advice": type(None),
    "regions": list,
    "warnings": list,
    "scan": dict,
    "model": dict,
    "timings_ms": dict,
    "research_only": bool,
    "disclaimer": str,
}


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
