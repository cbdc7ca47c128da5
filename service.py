"""The BentoML services and their routes. The code that handles a request is in `serving/`."""

import sys
from typing import Annotated, Any, cast

import bentoml
from bentoml.validators import ContentType
from starlette.types import ASGIApp

from imip.settings import Settings
from serving import bento, model_store
from serving.routes import handlers
from serving.schemas.prediction import PredictionAnswer
from serving.uploads import AnalysisRequest, scan_upload
from serving.worker import log_format

sys.excepthook = log_format.log_end  # log exceptions during start, too
settings = Settings()
tags = model_store.tags(settings)
routes = handlers.build()


def application(served: bentoml.Service[Any], is_main: bool) -> ASGIApp:
    """Return the application that a worker runs."""
    from serving import application  # imported late: metrics need the environment of a worker

    return application.build(served, settings, is_main)


def prepare() -> None:
    """Set up the main process, before it starts workers."""
    bento.prepare()
    log_format.configure_main(settings.log_format)


class DriftMonitor:
    """Compares the newest predictions with the reference, in one process, and exports the result as metrics."""

    prepare = bentoml.on_deployment(prepare)

    def __init__(self) -> None:
        from serving.worker.drift_monitor import DriftMonitorWorker  # as above

        self._worker = DriftMonitorWorker(settings, tags)

    @bentoml.on_shutdown
    def close(self) -> None:
        self._worker.close()


drift_monitor = bento.service(
    DriftMonitor,
    application,
    name="imip_drift_monitor",
    workers=1,
    envs=[{"name": "TF_CPP_MIN_LOG_LEVEL", "value": "2"}],  # without TensorFlow's greetings in the log
)


class Imip:
    """Analyses of medical images, for research and teaching only, never for diagnosis."""

    prepare = bentoml.on_deployment(prepare)
    if settings.drift_monitor == "beside":
        monitor = bentoml.depends(drift_monitor)  # started with this service; they share only the database

    def __init__(self) -> None:
        from serving.worker.api import ApiWorker  # as above

        self._worker = ApiWorker(settings, tags, routes)

    def __is_ready__(self) -> bool:
        return self._worker.pipeline.ready

    @bentoml.on_shutdown
    def close(self) -> None:
        self._worker.close()

    @bentoml.api(input_spec=scan_upload(settings))
    async def predict(
        self, ctx: bentoml.Context, file: bytes, module: str, frame: int | None, any_modality: bool
    ) -> PredictionAnswer:
        """Return the label of the scan and its calibrated confidence. Never for diagnosis."""
        request = AnalysisRequest(ctx.request.state.request_id, module, file, frame, any_modality)
        return await self._worker.pipeline.predict(request)

    @bentoml.api(input_spec=scan_upload(settings))
    async def heatmap(
        self, ctx: bentoml.Context, file: bytes, module: str, frame: int | None, any_modality: bool
    ) -> Annotated[bytes, ContentType("image/png")]:
        """Return the heatmap of the label over the scan: a PNG image, or JSON if `Accept` requests it."""
        request = AnalysisRequest(ctx.request.state.request_id, module, file, frame, any_modality)
        answer = await self._worker.pipeline.heatmap(request, ",".join(ctx.request.headers.getlist("accept")))
        return cast(bytes, answer)  # BentoML passes responses through


api = bento.service(
    Imip,
    application,
    name="imip",
    workers=settings.workers,
    threads=1,
    traffic={"timeout": 60},
    runner_probe={"enabled": False},  # the API does not need the drift monitor to be ready
    envs=[{"name": "OPENBLAS_NUM_THREADS", "value": "1"}],  # idle BLAS threads use processor time after each request
)
api.mount_asgi_app(routes, path="/")
service = drift_monitor if settings.drift_monitor == "alone" else api
service.models.extend(map(model_store.PinnedModel, tags.values()))
