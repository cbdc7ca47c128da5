"""Every request passes this middleware before BentoML sees it.

It knows the closed set of routes, so that no path that a client invents reaches a metric or a log. It refuses what
exceeds a concurrency limit, turns every failure, whoever answered it, into one problem shape, and writes one metric and
one log line per request.
"""

import logging
import time
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imip.errors import Overloaded
from monitoring import metrics
from serving import problems
from serving.middleware.concurrency_limit import ConcurrencyLimit
from serving.middleware.errors import log_fields

UNKNOWN_ROUTE = "unknown"
CLIENT_CLOSED = 499  # nginx's status for a client that closed the connection; it is only logged

log = logging.getLogger("imip.request")


class RequestMiddleware:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, routes: Mapping[str, frozenset[str]], limits: Mapping[str, ConcurrencyLimit]
    ) -> None:
        """`routes`: the methods of each path; `limits`: of the paths that have one."""
        self._app, self._routes, self._limits = app, routes, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close"})  # answered with 403; silence would be a 500
        path = scope["path"]
        route = path if path in self._routes else UNKNOWN_ROUTE
        exchange = _Exchange(route, scope["method"] if route != UNKNOWN_ROUTE else "", send)
        scope.setdefault("state", {})["request_id"] = exchange.request_id
        in_flight = metrics.requests_in_flight.labels(route)
        in_flight.inc()
        try:
            await self._answer(exchange, scope, receive)
        finally:
            in_flight.dec()
            exchange.record()

    async def _answer(self, exchange: "_Exchange", scope: Scope, receive: Receive) -> None:
        if exchange.route == UNKNOWN_ROUTE:
            return await exchange.fail(HTTPStatus.NOT_FOUND)
        if scope["method"] not in self._routes[exchange.route]:
            return await exchange.fail(
                HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": ", ".join(sorted(self._routes[exchange.route]))}
            )
        limit = self._limits.get(exchange.route)
        if limit is not None and not limit.acquire():
            return await exchange.refuse(Overloaded("All places are taken; try again shortly."))
        try:
            await self._app(scope, exchange.watch(receive), exchange.send)
            if not exchange.started and not exchange.disconnected:
                log.error("not answered", extra=log_fields(scope))
                await exchange.fail(HTTPStatus.INTERNAL_SERVER_ERROR)
        except Exception:
            log.exception("failed", extra=log_fields(scope))
            if exchange.started:
                raise
            await exchange.fail(HTTPStatus.INTERNAL_SERVER_ERROR)
        finally:
            if limit is not None:
                limit.release()


class _Exchange:
    """One request and its response."""

    def __init__(self, route: str, method: str, send: Send) -> None:
        self.request_id = uuid.uuid4().hex
        self.route, self.method = route, method
        self.started = self.disconnected = False
        self._send, self._start = send, time.perf_counter()
        self._status = CLIENT_CLOSED
        self._replacing = False

    def watch(self, receive: Receive) -> Receive:
        """Return `receive`, watched for the client closing the connection."""

        async def watched() -> Message:
            message = await receive()
            self.disconnected |= message["type"] == "http.disconnect"
            return message

        return watched

    async def send(self, message: Message) -> None:
        """Send a message on; a failure in another shape than ours is replaced."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            status = message["status"]
            failed = status >= HTTPStatus.BAD_REQUEST and status != CLIENT_CLOSED
            if failed and not headers.get("content-type", "").startswith(problems.MEDIA_TYPE):
                self._replacing = True
                if status == HTTPStatus.GATEWAY_TIMEOUT:  # BentoML's, where the worker's thread did not get to it
                    return await self.refuse(Overloaded("The request waited too long; try again shortly."))
                return await self.fail(HTTPStatus(status))
            await self._begin(message)
        elif not self._replacing:
            await self._send(message)

    async def fail(self, status: HTTPStatus, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        response = problems.respond(problems.from_status(status, self.request_id))
        response.headers.update(headers)
        await self._send_response(response)

    async def refuse(self, error: Overloaded) -> None:
        metrics.shed.labels(self.route).inc()
        await self._send_response(problems.refuse(error, self.request_id))

    def record(self) -> None:
        """Count and log the request, once it is over."""
        seconds = time.perf_counter() - self._start
        metrics.request_duration.labels(self.route, str(self._status)).observe(seconds)
        log.info(
            "request",
            extra={
                "fields": {
                    "request_id": self.request_id,
                    "method": self.method,
                    "route": self.route,
                    "status": self._status,
                    "duration_ms": round(seconds * 1000, 1),
                }
            },
        )

    async def _begin(self, message: Message) -> None:
        headers = MutableHeaders(raw=message["headers"])
        headers["X-Request-ID"] = self.request_id
        self.started, self._status = True, message["status"]
        await self._send({**message, "headers": headers.raw})

    async def _send_response(self, response: Response) -> None:
        start = {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
        await self._begin(start)
        await self._send({"type": "http.response.body", "body": response.body})
