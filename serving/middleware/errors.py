"""An exception of the application becomes a response at once."""

import logging
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import problems

log = logging.getLogger("imip.request")


class ErrorMiddleware:
    """ASGI middleware that answers 500 at once where the application raises.

    It is inside BentoML's timeout middleware, which does not notice an exception before the answer begins: it
    waits for the timeout and returns without an answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if started:
                raise
            log.exception("failed", extra=log_fields(scope))
            problem = problems.from_status(HTTPStatus.INTERNAL_SERVER_ERROR, scope["state"]["request_id"])
            await problems.respond(problem)(scope, receive, send)


def log_fields(scope: Scope) -> dict[str, dict[str, str]]:
    """Return the fields of a log record about a request to a known route."""
    return {"fields": {"request_id": scope["state"]["request_id"], "route": scope["path"]}}
