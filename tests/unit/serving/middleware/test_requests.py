"""The outermost layer alone, around applications that misbehave in ways a real one should not."""

import asyncio
import contextlib
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.middleware.concurrency_limit import ConcurrencyLimit
from serving.middleware.errors import ErrorMiddleware
from serving.middleware.requests import CLIENT_CLOSED, RequestMiddleware
from serving.worker import log_format
from tests.support.server import problem

SECRET = "Canary^Quillon"
ROUTES = {"/work": frozenset({"POST"}), "/page": frozenset({"GET", "HEAD"})}


def edge(app: ASGIApp, most: int = 2) -> RequestMiddleware:
    return RequestMiddleware(app, routes=ROUTES, limits={"/work": ConcurrencyLimit(most)})


def answering(status: int, body: bytes = b"{}", kind: str = "application/json") -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body[:1], "more_body": True})
        await send({"type": "http.response.body", "body": body[1:]})

    return app


async def crash(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError(f"cannot parse {SECRET}")


def ask(app: RequestMiddleware, method: str = "POST", path: str = "/work") -> httpx.Response:
    async def once() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path)

    return asyncio.run(once())


def test_a_crash_becomes_a_problem_that_does_not_say_what_it_choked_on() -> None:
    answer = ask(edge(crash))
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail", "request_id"}
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert SECRET not in answer.text


@contextmanager
def written(style: Any) -> Iterator[io.StringIO]:
    """What this process logs in a style, configured as a worker's."""
    root, log = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, warnings.showwarning
    try:
        log_format.configure(style)
        (handler,) = root.handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(log)
        yield log
    finally:
        root.handlers[:], root.level = handlers, level
        sys.excepthook, threading.excepthook, warnings.showwarning = hooks


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_crash_is_logged_with_its_trace_and_without_its_message(style: Any) -> None:
    with written(style) as log:
        ask(edge(crash))
    text = log.getvalue()
    assert "ValueError" in text and "in crash" in text
    assert SECRET not in text.replace('f"cannot parse {SECRET}"', "")
    if style == "json":
        lines = [json.loads(line) for line in text.splitlines()]
        assert [line["event"] for line in lines] == ["failed", "request"]
        assert lines[0]["request_id"] == lines[1]["request_id"]
        assert (lines[1]["route"], lines[1]["status"]) == ("/work", 500)


@pytest.mark.parametrize("style", ["json", "text"])
def test_what_nobody_caught_is_logged_without_its_message(style: Any) -> None:
    def crash() -> None:
        raise ValueError("".join(("Canary^", "Quillon")))

    async def forgotten() -> None:
        asyncio.get_running_loop().call_soon(crash)
        await asyncio.sleep(0.01)

    with written(style) as log:
        asyncio.run(forgotten())
        thread = threading.Thread(target=crash)
        thread.start()
        thread.join()
        warnings.showwarning("".join(("Canary^", "Quillon")), UserWarning, "scan.py", 7)
        logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: %r", ValueError(SECRET))
    text = log.getvalue()
    assert text.count("in crash") == 2
    assert "Task exception was never retrieved" in text and "UserWarning" in text and "scan.py:7" in text
    assert SECRET not in text


def test_a_very_deep_crash_makes_a_line_that_a_pipe_takes_whole() -> None:
    def one(depth: int) -> None:
        other(depth - 1) if depth else [][0]

    def other(depth: int) -> None:
        one(depth)

    with written("json") as log:
        try:
            one(300)
        except IndexError:
            logging.getLogger("imip").exception("failed")
    (line,) = log.getvalue().splitlines()
    assert "in one" in json.loads(line)["exc_info"]
    assert len(line) < 4096


def test_an_application_that_does_not_answer_is_answered_for(caplog: pytest.LogCaptureFixture) -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    answer = ask(edge(silent))
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    (record,) = [record for record in caplog.records if record.name == "imip.request" and record.levelname == "ERROR"]
    assert vars(record)["fields"] == {"request_id": answer.headers["x-request-id"], "route": "/work"}


def test_a_crash_is_answered_inside_of_what_swallows_it(caplog: pytest.LogCaptureFixture) -> None:
    """As BentoML's timeout does."""

    async def swallowing(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ValueError):
            await ErrorMiddleware(crash)(scope, receive, send)

    answer = ask(edge(swallowing))
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert SECRET not in answer.text
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["failed"]


