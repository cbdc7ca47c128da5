"""The ASGI application of one worker: BentoML's own, our errors mapped, our edge around it."""

import logging
from pathlib import Path

from _bentoml_impl.server.app import ServiceAppFactory
from bentoml import Service
from bentoml._internal import server
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from imip.errors import ImipError, LogUnavailable
from imip.settings import Settings
from serving import openapi, problems
from serving.middleware import CLIENT_CLOSED, Edge, Places
from serving.routes import handlers

STATIC = Path(server.__file__).parent / "static_content"  # the OpenAPI page's scripts and styles
# BentoML's page loads Google's tag manager and badges from elsewhere; this keeps the reader's browser from it.
SAME_ORIGIN = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
# Requests to the prediction log that one worker holds at once. They share its threads with /readyz and /metrics, and
# the 5 connections that its engine keeps open with the log's writer.
READS = 4

log = logging.getLogger("imip.log")


class AppFactory(ServiceAppFactory):
    """BentoML's factory, with our errors answered where they would be taken for crashes."""

    async def index_page(self, _: Request) -> Response:
        page = await super().index_page(_)
        page.headers["Content-Security-Policy"] = SAME_ORIGIN
        return page

    async def openapi_spec_view(self, req: Request) -> Response:
        return JSONResponse(openapi.document(self.service.openapi_spec.asdict()))

    async def api_endpoint(self, name: str, request: Request) -> Response:
        try:
            return await super().api_endpoint(name, request)
        except ImipError as error:
            return problems.refuse(error, request.state.request_id)
        except ClientDisconnect:
            return Response(status_code=CLIENT_CLOSED)


def build(service: "Service[object]", settings: Settings, is_main: bool) -> ASGIApp:
    """Return the application that a worker runs."""
    service.inject_config()
    for mount, *_ in service.mount_apps:
        if isinstance(mount, Starlette):
            answer_faults(mount)
    app: Starlette = AppFactory(service, is_main=is_main)()
    inferences = dict.fromkeys((method.route for method in service.apis.values()), Places(settings.max_in_flight))
    reads = dict.fromkeys((route.path for route in handlers.OF_THE_LOG), Places(READS))
    return Edge(app, routes=_routes(app, service), places=inferences | reads)


def answer_faults(mount: Starlette) -> None:
    """Have the routes beside the inferences answer faults as these do."""
    mount.add_exception_handler(ImipError, _refused)
    mount.add_exception_handler(SQLAlchemyError, _log_gone)
    mount.add_exception_handler(ClientDisconnect, _hung_up)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ImipError)
    return problems.refuse(error, request.state.request_id)


def _log_gone(request: Request, error: Exception) -> Response:
    request_id = request.state.request_id
    fault = type(getattr(error, "orig", None) or error).__name__  # the driver's; its message may quote what was asked
    fields = {"request_id": request_id, "route": request.scope["path"], "fault": fault}
    log.error("the prediction log failed", extra={"fields": fields})
    return problems.refuse(LogUnavailable("The prediction log cannot be read; try again later."), request_id)


def _hung_up(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED)


def _routes(app: Starlette, service: "Service[object]") -> dict[str, frozenset[str]]:
    """Return the methods of every path that answers: BentoML's routes, mounted routes and static files."""
    mounted = [route for mount, *_ in service.mount_apps if isinstance(mount, Starlette) for route in mount.routes]
    routes = {
        route.path: frozenset(route.methods or {"GET", "HEAD"})
        for route in [*app.routes, *mounted]
        if isinstance(route, Route)
    }
    for file in STATIC.rglob("*"):
        if file.is_file():
            routes[f"/static_content/{file.relative_to(STATIC).as_posix()}"] = frozenset({"GET", "HEAD"})
    return routes
