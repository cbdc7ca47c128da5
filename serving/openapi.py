"""The OpenAPI document: BentoML's, which knows the forms, with what it does not know of this server put right."""

from copy import deepcopy
from http import HTTPStatus
from typing import Any

from pydantic.json_schema import models_json_schema

from imip import __version__
from imip.ethics import DISCLAIMER
from imip.finding import ExplainedFinding, Finding, Meta
from serving.problems import MEDIA_TYPE, STATUS, Problem

INFO = {
    "title": "IMIP",
    "version": __version__,
    "description": f"Analyses of medical images.\n\n**{DISCLAIMER}**",
}
INFERENCES, INFRASTRUCTURE = "Inferences", "Infrastructure"
TAGS = [
    {"name": INFERENCES, "description": "Findings and heatmaps, and what they are made with."},
    {"name": INFRASTRUCTURE, "description": "For those who run the server."},
]
REFERENCE = "#/components/schemas/{model}"


def document(bentoml: dict[str, Any]) -> dict[str, Any]:
    """Return our document, made from the one that BentoML generates."""
    paths = deepcopy(bentoml["paths"])
    for path in ("/predict", "/heatmap"):
        operation = paths[path]["post"]
        operation["tags"] = [INFERENCES]
        form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
        form["properties"]["file"]["type"] = "string"  # "file" is BentoML's own word
    paths["/predict"]["post"]["responses"] = _responses({"application/json": _schema(Finding)})
    paths["/heatmap"]["post"]["responses"] = _responses(
        {"image/png": {"schema": {"type": "string", "format": "binary"}}, "application/json": _schema(ExplainedFinding)}
    )
    paths["/meta"] = {
        "get": {
            "tags": [INFERENCES],
            "operationId": "imip__meta",
            "description": "Say what is served: modules, their models' cards, formats and limits.",
            "responses": _answered({"application/json": _schema(Meta)}),
        }
    }
    _, schemas = models_json_schema(
        [(kind, "serialization") for kind in (Finding, ExplainedFinding, Meta, Problem)], ref_template=REFERENCE
    )
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": bentoml["servers"],
        "tags": TAGS,
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def _responses(content: dict[str, Any]) -> dict[str, Any]:
    """Describe an answer and every way to be refused."""
    refused = {"content": {MEDIA_TYPE: _schema(Problem)}}
    problems = {str(status.value): {"description": status.phrase, **refused} for status in sorted(set(STATUS.values()))}
    return _answered(content) | problems


def _answered(content: dict[str, Any]) -> dict[str, Any]:
    return {str(HTTPStatus.OK.value): {"description": "The answer", "content": content}}


def _schema(kind: type[Any]) -> dict[str, Any]:
    return {"schema": {"$ref": REFERENCE.format(model=kind.__name__)}}