def test_a_crash_after_the_answer_began_is_left_to_the_server() -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(SECRET)

    with pytest.raises(ValueError, match="Canary"):
        ask(edge(half))


@pytest.mark.parametrize("status", [400, 404, 418, 422, 500, 502])
def test_a_failure_in_another_shape_is_replaced_whole(status: int) -> None:
    answer = ask(edge(answering(status, f'{{"error": "{SECRET}"}}'.encode())))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert SECRET not in answer.text
    assert answer.json()["status"] == status


def test_a_request_that_waited_too_long_may_be_tried_again() -> None:
    answer = ask(edge(answering(504, b'{"error": "Not able to process the request in 60 seconds"}')))
    body = problem(answer, 503)
    assert body["type"] == "urn:imip:problem:overloaded"
    assert int(answer.headers["retry-after"]) >= 1
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_success_passes_as_it_is_and_gets_its_number() -> None:
    answer = ask(edge(answering(200, b"hello", "text/plain")))
    assert (answer.text, answer.headers["content-type"]) == ("hello", "text/plain")
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/other", 404), ("GET", "/work", 405)])
def test_what_is_no_route_never_reaches_the_application(method: str, path: str, status: int) -> None:
    answer = ask(edge(crash), method, path)
    problem(answer, status)
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


def test_places_are_given_back_after_crashes() -> None:
    full = edge(crash, most=1)
    assert [ask(full).status_code for _ in range(3)] == [500, 500, 500]


def test_only_heavy_routes_are_shed() -> None:
    async def crowd(waiting: Callable[[], Awaitable[None]]) -> list[httpx.Response]:
        gate = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == "/work":
                await gate.wait()
            await answering(200)(scope, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(edge(slow)), base_url="http://test") as client:
            held = [asyncio.create_task(client.post("/work")) for _ in range(2)]
            await waiting()
            meanwhile = [await client.post("/work"), await client.get("/page")]
            gate.set()
            return [*meanwhile, *await asyncio.gather(*held), await client.post("/work")]

    async def waiting() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    shed, *others = asyncio.run(crowd(waiting))
    assert problem(shed, 503)["type"] == "urn:imip:problem:overloaded"
    assert int(shed.headers["retry-after"]) >= 1
    assert [answer.status_code for answer in others] == [200] * 4


def test_routes_that_share_places_are_shed_together_and_the_others_are_not() -> None:
    shared = ConcurrencyLimit(2)
    routes = {path: frozenset({"GET"}) for path in ("/one", "/other", "/apart", "/free")}

    async def crowd() -> tuple[list[int], list[int], list[int]]:
        gate = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] in ("/one", "/other"):
                await gate.wait()
            await answering(200)(scope, receive, send)

        outermost = RequestMiddleware(
            slow, routes=routes, limits={"/one": shared, "/other": shared, "/apart": ConcurrencyLimit(1)}
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(outermost), base_url="http://test") as client:
            held = [asyncio.create_task(client.get(path)) for path in ("/one", "/other")]
            for _ in range(10):
                await asyncio.sleep(0)
            full = [(await client.get(path)).status_code for path in ("/one", "/other", "/apart", "/free")]
            gate.set()
            answered = [answer.status_code for answer in await asyncio.gather(*held)]
            return full, answered, [(await client.get(path)).status_code for path in ("/one", "/other")]

    assert asyncio.run(crowd()) == ([503, 503, 200, 200], [200, 200], [200, 200])


def test_a_websocket_is_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    asyncio.run(edge(crash)({"type": "websocket", "path": "/work"}, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_an_answer_nobody_waited_for_is_recorded_as_such(caplog: pytest.LogCaptureFixture) -> None:
    async def leaving(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.disconnect"

    async def call() -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None: ...

        await edge(leaving)({"type": "http", "path": "/page", "method": "GET"}, receive, send)

    with caplog.at_level(logging.INFO, "imip.request"):
        asyncio.run(call())
    (record,) = [record for record in caplog.records if record.name == "imip.request"]
    assert vars(record)["fields"]["status"] == CLIENT_CLOSED
