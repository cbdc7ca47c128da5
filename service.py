"""The BentoML service: routes in, calls out. What a request passes on its way stands in `serving/`."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Annotated, ParamSpec, TypeVar, cast

import bentoml
from bentoml._internal.utils.analytics import usage_stats
from bentoml.models import BentoModel
from bentoml.validators import ContentType
from starlette.responses import Response
from starlette.types import ASGIApp

from imip.errors import UnknownModule
from imip.explain.heatmap import SliceHeatmap
from imip.finding import Finding
from imip.inference.module import AnalysisModule
from imip.inference.predictor import Analysis, analyse, explain, overlay_png
from imip.settings import Settings
from serving import model_store, negotiation
from serving.routes import handlers
from serving.uploads import scan_upload
from serving.worker import log_format, process

os.environ["BENTOML_DO_NOT_TRACK"] = "True"
usage_stats.do_not_track.cache_clear()  # the command line may have asked before this module was imported
os.environ.pop("BENTOML_CONTAINERIZED", None)  # with it, BentoML leaves a dead worker dead

settings = Settings()
tags = model_store.pinned(settings)
ScanUpload = scan_upload(settings)

P = ParamSpec("P")
T = TypeVar("T")


class Guarded(bentoml.Service[T]):
    """BentoML's service with our application around it."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        from serving import application  # only a worker may import metrics: they need its environment

        log_format.configure(settings.log_format)
        return application.build(self, settings, is_main)


routes = handlers.build()


class Watcher:
    """Compares the newest findings with the reference, in one process, and exports what it finds."""

    def __init__(self) -> None:
        from serving import drift_monitor  # as above
        from serving.worker import process_metrics

        process.forget_the_dead()
        self._monitor = drift_monitor.monitor(settings, tags)
        self._monitor.start()
        self._vitals = process_metrics.Vitals("drift-monitor")

    @bentoml.on_shutdown
    def close(self) -> None:
        self._vitals.stop()
        self._monitor.stop()


drift_monitor = bentoml.service(
    Watcher,
    name="imip_drift_monitor",
    service_class=Guarded,
    workers=1,
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
    envs=[{"name": "TF_CPP_MIN_LOG_LEVEL", "value": "2"}],  # TensorFlow's greetings are no JSON lines
)


class Imip:
    """Analyses of medical images, for research and teaching only, never for diagnosis."""

    if settings.drift_monitor == "beside":
        monitor = bentoml.depends(drift_monitor)  # started with this service; the two meet in the database alone

    def __init__(self) -> None:
        from serving import answers, logbook  # as above
        from serving.routes import queries
        from serving.worker import analysis_metrics, loading, process_metrics

        process.harden()
        process.forget_the_dead()
        self._answers, self._telemetry = answers, analysis_metrics
        self._thread = ThreadPoolExecutor(1, "analysis")  # a model runs on one thread at a time
        self._modules = {name: loading.load_warm(model_store.folder(tag)) for name, tag in tags.items()}
        self._logbook = logbook.Logbook(settings)
        analysis_metrics.announce(self._modules, settings)
        meta = answers.meta(self._modules, settings)
        routes.state.desk = queries.Desk(self._logbook.engine, meta, settings.upload_seconds)
        self._vitals = process_metrics.Vitals("api", self.__is_ready__)

    def __is_ready__(self) -> bool:
        return self._logbook.available

    @bentoml.on_shutdown
    def close(self) -> None:
        self._vitals.stop()
        self._logbook.close()

    @bentoml.api(input_spec=ScanUpload)
    async def predict(
        self, ctx: bentoml.Context, file: bytes, module: str, frame: int | None, any_modality: bool
    ) -> Finding:
        """Say what the scan shows and how sure that is. Never for diagnosis."""
        chosen = self._module(module)
        self._logbook.check()
        analysis = await self._on_thread(self._analyse, chosen, file, frame, any_modality)
        return await self._enter(analysis, chosen, ctx.request.state.request_id)

    @bentoml.api(input_spec=ScanUpload)
    async def heatmap(
        self, ctx: bentoml.Context, file: bytes, module: str, frame: int | None, any_modality: bool
    ) -> Annotated[bytes, ContentType("image/png")]:
        """Show where the evidence for the label lies: a picture, or JSON if `Accept` asks for it."""
        chosen = self._module(module)
        self._logbook.check()
        analysis, heatmap, picture = await self._on_thread(self._explain, chosen, file, frame, any_modality)
        plain = await self._enter(analysis, chosen, ctx.request.state.request_id)
        asked = ",".join(ctx.request.headers.getlist("accept"))
        if negotiation.chosen(asked, ("image/png", "application/json")) == "image/png":
            return picture
        body = self._answers.explained(plain, heatmap, picture).model_dump_json()
        return cast(bytes, Response(body, media_type="application/json"))  # BentoML passes responses through

    async def _on_thread(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        asked = perf_counter()

        def run() -> T:
            self._telemetry.count_wait(perf_counter() - asked)
            return work(*arguments, **named)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def _enter(self, analysis: Analysis, module: AnalysisModule, request_id: str) -> Finding:
        """Log a finding; only what is in the log is counted and answered."""
        await self._logbook.enter(analysis, module, request_id)
        self._telemetry.count(analysis, module)
        return self._answers.finding(analysis, module, request_id)

    def _module(self, name: str) -> AnalysisModule:
        try:
            return self._modules[name]
        except KeyError:
            raise UnknownModule(f"No such module is served here; there are: {', '.join(self._modules)}.") from None

    def _analyse(self, module: AnalysisModule, data: bytes, frame: int | None, any_modality: bool) -> Analysis:
        return analyse(
            data,
            module,
            frame=frame,
            limits=settings.limits,
            burned_in=settings.burned_in,
            any_modality=any_modality,
        )

    def _explain(
        self, module: AnalysisModule, data: bytes, frame: int | None, any_modality: bool
    ) -> tuple[Analysis, SliceHeatmap, bytes]:
        analysis = self._analyse(module, data, frame, any_modality)
        heatmap = explain(analysis)
        return analysis, heatmap, overlay_png(analysis, heatmap)


api = bentoml.service(
    Imip,
    name="imip",
    service_class=Guarded,
    workers=settings.workers,
    threads=1,
    traffic={"timeout": 60},
    runner_probe={"enabled": False},  # scans are analysed, whether or not their drift is watched
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},  # spans would carry paths, queries and client addresses
    envs=[{"name": "OPENBLAS_NUM_THREADS", "value": "1"}],  # BLAS threads spin for a while after each request
)
api.mount_asgi_app(routes, path="/")
service = drift_monitor if settings.drift_monitor == "alone" else api
service.models.extend(BentoModel(tag) for tag in tags.values())
