"""What happens to one request for an analysis: look up the module, analyse, explain, log, count, answer."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Protocol, TypeVar

from starlette.responses import Response

from imip.errors import LogUnavailable, Overloaded, UnknownModule
from imip.explain.explanation import Explanation, explain
from imip.inference.module import AnalysisModule
from imip.inference.predictor import Analysis, analyse
from imip.prediction import Prediction
from imip.settings import Settings
from serving import analysis_metrics, negotiation
from serving.schemas.prediction import PredictionAnswer, explained, predicted
from serving.uploads import AnalysisRequest

PICTURE, JSON = "image/png", "application/json"

T = TypeVar("T")


class Log(Protocol):
    """Where predictions are kept: `monitoring.log.writer.PredictionLog`."""

    @property
    def available(self) -> bool: ...

    async def keep(self, prediction: Prediction) -> None: ...


class Pipeline:
    """Answers the requests of one worker. Only what is in the log is counted and answered."""

    def __init__(self, modules: Mapping[str, AnalysisModule], log: Log, settings: Settings) -> None:
        self._modules, self._log, self._settings = modules, log, settings
        self._thread = ThreadPoolExecutor(1, "analysis")  # a model runs on one thread at a time

    @property
    def ready(self) -> bool:
        """Whether a prediction made now could be logged."""
        return self._log.available

    async def predict(self, request: AnalysisRequest) -> PredictionAnswer:
        """Return what a scan shows. Raises RequestError, ScanError or Unavailable."""
        analysis = await self._run(self._analyse, request)
        await self._keep(analysis.prediction)
        return predicted(analysis.prediction)

    async def heatmap(self, request: AnalysisRequest, accept: str) -> Response:
        """Return the heatmap of the label: a picture, or JSON if the `Accept` header asks for it. Raises as above."""
        explanation = await self._run(self._explain, request)
        await self._keep(explanation.prediction)
        if negotiation.chosen(accept, (PICTURE, JSON)) == PICTURE:
            return Response(explanation.overlay, media_type=PICTURE)
        return Response(explained(explanation).model_dump_json(), media_type=JSON)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[AnalysisModule, AnalysisRequest], T], request: AnalysisRequest) -> T:
        """Do the work on the analysis thread. Nothing is begun whose answer could not be logged."""
        module = self._module(request.module)
        if not self.ready:
            raise LogUnavailable("The prediction log cannot be written; try again later.")
        queued = perf_counter()

        def run() -> T:
            analysis_metrics.count_wait(perf_counter() - queued)
            return work(module, request)

        future = asyncio.get_running_loop().run_in_executor(self._thread, run)
        try:
            return await future
        except asyncio.CancelledError:
            if not future.cancelled() or _is_cancelled():
                raise
            raise Overloaded("The server is stopping; try again shortly.") from None

    def _module(self, name: str) -> AnalysisModule:
        try:
            return self._modules[name]
        except KeyError:
            raise UnknownModule(f"No such module is served here; there are: {', '.join(self._modules)}.") from None

    def _analyse(self, module: AnalysisModule, request: AnalysisRequest) -> Analysis:
        return analyse(
            request.data,
            module,
            request_id=request.request_id,
            frame=request.frame,
            limits=self._settings.limits,
            burned_in=self._settings.burned_in,
            any_modality=request.any_modality,
        )

    def _explain(self, module: AnalysisModule, request: AnalysisRequest) -> Explanation:
        return explain(self._analyse(module, request))

    async def _keep(self, prediction: Prediction) -> None:
        await self._log.keep(prediction)
        analysis_metrics.count(prediction)


def _is_cancelled() -> bool:
    """Return whether the request itself was cancelled, as when its client is gone."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
