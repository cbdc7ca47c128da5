"""BentoML as this server uses it: the one file that imports its private modules, with the reason beside each.

They may change with any minor version, so pyproject.toml bounds the version of BentoML.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import bentoml
from _bentoml_impl.server.app import ServiceAppFactory  # its methods answer crashes, the page and the document
from bentoml._internal import server  # where the OpenAPI page's files stand: they are routes, too
from bentoml._internal.utils.analytics import usage_stats  # it keeps the answer whether usage is reported
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

STATIC = Path(server.__file__).parent / "static_content"  # the OpenAPI page's scripts and styles
# BentoML's page loads Google's tag manager and badges from elsewhere; this keeps the reader's browser from it.
SAME_ORIGIN = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

usage_stats.do_not_track.cache_clear()  # the command line asks before it imports us, and `serving` has the answer

T = TypeVar("T")
Application = Callable[[bentoml.Service[Any], bool], ASGIApp]  # of one worker; whether its service is the main one


def prepare() -> None:
    """Set up the main process, before it starts workers: one that exits is replaced."""
    os.environ.pop("BENTOML_CONTAINERIZED", None)  # with it, BentoML does not replace a worker that exits


def service(inner: type[T], application: Application, **config: Any) -> bentoml.Service[T]:
    """Return a service whose workers run this application. BentoML's own logging and tracing are off.

    Its spans would carry paths, queries and client addresses.
    """

    class Service(bentoml.Service[T]):
        def to_asgi(self, is_main: bool = True) -> ASGIApp:
            return application(self, is_main)

    decorate = bentoml.service(
        service_class=Service, logging={"access": {"enabled": False}}, tracing={"excluded_urls": ".*"}, **config
    )
    made: bentoml.Service[T] = decorate(inner)
    return made


class AppFactory(ServiceAppFactory):
    """BentoML's application of one worker, with our answers to errors and our OpenAPI document."""

    def __init__(
        self,
        service: bentoml.Service[Any],
        is_main: bool,
        answer_error: Callable[[Request, Exception], Response | None],
        document: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> None:
        """`answer_error` returns None for what is not ours to answer; `document` makes ours of BentoML's."""
        super().__init__(service, is_main=is_main)
        self._answer_error, self._document = answer_error, document

    async def index_page(self, _: Request) -> Response:
        page = await super().index_page(_)
        page.headers["Content-Security-Policy"] = SAME_ORIGIN
        return page

    async def openapi_spec_view(self, req: Request) -> Response:
        return JSONResponse(self._document(self.service.openapi_spec.asdict()))

    async def api_endpoint(self, name: str, request: Request) -> Response:
        try:
            return await super().api_endpoint(name, request)
        except Exception as error:
            if answer := self._answer_error(request, error):
                return answer
            raise


def static_paths() -> list[str]:
    """Return the addresses of the files of the OpenAPI page."""
    files = (file for file in STATIC.rglob("*") if file.is_file())
    return [f"/static_content/{file.relative_to(STATIC).as_posix()}" for file in files]
