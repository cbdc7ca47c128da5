"""The BentoML service: routes in, calls out. What a request passes on its way stands in `serving/`."""

import os
from typing import Annotated, TypeVar, cast

import bentoml
import numpy as np
from bentoml._internal.utils.analytics import usage_stats
from bentoml.models import BentoModel
from bentoml.validators import ContentType
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from imip.analysis import Analysis, analyse, explain, overlay_png
from imip.errors import UnknownModule
from imip.finding import Finding, Meta
from imip.heatmap import encode_png
from imip.model import load
from imip.modules import MODULES, AnalysisModule
from imip.settings import Settings
from serving import accept, logs, process, store
from serving.upload import scan_upload

os.environ["BENTOML_DO_NOT_TRACK"] = "True"
usage_stats.do_not_track.cache_clear()  # the command line may have asked before this module was imported

settings = Settings()
tags = store.pinned(settings)
ScanUpload = scan_upload(settings)

T = TypeVar("T")


class Guarded(bentoml.Service[T]):
    """BentoML's service with our application around it."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        from serving import application  # only a worker may import metrics: they need its environment

        logs.configure(settings.log_format)
        return application.build(self, settings, is_main)


def meta_page(request: Request) -> Response:
    """Answer `GET /meta`."""
    meta: Meta = request.app.state.meta
    return Response(meta.model_dump_json(), media_type="application/json")


pages = Starlette(routes=[Route("/meta", meta_page)])


class Imip:
    """Analyses of medical images, for research and teaching only, never for diagnosis."""

    def __init__(self) -> None:
        from serving import answers  # as above

        process.harden()
        process.forget_the_dead()
        self._answers = answers
        self._modules = {name: MODULES[name](load(store.folder(tag))) for name, tag in tags.items()}
        self._warm_up()
        answers.announce(self._modules)
        pages.state.meta = answers.meta(self._modules, settings)

    @bentoml.api(input_spec=ScanUpload)
    def predict(self, ctx: bentoml.Context, file: bytes, module: str, frame: int | None) -> Finding:
        """Say what the scan shows and how sure that is. Never for diagnosis."""
        chosen = self._module(module)
        analysis = self._analyse(chosen, file, frame)
        self._answers.count(analysis, chosen)
        return self._answers.finding(analysis, chosen, ctx.request.state.request_id)

    @bentoml.api(input_spec=ScanUpload)
    def heatmap(
        self, ctx: bentoml.Context, file: bytes, module: str, frame: int | None
    ) -> Annotated[bytes, ContentType("image/png")]:
        """Show where the evidence for the label lies: a picture, or JSON if `Accept` asks for it."""
        chosen = self._module(module)
        analysis = self._analyse(chosen, file, frame)
        heatmap = explain(analysis)
        picture = overlay_png(analysis, heatmap)
        self._answers.count(analysis, chosen)
        asked = ",".join(ctx.request.headers.getlist("accept"))
        if accept.chosen(asked, ("image/png", "application/json")) == "image/png":
            return picture
        plain = self._answers.finding(analysis, chosen, ctx.request.state.request_id)
        body = self._answers.explained(plain, heatmap, picture).model_dump_json()
        return cast(bytes, Response(body, media_type="application/json"))  # BentoML passes responses through

    def _module(self, name: str) -> AnalysisModule:
        try:
            return self._modules[name]
        except KeyError:
            raise UnknownModule(f"No such module is served here; there are: {', '.join(self._modules)}.") from None

    def _analyse(self, module: AnalysisModule, data: bytes, frame: int | None) -> Analysis:
        return analyse(data, module, frame=frame, limits=settings.limits, burned_in=settings.burned_in)

    def _warm_up(self) -> None:
        """Send one blank slice through every module, so that the first client waits for nothing."""
        blank = encode_png(np.zeros((64, 64), np.uint8))
        for module in self._modules.values():
            analysis = self._analyse(module, blank, None)
            overlay_png(analysis, explain(analysis))


service = bentoml.service(
    Imip,
    name="imip",
    service_class=Guarded,
    workers=settings.workers,
    threads=1,
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},  # spans would carry paths, queries and client addresses
    envs=[{"name": "OPENBLAS_NUM_THREADS", "value": "1"}],  # BLAS threads spin for a while after each request
)
service.mount_asgi_app(pages, path="/")
service.models.extend(BentoModel(tag) for tag in tags.values())
