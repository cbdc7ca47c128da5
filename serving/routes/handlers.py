"""The routes beside the inferences: their queries read, their answers written; what they do stands in `queries.py`."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imip.errors import MalformedRequest, UploadTimeout
from monitoring.reports.page import POLICY
from serving.schemas.monitoring import Feedback

FEEDBACK_BYTES = 4096  # of the body; the longest sound one has some 300
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 2200))
NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f-\x9f]*$"  # PostgreSQL's texts hold no U+0000


def _in_utc(moment: datetime) -> datetime:
    if not FIRST <= moment < LAST:  # some moments of the years 1 and 9999 have no equal in UTC
        raise ValueError(f"the moment should lie in {FIRST.year} to {LAST.year - 1}")
    return moment.astimezone(UTC)


Q = TypeVar("Q", bound=BaseModel)
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PredictionQuery(_Query):
    """Which page of which predictions."""

    module: str | None = Field(default=None, description="by default all")
    label: str | None = Field(default=None, max_length=64, pattern=NO_CONTROL_CHARACTERS, description="by default all")
    since: Moment | None = Field(default=None, description="first moment, with its time zone")
    until: Moment | None = Field(default=None, description="moment after the last")
    limit: int = Field(default=50, ge=1, le=500, description="predictions on a page")
    before: str | None = Field(default=None, pattern=r"^\d{1,17}-\d{1,18}$", description="`next` of the page before")


class PerformanceQuery(_Query):
    """The performance of which module, since when."""

    module: str | None = Field(default=None, description="by default the default module")
    weeks: int = Field(default=12, ge=1, le=520, description="how far back")


class ReportQuery(_Query):
    """The report on which module."""

    module: str | None = Field(default=None, description="by default the default module")


class Awaited(BaseModel):
    """What is asked for is not there yet."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    status: Literal["being made"] = "being made"
    detail: str = "The report is being made; ask again shortly."


def meta(request: Request) -> Response:
    """Say what is served: modules, their models' cards, formats and limits."""
    return _answer(request.app.state.queries.meta)


def predictions(request: Request) -> Response:
    """Return logged predictions, newest first, without their embeddings."""
    return _answer(request.app.state.queries.predictions(_query(request, PredictionQuery)))


def drift(request: Request) -> Response:
    """Return the latest drift check of each module, its features by their shift."""
    return _answer(request.app.state.queries.drift())


def performance(request: Request) -> Response:
    """Return how well a module did by week and model version, measured on labels and estimated without.

    The answer may be half a minute old.
    """
    query = _query(request, PerformanceQuery)
    return _answer(request.app.state.queries.performance(query.module, timedelta(weeks=query.weeks)))


async def feedback(request: Request) -> Response:
    """Take the true label of a prediction. Later feedback on the same prediction replaces earlier."""
    body = await _body(request, request.app.state.queries.upload_seconds)
    try:
        given = Feedback.model_validate_json(body)
    except ValidationError as fault:
        raise MalformedRequest(_faults("feedback", fault)) from None
    return _answer(await run_in_threadpool(request.app.state.queries.feedback, given))


def drift_report(request: Request) -> Response:
    """Return the newest report of a module's drift as a page, or 202 while the first one is being made."""
    page = request.app.state.queries.report(_query(request, ReportQuery).module)
    if page is None:
        return Response(Awaited().model_dump_json(), 202, {"Retry-After": "10"}, "application/json")
    headers = {"Content-Encoding": "gzip", "Content-Security-Policy": POLICY}
    return Response(page, headers=headers, media_type="text/html")


OF_THE_LOG = (
    Route("/predictions", predictions),
    Route("/drift", drift),
    Route("/performance", performance),
    Route("/feedback", feedback, methods=["POST"]),
    Route("/reports/drift", drift_report),
)


def build() -> Starlette:
    """Return the application of these routes; a worker puts its queries into `state.queries`."""
    return Starlette(routes=[Route("/meta", meta), *OF_THE_LOG])


async def _body(request: Request, seconds: float) -> bytes:
    """Read a small body. Raises ClientDisconnect if the client hangs up."""
    body = b""
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > FEEDBACK_BYTES:
                    raise MalformedRequest(f"Feedback has at most {FEEDBACK_BYTES} bytes.")
    except TimeoutError:
        raise UploadTimeout(f"The request did not arrive within {seconds:g} seconds.") from None
    return body


def _answer(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def _query(request: Request, kind: type[Q]) -> Q:
    try:
        return kind.model_validate(dict(request.query_params))
    except ValidationError as fault:
        raise MalformedRequest(_faults("query", fault)) from None


def _faults(part: str, fault: ValidationError) -> str:
    """Say which fields are wrong and how, without what stands in them or a name of the client's."""
    known = set(Feedback.model_fields) | set(PredictionQuery.model_fields) | set(PerformanceQuery.model_fields)
    errors = fault.errors(include_url=False, include_input=False, include_context=False)
    if not all(error["loc"] for error in errors):
        return f"The {part} is no JSON object."
    faults = {
        f"{error['loc'][0]}: {error['msg']}" if error["loc"][0] in known else "an unknown field" for error in errors
    }
    return f"The {part} has {len(faults)} fault{'s' if len(faults) > 1 else ''}: {'; '.join(sorted(faults))}."
