"""The OpenAPI document: BentoML's, which knows the forms, with what it does not know of this server put right."""

from collections.abc import Callable, Collection
from copy import deepcopy
from http import HTTPStatus
from inspect import getdoc
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from imip import __version__
from imip.disclaimer import DISCLAIMER
from imip.errors import (
    ImipError,
    LogUnavailable,
    MalformedRequest,
    Overloaded,
    ReportUnavailable,
    UnknownLabel,
    UnknownModule,
    UnknownPrediction,
    UploadTimeout,
)
from serving.problems import MEDIA_TYPE, STATUS, Problem
from serving.routes import handlers
from serving.schemas.meta import Meta
from serving.schemas.monitoring import DriftStatus, Feedback, FeedbackAnswer, Performance, PredictionPage
from serving.schemas.prediction import HeatmapAnswer, PredictionAnswer

INFO = {
    "title": "IMIP",
    "version": __version__,
    "description": f"Analyses of medical images.\n\n**{DISCLAIMER}**",
}
INFERENCES, INFRASTRUCTURE = "Inferences", "Infrastructure"
TAGS = [
    {"name": INFERENCES, "description": "Predictions and heatmaps, and what they are made with."},
    {"name": INFRASTRUCTURE, "description": "For those who run the server."},
]
REFERENCE = "#/components/schemas/{model}"
JSON = "application/json"
Faults = tuple[type[ImipError], ...]
ASKING: Faults = (MalformedRequest, Overloaded, LogUnavailable)  # faults that any question of the log may have
NAMING: Faults = (*ASKING, UnknownModule)
GIVING: Faults = (*ASKING, UploadTimeout, UnknownPrediction, UnknownLabel)
REPORTING: Faults = (*NAMING, ReportUnavailable)
INFERRING = tuple(error for error in STATUS if error not in (UnknownPrediction, UnknownLabel, ReportUnavailable))
PAGES: dict[str, tuple[str, Callable[..., Any], type[BaseModel] | None, type[BaseModel] | None, Faults]] = {
    "/meta": ("get", handlers.meta, None, Meta, ()),
    "/predictions": ("get", handlers.predictions, handlers.PredictionQuery, PredictionPage, NAMING),
    "/drift": ("get", handlers.drift, None, DriftStatus, ASKING),
    "/performance": ("get", handlers.performance, handlers.PerformanceQuery, Performance, NAMING),
    "/feedback": ("post", handlers.feedback, None, FeedbackAnswer, GIVING),
    "/reports/drift": ("get", handlers.drift_report, handlers.ReportQuery, None, REPORTING),
}
ANSWERS = (Meta, PredictionPage, DriftStatus, Performance, Feedback, FeedbackAnswer, handlers.Awaited)


def document(bentoml: dict[str, Any], mounted: Collection[str]) -> dict[str, Any]:
    """Return our document, made from the one that BentoML generates.

    `mounted`: the routes beside the inferences; the drift monitor has neither.
    """
    paths = deepcopy(bentoml["paths"])
    for path, content in _inferred().items():
        if path in paths:
            _describe_inference(paths[path]["post"], content)
    paths |= {path: page for path, page in _pages().items() if path in mounted}
    used = {tag for item in paths.values() for operation in item.values() for tag in operation["tags"]}
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": bentoml["servers"],
        "tags": [tag for tag in TAGS if tag["name"] in used],
        "paths": paths,
        "components": {"schemas": _schemas() if INFERENCES in used else {}},
    }


def _inferred() -> dict[str, dict[str, Any]]:
    """Return what each inference answers."""
    picture = {"schema": {"type": "string", "format": "binary"}}
    return {
        "/predict": {JSON: _schema(PredictionAnswer)},
        "/heatmap": {"image/png": picture, JSON: _schema(HeatmapAnswer)},
    }


def _describe_inference(operation: dict[str, Any], content: dict[str, Any]) -> None:
    """Put right what BentoML says of an inference."""
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    form["properties"]["file"]["type"] = "string"  # "file" is BentoML's own word
    operation["tags"] = [INFERENCES]
    operation["parameters"] = [
        {"name": name, "in": "query", "schema": schema} for name, schema in form["properties"].items() if name != "file"
    ]
    operation["responses"] = _responses(content, INFERRING)


def _pages() -> dict[str, dict[str, Any]]:
    """Describe the routes beside the inferences."""
    described = {path: _page(path, *page) for path, page in PAGES.items()}
    described["/feedback"]["post"]["requestBody"] = {"required": True, "content": {JSON: _schema(Feedback)}}
    described["/reports/drift"]["get"]["responses"][str(HTTPStatus.ACCEPTED.value)] = {
        "description": "The first report is being made",
        "headers": {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}},
        "content": {JSON: _schema(handlers.Awaited)},
    }
    return described


def _schemas() -> dict[str, Any]:
    """Return the schemas of all answers, by name."""
    kinds = (PredictionAnswer, HeatmapAnswer, Problem, *ANSWERS)
    _, schemas = models_json_schema([(kind, "serialization") for kind in kinds], ref_template=REFERENCE)
    definitions: dict[str, Any] = schemas["$defs"]
    return definitions


def _page(
    path: str,
    method: str,
    handler: Callable[..., Any],
    query: type[BaseModel] | None,
    answer: type[BaseModel] | None,
    faults: Faults,
) -> dict[str, Any]:
    """Describe a route of ours; what answers no JSON answers a page of HTML."""
    content = {JSON: _schema(answer)} if answer else {"text/html": {"schema": {"type": "string"}}}
    operation = {
        "tags": [INFERENCES],
        "operationId": f"imip__{path.strip('/').replace('/', '_')}",
        "description": getdoc(handler),
        "parameters": _parameters(query) if query else [],
        "responses": _responses(content, faults),
    }
    return {method: operation}


def _parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    properties = query.model_json_schema()["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _responses(content: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """Describe an answer and the ways to be refused."""
    refused = {"content": {MEDIA_TYPE: _schema(Problem)}}
    problems = {
        str(status.value): {"description": status.phrase, **refused}
        for status in sorted({STATUS[fault] for fault in faults})
    }
    return {str(HTTPStatus.OK.value): {"description": "The answer", "content": content}} | problems


def _schema(kind: type[Any]) -> dict[str, Any]:
    return {"schema": {"$ref": REFERENCE.format(model=kind.__name__)}}
