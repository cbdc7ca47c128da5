"""The routes beside the inferences: logged predictions, feedback, performance, drift, and their faults."""

import asyncio
import itertools
import logging
import socket
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.exc import SQLAlchemyError

from imip.disclaimer import DISCLAIMER
from imip.errors import ReportUnavailable
from imip.inference.artifact import read_card
from imip.inference.features import FEATURES
from imip.settings import Settings
from monitoring.database import connect, migrate
from monitoring.drift import checks
from monitoring.drift.checks import Check
from monitoring.lease import MONITOR, Lease
from monitoring.tables import drift_reports
from serving import application
from serving.middleware.requests import CLIENT_CLOSED, RequestMiddleware
from serving.routes import handlers, queries
from serving.routes.queries import KEPT_ANSWERS, KEPT_SECONDS, Queries
from serving.schemas.meta import meta
from serving.schemas.monitoring import Performance
from tests.support.logged import log, prediction
from tests.support.server import REPOSITORY, Server, answer_on, half_sent, problem, wait_for

CARD = read_card(REPOSITORY / "models" / "brain-tumor")
MODULE = CARD.module
META = meta([CARD], Settings())
WEEKS = itertools.count(100)  # an answer on so many weeks was never asked for, and so is none that was kept


def predict(server: Server, scan: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = server.http.post("/predict", files={"file": scan}).json()
    return answer


def page(server: Server, **query: object) -> dict[str, Any]:
    response = server.http.get("/predictions", params={name: str(value) for name, value in query.items()})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert (body["research_only"], body["disclaimer"]) == (True, DISCLAIMER)
    return body


def test_an_answered_prediction_is_logged_as_it_was_answered(server: Server, head: bytes) -> None:
    answer = predict(server, head)
    logged = page(server, limit=1)["predictions"][0]
    for field in ("request_id", "module", "label", "probabilities", "decision", "warnings"):
        assert logged[field] == answer[field]
    assert logged["confidence"] == pytest.approx(answer["confidence"])
    assert logged["version"] == answer["model"]["version"]
    assert (logged["format"], logged["attributes"]) == ("png", {})
    assert list(logged["features"]) == list(FEATURES)
    assert (logged["features"]["width_pixels"], logged["features"]["height_pixels"]) == (160, 120)
    assert set(logged["seconds"]) == {"decode", "preprocess", "infer", "measure"}
    assert abs(datetime.now(UTC) - datetime.fromisoformat(logged["at"])) < timedelta(minutes=5)


def test_a_heatmap_is_logged_like_a_prediction(server: Server, head: bytes) -> None:
    response = server.http.post("/heatmap", files={"file": head})
    logged = page(server, limit=1)["predictions"][0]
    assert logged["request_id"] == response.headers["x-request-id"]
    assert {"explain", "overlay"} <= set(logged["seconds"])


def test_no_embedding_leaves(server: Server, head: bytes) -> None:
    predict(server, head)
    assert "embedding" not in page(server, limit=1)["predictions"][0]


def test_pages_follow_each_other_to_the_end(server: Server, head: bytes, png: bytes) -> None:
    begin = datetime.now(UTC)
    sent = [predict(server, scan)["request_id"] for scan in (head, png, head, png, head)]
    seen: list[str] = []
    query: dict[str, object] = {"since": begin.isoformat(), "limit": 2}
    while True:
        found = page(server, **query)
        seen += [one["request_id"] for one in found["predictions"]]
        if found["next"] is None:
            break
        assert len(found["predictions"]) == 2
        query["before"] = found["next"]
    assert seen == sent[::-1]


def test_predictions_are_filtered_by_module_label_and_time(server: Server, head: bytes, png: bytes) -> None:
    begin = datetime.now(UTC)
    answers = [predict(server, scan) for scan in (head, png)]
    for label in ("Tumor", "No Tumor"):
        found = page(server, since=begin.isoformat(), label=label, module="brain-tumor")["predictions"]
        assert {one["request_id"] for one in found} == {a["request_id"] for a in answers if a["label"] == label}
    assert page(server, until=begin.isoformat(), since=begin.isoformat())["predictions"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "many"},
        {"since": "yesterday"},
        {"since": "2025-01-01T00:00:00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "9999-12-31T23:59:59-14:00"},
        {"since": "1969-12-31T23:59:59Z"},
        {"until": "2200-01-01T00:00:00Z"},
        {"label": "\0"},
        {"label": "Tumor\n"},
        {"before": "x"},
        {"before": "999999999999999999-1"},
        {"colour": "red"},
    ],
)
def test_a_query_that_makes_no_sense_is_refused_without_being_quoted(server: Server, query: dict[str, str]) -> None:
    body = problem(server.http.get("/predictions", params=query), 400)
    assert body["type"] == "urn:imip:problem:malformed-request"
    assert not any(len(value) > 3 and value in body["detail"] for value in query.values())
    assert "colour" not in body["detail"]


