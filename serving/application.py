"""The ASGI application of one worker: BentoML's own, our errors answered, our middleware around it."""

import logging
import os
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

from bentoml import Service, server_context
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from imip.errors import ImipError, LogUnavailable
from imip.settings import Settings
from serving import bento, openapi, problems
from serving.middleware.balance import Balance, BalanceMiddleware, LoadTable
from serving.middleware.concurrency_limit import ConcurrencyLimit
from serving.middleware.errors import ErrorMiddleware
from serving.middleware.requests import CLIENT_CLOSED, RequestMiddleware
from serving.routes import handlers
from serving.worker import log_format

# Requests to the prediction log that one worker holds at once. They share its threads with /readyz and /metrics, and
# the 5 connections that its engine keeps open with the log's writer.
LOG_REQUESTS = 4
READING = frozenset({"GET", "HEAD"})

log = logging.getLogger("imip.log")


def build(service: "Service[Any]", settings: Settings, is_main: bool) -> ASGIApp:
    """Return the application that a worker runs."""
    log_format.configure(settings.log_format)
    service.inject_config()
    for mounted in _mounted(service):
        for error in (ImipError, SQLAlchemyError, ClientDisconnect):
            mounted.add_exception_handler(error, _answered)
    service.add_asgi_middleware(ErrorMiddleware)
    document = partial(openapi.document, mounted=[route.path for route in _mounted_routes(service)])
    app: Starlette = bento.AppFactory(service, is_main, answer, document)()
    analyses = dict.fromkeys(
        (method.route for method in service.apis.values()), ConcurrencyLimit(settings.max_in_flight)
    )
    reads = dict.fromkeys((route.path for route in handlers.OF_THE_LOG), ConcurrencyLimit(LOG_REQUESTS))
    counted = RequestMiddleware(app, routes=_routes(app, service), limits=analyses | reads)
    return _balanced(counted, analyses)


def _balanced(app: ASGIApp, routes: Collection[str]) -> ASGIApp:
    """Return an application whose workers share connections, where there is a folder that they share."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if os.name != "posix" or folder is None or not routes:
        return app
    table = LoadTable(Path(folder) / "worker-loads", server_context.worker_index or 0)
    return BalanceMiddleware(app, routes, Balance(table))


def answer(request: Request, error: Exception) -> Response | None:
    """Return the answer to an error that is the request's, the log's or the client's; None to any other."""
    request_id = request.state.request_id
    if isinstance(error, ImipError):
        return problems.refuse(error, request_id)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=CLIENT_CLOSED)
    if isinstance(error, SQLAlchemyError):
        fault = type(getattr(error, "orig", None) or error).__name__  # the driver's; its message may quote the query
        fields = {"request_id": request_id, "route": request.scope["path"], "fault": fault}
        log.error("the prediction log failed", extra={"fields": fields})
        return problems.refuse(LogUnavailable("The prediction log cannot be read; try again later."), request_id)
    return None


def _answered(request: Request, error: Exception) -> Response:
    answered = answer(request, error)
    assert answered is not None
    return answered


def _routes(app: Starlette, service: "Service[Any]") -> dict[str, frozenset[str]]:
    """Return the methods of every path that answers: BentoML's routes, mounted routes and static files."""
    found = [*(route for route in app.routes if isinstance(route, Route)), *_mounted_routes(service)]
    routes = {route.path: frozenset(route.methods or READING) for route in found}
    return routes | dict.fromkeys(bento.static_paths(), READING)


def _mounted_routes(service: "Service[Any]") -> list[Route]:
    return [route for each in _mounted(service) for route in each.routes if isinstance(route, Route)]


def _mounted(service: "Service[Any]") -> list[Starlette]:
    return [mount for mount, *_ in service.mount_apps if isinstance(mount, Starlette)]
