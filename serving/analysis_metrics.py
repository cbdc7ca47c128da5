"""What a worker exports: what it runs, every series it will ever have from zero on, and what an analysis counts.

A counter that begins with its first event hides it: `increase()` needs a value before (Prometheus' guidance on
instrumentation, "Avoid missing metrics").
"""

import itertools
import platform
from collections.abc import Mapping
from http import HTTPStatus
from typing import get_args

import bentoml

from imip import __version__
from imip.inference.decision import WARNINGS
from imip.inference.module import AnalysisModule
from imip.inference.predictor import Stage
from imip.prediction import Certainty, Prediction
from imip.scan.dicom.attributes import WARNINGS as SCAN_WARNINGS
from imip.scan.dicom.tags import Tag
from imip.scan.scan import Format
from imip.settings import Settings
from monitoring import metrics
from serving import problems
from serving.routes import handlers

INFERENCES = ("/predict", "/heatmap")
OBJECTIVE_STATUSES = (
    HTTPStatus.OK,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)  # by the objectives
DECLARED = {"YES": "yes", "NO": "no"}
UNDECLARED = "undeclared"


def announce(modules: Mapping[str, AnalysisModule], settings: Settings) -> None:
    """Export what this worker runs and how much it takes, and start its counters."""
    metrics.build_info.labels(__version__, platform.python_version(), bentoml.__version__).set(1)
    metrics.request_places.set(settings.max_in_flight)
    metrics.log_journal_limit.set(settings.journal_rows)
    for module in modules.values():
        _announce_model(module)
        _start_module(module)
    for route, status in itertools.product(INFERENCES, OBJECTIVE_STATUSES):
        metrics.request_duration.labels(route, str(status.value))
    for route in (*INFERENCES, *(route.path for route in handlers.OF_THE_LOG)):
        metrics.shed.labels(route)
    for error in problems.STATUS:
        metrics.rejections.labels(problems.slug(error))
    for format in get_args(Format):
        metrics.upload_size.labels(format)
    for identity, burned_in in itertools.product((*DECLARED.values(), UNDECLARED), repeat=2):
        metrics.dicom_scans.labels(identity, burned_in)


def count(prediction: Prediction) -> None:
    """Record an answered prediction in the metrics."""
    for stage, seconds in prediction.seconds.items():
        metrics.stage_duration.labels(prediction.module, stage).observe(seconds)
    metrics.predictions.labels(prediction.module, prediction.label).inc()
    metrics.decisions.labels(prediction.module, prediction.decision).inc()
    metrics.confidence.labels(prediction.module).observe(prediction.confidence)
    metrics.upload_size.labels(prediction.format).observe(prediction.features["file_size_bytes"])
    if prediction.format == "dicom":
        declared = (Tag.PatientIdentityRemoved, Tag.BurnedInAnnotation)
        metrics.dicom_scans.labels(*(_declared(prediction.attributes, tag) for tag in declared)).inc()
    for warning in prediction.warnings:
        metrics.warnings.labels(prediction.module, warning).inc()


def count_wait(seconds: float) -> None:
    """Record how long an analysis waited for its worker's thread."""
    metrics.queue_duration.observe(seconds)


def _announce_model(module: AnalysisModule) -> None:
    card = module.card
    metrics.model_info.labels(module.name, card.version).set(1)
    if len(card.possible_labels) == 2 and (missed := card.interval("false_negative_rate")):
        metrics.false_negative_rate_bound.labels(module.name, card.labels[0]).set(missed[1])
    if accuracy := card.interval("accuracy"):
        metrics.accuracy_bound.labels(module.name).set(accuracy[0])


def _start_module(module: AnalysisModule) -> None:
    metrics.confidence.labels(module.name)
    metrics.feedback_given.labels(module.name)
    for label in module.card.possible_labels:
        metrics.predictions.labels(module.name, label)
    for decision in get_args(Certainty):
        metrics.decisions.labels(module.name, decision)
    for stage in get_args(Stage):
        metrics.stage_duration.labels(module.name, stage)
    for warning in (*WARNINGS, *SCAN_WARNINGS):
        metrics.warnings.labels(module.name, warning)


def _declared(attributes: Mapping[str, str], tag: Tag) -> str:
    return DECLARED.get(attributes.get(tag.name, ""), UNDECLARED)