@pytest.mark.parametrize("path", ["/predictions", "/performance", "/reports/drift"])
def test_a_module_that_is_not_served_is_refused_with_those_that_are(server: Server, path: str) -> None:
    body = problem(server.http.get(path, params={"module": "lung"}), 422)
    assert "brain-tumor" in body["detail"] and "lung" not in body["detail"]


def give(server: Server, **feedback: object) -> httpx.Response:
    return server.http.post("/feedback", json=feedback)


def test_feedback_changes_the_performance_of_this_week(server: Server, head: bytes) -> None:
    def week() -> dict[str, Any]:
        body = server.http.get("/performance", params={"weeks": next(WEEKS)}).json()
        assert body["module"] == "brain-tumor"
        last: dict[str, Any] = body["weeks"][-1]
        return last

    answer = predict(server, head)
    before = week()
    other = next(label for label in answer["probabilities"] if label != answer["label"])
    given = give(server, request_id=answer["request_id"], label=other, reviewer_role="student", comment="wrong_class")
    assert given.status_code == 200
    assert {name: given.json()[name] for name in ("predicted", "actual", "replaced")} == {
        "predicted": answer["label"],
        "actual": other,
        "replaced": False,
    }
    after = week()
    assert after["labelled"] == before["labelled"] + 1
    assert after["version"] == answer["model"]["version"]
    assert after["accuracy"]["low"] <= after["accuracy"]["value"] <= after["accuracy"]["high"]
    assert after["estimated_accuracy"]["value"] > 0.5
    assert give(server, request_id=answer["request_id"], label=answer["label"]).json()["replaced"] is True
    assert week()["labelled"] == after["labelled"]


def test_feedback_on_an_unknown_prediction_is_refused(server: Server) -> None:
    body = problem(give(server, request_id=uuid.uuid4().hex, label="Tumor"), 404)
    assert body["type"] == "urn:imip:problem:unknown-prediction"


def test_feedback_with_an_unknown_label_is_refused_with_the_known_ones(server: Server, head: bytes) -> None:
    body = problem(give(server, request_id=predict(server, head)["request_id"], label="Canary"), 422)
    assert "Tumor" in body["detail"] and "Canary" not in body["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"request_id": "canary", "label": "Tumor"}',
        b'{"request_id": "0123456789abcdef0123456789abcdef"}',
        b'{"request_id": "0123456789abcdef0123456789abcdef", "label": "Tumor", "reviewer_role": "canary"}',
        b'{"request_id": "0123456789abcdef0123456789abcdef", "label": "Tumor", "comment": "canary"}',
        b'{"request_id": "0123456789abcdef0123456789abcdef", "label": "Tumor", "patient": "canary"}',
        b'{"canary": ' + b"[" * 3000,
        b"x" * 5000,
    ],
)
def test_feedback_of_another_form_is_refused_without_being_quoted(server: Server, body: bytes) -> None:
    answer = problem(server.http.post("/feedback", content=body), 400)
    assert "canary" not in answer["detail"] and "patient" not in answer["detail"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The feedback is no JSON object."),
        (b"[]", "The feedback is no JSON object."),
        (b"{", "The feedback is no JSON object."),
        (b'{"label": "Tumor"}', "The feedback has 1 fault: request_id: Field required."),
        (b"{}", "The feedback has 2 faults: label: Field required; request_id: Field required."),
        (
            b'{"request_id": "0123456789abcdef0123456789abcdef", "label": "Tumor", "canary": 1}',
            "The feedback has 1 fault: an unknown field.",
        ),
    ],
)
def test_feedback_of_another_form_is_told_what_is_wrong_with_it(server: Server, body: bytes, detail: str) -> None:
    assert problem(server.http.post("/feedback", content=body), 400)["detail"] == detail


def test_feedback_that_does_not_arrive_in_time_is_refused(small_server: Server) -> None:
    with half_sent(small_server, b"", "/feedback") as connection:
        status, body = answer_on(connection)
    assert status == 408 and b"urn:imip:problem:upload-timeout" in body


