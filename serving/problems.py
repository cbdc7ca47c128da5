"""Errors become HTTP here and nowhere else: one shape, RFC 9457 `application/problem+json`, for every route."""

import re
from http import HTTPStatus

from pydantic import BaseModel
from starlette.responses import Response

from imip.errors import (
    BurnedInAnnotation,
    FrameOutOfRange,
    ImipError,
    LogUnavailable,
    MalformedRequest,
    MalformedScan,
    Overloaded,
    ReportUnavailable,
    ScanTooLarge,
    UnknownLabel,
    UnknownModule,
    UnknownPrediction,
    UnsupportedFormat,
    UnsupportedScan,
    UploadTimeout,
    WrongModality,
)
from monitoring import metrics

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1

STATUS: dict[type[ImipError], HTTPStatus] = {
    MalformedRequest: HTTPStatus.BAD_REQUEST,
    UnknownModule: HTTPStatus.UNPROCESSABLE_ENTITY,
    UploadTimeout: HTTPStatus.REQUEST_TIMEOUT,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    LogUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    ReportUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    UnknownPrediction: HTTPStatus.NOT_FOUND,
    UnknownLabel: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnsupportedFormat: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ScanTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    MalformedScan: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnsupportedScan: HTTPStatus.UNPROCESSABLE_ENTITY,
    FrameOutOfRange: HTTPStatus.UNPROCESSABLE_ENTITY,
    BurnedInAnnotation: HTTPStatus.UNPROCESSABLE_ENTITY,
    WrongModality: HTTPStatus.UNPROCESSABLE_ENTITY,
}


class Problem(BaseModel):
    """The body of every error answer."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


def from_error(error: ImipError, request_id: str) -> Problem:
    """Describe an error of ours; its message is the detail."""
    status = STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    name = slug(type(error))
    return Problem(
        type=f"urn:imip:problem:{name}",
        title=name.replace("-", " ").capitalize(),
        status=status,
        detail=str(error),
        request_id=request_id,
    )


def from_status(status: int, request_id: str) -> Problem:
    """Describe a failure that is not ours by its status alone; what caused it stays inside."""
    known = HTTPStatus(status)
    return Problem(
        type="about:blank", title=known.phrase, status=known, detail=known.description or known.phrase,
        request_id=request_id,
    )  # fmt: skip


def refuse(error: ImipError, request_id: str) -> Response:
    """Answer an error of ours, and count it."""
    metrics.rejections.labels(slug(type(error))).inc()
    return respond(from_error(error, request_id))


def slug(kind: type[ImipError]) -> str:
    """Return an error's name as URIs and metrics spell it: ScanTooLarge becomes scan-too-large."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


def respond(problem: Problem) -> Response:
    """Return a problem as an HTTP response; what may be tried again says when."""
    response = Response(problem.model_dump_json(), problem.status, media_type=MEDIA_TYPE)
    if problem.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
