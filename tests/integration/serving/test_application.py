"""The application of a worker: crashes and a log that fails are answered by us, and say nothing of a request."""

import asyncio
import logging
from pathlib import Path

import httpx
import pytest
from sqlalchemy.exc import SQLAlchemyError

from imip.inference.artifact import read_card
from imip.settings import Settings
from monitoring.database import connect
from serving import application
from serving.middleware.requests import RequestMiddleware
from serving.routes import handlers
from serving.routes.queries import Queries
from serving.schemas.meta import meta
from tests.support.server import REPOSITORY, in_a_process, problem

CARD = read_card(REPOSITORY / "models" / "brain-tumor")
META = meta([CARD], Settings())


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/predictions?label=Canary"), ("GET", "/performance"), ("POST", "/feedback")]
)
def test_a_log_that_fails_is_logged_by_its_kind_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    routes = handlers.build()
    routes.add_exception_handler(SQLAlchemyError, application.answer)
    routes.state.queries = Queries(connect(f"sqlite:///{tmp_path / 'empty.sqlite3'}"), META, 1)
    route = path.partition("?")[0]
    outermost = RequestMiddleware(routes, routes={route: frozenset({method})}, limits={})

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(outermost), base_url="http://test") as client:
            given = {"request_id": "0" * 32, "label": "Canary"} if method == "POST" else None
            return await client.request(method, path, json=given)

    answer = asyncio.run(ask())
    assert problem(answer, 503)["type"] == "urn:imip:problem:log-unavailable"
    (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    fields = {"request_id": answer.headers["x-request-id"], "route": route, "fault": "OperationalError"}
    assert vars(line)["fields"] == fields
    assert line.exc_info is None and "such table" not in caplog.text and "Canary" not in caplog.text


def test_a_crash_on_any_route_is_answered_before_bentoml_gives_it_up(tmp_path: Path) -> None:
    """BentoML waits a minute for the answer of what has crashed."""
    code = (
        "import asyncio, httpx, service; from serving import openapi; openapi.document = lambda *_, **__: 1 / 0\n"
        "app = httpx.ASGITransport(service.service.to_asgi())\n"
        "client = httpx.AsyncClient(transport=app, base_url='http://test')\n"
        "answer = asyncio.run(asyncio.wait_for(client.get('/docs.json'), 30))\n"
        "print(answer.status_code, answer.headers['content-type'])"
    )
    assert in_a_process(code, tmp_path) == "500 application/problem+json"
