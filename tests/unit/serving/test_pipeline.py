"""A request's way through the pipeline, without a server: its module and its log note what happens to them."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import numpy as np
import pytest
from prometheus_client import REGISTRY
from starlette.responses import Response

from imip.errors import (
    BurnedInAnnotation,
    ImipError,
    LogUnavailable,
    Overloaded,
    ScanTooLarge,
    UnknownModule,
    UnsupportedFormat,
    WrongModality,
)
from imip.explain.heatmap import encode_png
from imip.inference.artifact import read_artifact
from imip.inference.decision import Decision
from imip.inference.module import AnalysisModule
from imip.inference.output import Output
from imip.inference.preprocessing import ModelInput
from imip.prediction import Prediction
from imip.settings import Settings
from serving.pipeline import Pipeline
from serving.schemas.prediction import HeatmapAnswer, PredictionAnswer
from serving.uploads import AnalysisRequest
from tests.support.scan_files import mr_bytes, ramp
from tests.support.server import REPOSITORY, wait_for

SCAN = encode_png(ramp(60, 70))
NAME = "fake"
REQUEST_ID = "0123456789abcdef0123456789abcdef"
ROUTES: dict[str, Callable[[Pipeline, AnalysisRequest], Awaitable[object]]] = {
    "predict": lambda pipeline, request: pipeline.predict(request),
    "heatmap": lambda pipeline, request: pipeline.heatmap(request, "*/*"),
}
T = TypeVar("T")

each_route = pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)


class Fake(AnalysisModule):
    """Knows what it was asked before it looks, notes on which threads it was asked, and may be held up."""

    def __init__(self) -> None:
        super().__init__(read_artifact(REPOSITORY / "models" / "brain-tumor"))
        self.threads: list[int] = []
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.go_on.set()

    def run(self, model_input: ModelInput) -> Output:
        self.threads.append(threading.get_ident())
        self.begun.release()
        assert self.go_on.wait(10)
        heatmaps = np.ones((4, 4, 2), np.float32)
        return Output(np.array([0.9, 0.1], np.float32), self._reference.mean(axis=0), heatmaps)

    def decide(self, output: Output) -> Decision:
        return Decision("Tumor", 0.9, {"Tumor": 0.9, "No Tumor": 0.1}, "confident", heatmap=0)


Fake.name = NAME


class FakeLog:
    """Keeps predictions in memory, unless it is told that it cannot."""

    def __init__(self) -> None:
        self.available = True
        self.breaks = False
        self.kept: list[Prediction] = []

    async def keep(self, prediction: Prediction) -> None:
        if self.breaks:
            raise LogUnavailable("The database went away.")
        self.kept.append(prediction)


@pytest.fixture
def module() -> Fake:
    return Fake()


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def pipeline(module: Fake, log: FakeLog) -> Pipeline:
    return Pipeline({NAME: module}, log, Settings())


def request(data: bytes = SCAN, module: str = NAME, **how: Any) -> AnalysisRequest:
    return AnalysisRequest(REQUEST_ID, module, data, **how)


def answered(answer: Awaitable[T]) -> T:
    async def waited() -> T:
        return await answer

    return asyncio.run(waited())


def counted(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0.0


def counts() -> dict[str, float]:
    """Every count of a finding, by metric."""
    of_module = {"module": NAME}
    return {
        "predictions": counted("imip_predictions_total", label="Tumor", **of_module),
        "decisions": counted("imip_decisions_total", decision="confident", **of_module),
        "confidences": counted("imip_confidence_ratio_count", **of_module),
        "decoded": counted("imip_stage_duration_seconds_count", stage="decode", **of_module),
        "uploads": counted("imip_upload_size_bytes_count", format="png"),
    }


def test_a_prediction_is_answered_as_it_was_logged(pipeline: Pipeline, log: FakeLog) -> None:
    answer = answered(pipeline.predict(request()))
    (kept,) = log.kept
    assert isinstance(answer, PredictionAnswer)
    assert answer.request_id == kept.request_id == REQUEST_ID
    assert (answer.module, answer.label, answer.confidence) == (kept.module, kept.label, kept.confidence)
    assert (answer.decision, answer.warnings, answer.probabilities) == (
        kept.decision,
        kept.warnings,
        kept.probabilities,
    )
    assert (answer.model.name, answer.model.version) == (kept.module, kept.version)


@each_route
def test_each_answer_is_logged_and_counted_once(route: Any, pipeline: Pipeline, log: FakeLog) -> None:
    before, waits = counts(), counted("imip_queue_duration_seconds_count")
    answered(route(pipeline, request()))
    assert len(log.kept) == 1
    assert counts() == {name: count + 1 for name, count in before.items()}
    assert counted("imip_queue_duration_seconds_count") == waits + 1


@each_route
def test_a_module_that_is_not_served_is_refused_with_those_that_are(
    route: Any, pipeline: Pipeline, module: Fake, log: FakeLog
) -> None:
    with pytest.raises(UnknownModule, match=f"there are: {NAME}") as refused:
        answered(route(pipeline, request(module="lung-canary")))
    assert "canary" not in str(refused.value)
    assert not module.threads and not log.kept


@each_route
def test_nothing_is_analysed_while_the_log_is_away(route: Any, pipeline: Pipeline, module: Fake, log: FakeLog) -> None:
    assert pipeline.ready
    log.available = False
    assert not pipeline.ready
    with pytest.raises(LogUnavailable):
        answered(route(pipeline, request()))
    assert not module.threads


@each_route
def test_what_cannot_be_logged_is_neither_counted_nor_answered(
    route: Any, pipeline: Pipeline, module: Fake, log: FakeLog
) -> None:
    before = counts()
    log.breaks = True  # it seemed available when the analysis began
    with pytest.raises(LogUnavailable):
        answered(route(pipeline, request()))
    assert len(module.threads) == 1
    assert counts() == before


@each_route
@pytest.mark.parametrize(
    ("data", "how", "error"),
    [
        (b"hello", {}, UnsupportedFormat),
        (encode_png(ramp(60, 200)), {}, ScanTooLarge),
        (mr_bytes(ramp(), Modality="CT"), {}, WrongModality),
        (mr_bytes(ramp(), BurnedInAnnotation="YES"), {"any_modality": True}, BurnedInAnnotation),
    ],
)
def test_a_scan_that_is_refused_is_neither_logged_nor_counted(
    route: Any, data: bytes, how: dict[str, Any], error: type[ImipError], module: Fake, log: FakeLog
) -> None:
    before = counts()
    strict = Pipeline({NAME: module}, log, Settings(max_side=100, burned_in="refuse"))
    with pytest.raises(error):
        answered(route(strict, request(data, **how)))
    assert not log.kept and counts() == before


def test_frame_and_modality_are_taken_as_asked(pipeline: Pipeline) -> None:
    frames = mr_bytes(np.stack([ramp(), ramp(), ramp()]), Modality="CT")
    answer = answered(pipeline.predict(request(frames, frame=2, any_modality=True)))
    assert (answer.scan.frame, answer.scan.frames) == (2, 3)
    assert "other_modality" in answer.warnings


@pytest.mark.parametrize("accept", ["", "*/*", "image/png", "image/png, application/json;q=0.5"])
def test_a_heatmap_is_a_picture_unless_json_is_asked_for(pipeline: Pipeline, log: FakeLog, accept: str) -> None:
    answer = answered(pipeline.heatmap(request(), accept))
    assert isinstance(answer, Response)
    assert answer.media_type == "image/png" and bytes(answer.body).startswith(b"\x89PNG")
    (kept,) = log.kept
    assert kept.request_id == REQUEST_ID
    assert {"explain", "overlay"} <= kept.seconds.keys()


def test_a_heatmap_as_json_is_the_prediction_with_its_pictures(pipeline: Pipeline, log: FakeLog) -> None:
    answer = answered(pipeline.heatmap(request(), "application/json"))
    assert answer.media_type == "application/json"
    explained = HeatmapAnswer.model_validate_json(bytes(answer.body))
    (kept,) = log.kept
    assert (explained.request_id, explained.label) == (kept.request_id, kept.label) == (REQUEST_ID, "Tumor")
    assert explained.heatmap.png_base64 and explained.heatmap.overlay_png_base64
    assert explained.heatmap.peak is not None


def test_one_scan_is_analysed_at_a_time_and_the_event_loop_goes_on(pipeline: Pipeline, module: Fake) -> None:
    module.go_on.clear()

    async def crowd() -> list[PredictionAnswer]:
        asked = [asyncio.create_task(pipeline.predict(request())) for _ in range(3)]
        while not module.threads:
            await asyncio.sleep(0.001)  # the loop turns while a scan is being analysed
        assert module.begun.acquire(timeout=0) and not module.begun.acquire(timeout=0.05)
        assert not any(task.done() for task in asked)
        module.go_on.set()
        return await asyncio.gather(*asked)

    assert len(asyncio.run(crowd())) == 3
    assert len(module.threads) == 3 and len(set(module.threads)) == 1
    assert threading.get_ident() not in module.threads


def test_who_closes_it_does_not_wait_for_scans_in_the_queue(pipeline: Pipeline, module: Fake, log: FakeLog) -> None:
    module.go_on.clear()

    async def closed() -> list[object]:
        asked = [asyncio.create_task(pipeline.predict(request())) for _ in range(2)]
        while not module.threads:
            await asyncio.sleep(0.001)
        pipeline.close()
        module.go_on.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second = asyncio.run(closed())
    assert isinstance(first, PredictionAnswer) and isinstance(second, Overloaded)
    wait_for(lambda: len(log.kept) == 1)
    assert len(module.threads) == 1