def test_a_client_that_hangs_up_on_its_feedback_is_no_failure(small_server: Server) -> None:
    def feedback() -> list[dict[str, Any]]:
        return [line for line in small_server.log_lines() if line.get("route") == "/feedback"]

    before = len(feedback())
    with half_sent(small_server, b"", "/feedback") as connection:
        connection.shutdown(socket.SHUT_WR)
    wait_for(lambda: len(feedback()) > before)
    (line,) = feedback()[before:]
    assert (line["event"], line["status"]) == ("request", CLIENT_CLOSED)


def test_without_a_monitor_drift_says_so_and_no_report_is_promised(server: Server) -> None:
    assert server.http.get("/drift").json() == {
        "monitor": "absent",
        "modules": {},
        "research_only": True,
        "disclaimer": DISCLAIMER,
    }
    body = problem(server.http.get("/reports/drift"), 503)
    assert body["type"] == "urn:imip:problem:report-unavailable"


def test_the_openapi_page_shows_that_a_report_may_be_awaited(server: Server) -> None:
    document = server.http.get("/docs.json").json()
    awaited = document["paths"]["/reports/drift"]["get"]["responses"]["202"]
    assert awaited["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/Awaited"}}}
    assert set(document["components"]["schemas"]["Awaited"]["properties"]) == {"status", "detail"}
    assert "408" in document["paths"]["/feedback"]["post"]["responses"]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty prediction log."""
    made = connect(f"sqlite:///{tmp_path / 'predictions.sqlite3'}")
    migrate(made)
    yield made
    made.dispose()


def checked(version: str) -> Check:
    now = datetime.now(UTC)
    sizes = {"reference_size": 9, "window_size": 9, "window_rows": 9, "last_prediction": 1, "seconds": 0.1}
    moments = {"at": now, "since": now, "until": now}
    return Check.of((), module=MODULE, version=version, reference="1", trigger="monitor", **sizes, **moments)


class TestReport:
    """What stands behind /reports/drift, with a monitor running."""

    @pytest.fixture(autouse=True)
    def monitor(self, engine: Engine) -> None:
        assert Lease(engine, MONITOR, "test").take()

    def test_is_not_promised_while_no_monitor_runs(self, engine: Engine) -> None:
        checks.keep(engine, checked(CARD.version))
        Lease(engine, MONITOR, "test").release()
        with pytest.raises(ReportUnavailable, match="no drift monitor runs"):
            Queries(engine, META, 1).report(None)

    def test_is_not_promised_before_the_first_check(self, engine: Engine) -> None:
        answers = Queries(engine, META, 1)
        with pytest.raises(ReportUnavailable, match="No drift check has been made yet"):
            answers.report(None)
        checks.keep(engine, checked("another"))
        with pytest.raises(ReportUnavailable, match="No drift check has been made yet"):
            answers.report(None)
        checks.keep(engine, checked(CARD.version))
        assert answers.report(None) is None

    def test_that_was_made_before_is_shown_without_any_check_or_monitor(self, engine: Engine) -> None:
        Lease(engine, MONITOR, "test").release()
        with engine.begin() as connection:
            made = {"module": MODULE, "made_at": datetime.now(UTC), "html": b"page"}
            connection.execute(insert(drift_reports), made)
        assert Queries(engine, META, 1).report(None) == b"page"


class TestPerformance:
    """What stands behind /performance."""

    @pytest.fixture
    def moments(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The clock: its last entry is now."""
        clock = [1000.0]
        monkeypatch.setattr(queries.time, "monotonic", lambda: clock[-1])
        return clock

    def test_is_computed_anew_after_a_while(self, engine: Engine, moments: list[float]) -> None:
        answers, back = Queries(engine, META, 1), timedelta(weeks=2)

        def counted(answer: Performance) -> int:
            return sum(week.predictions for week in answer.weeks)

        assert counted(answers.performance(None, back)) == 0
        log(engine, prediction({"Tumor": 0.8, "No Tumor": 0.2}, at=datetime.now(UTC)))
        moments.append(moments[0] + KEPT_SECONDS - 1)
        assert counted(answers.performance(MODULE, back)) == 0
        assert counted(answers.performance(MODULE, back * 2)) == 1
        moments.append(moments[0] + KEPT_SECONDS)
        assert counted(answers.performance(MODULE, back)) == 1

    def test_is_kept_for_a_few_questions_only(self, engine: Engine) -> None:
        answers = Queries(engine, META, 1)
        kept = [answers.performance(None, timedelta(weeks=weeks)) for weeks in range(1, KEPT_ANSWERS + 2)]
        assert answers.performance(None, timedelta(weeks=KEPT_ANSWERS + 1)) is kept[-1]
        assert answers.performance(None, timedelta(weeks=2)) is kept[1]
        assert answers.performance(None, timedelta(weeks=1)) is not kept[0]


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
