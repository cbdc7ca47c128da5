"""The routes beside the inferences: logged predictions, feedback, performance, drift, and their faults."""

import itertools
import socket
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from imip.disclaimer import DISCLAIMER
from imip.inference.features import FEATURES
from serving.middleware.requests import CLIENT_CLOSED
from tests.support.answers import predict
from tests.support.server import Server, answer_on, half_sent, problem, wait_for

WEEKS = itertools.count(100)  # an answer on so many weeks was never asked for, and so is none that was kept


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
    def hung_up() -> list[str]:
        lines = [line for line in small_server.log_lines() if line.get("route") == "/feedback"]
        return [line["event"] for line in lines if line["status"] == CLIENT_CLOSED]

    before = len(hung_up())
    with half_sent(small_server, b"", "/feedback") as connection:
        connection.shutdown(socket.SHUT_WR)
    wait_for(lambda: len(hung_up()) > before)
    assert set(hung_up()) == {"request"}


def test_without_a_monitor_drift_says_so_and_no_report_is_promised(server: Server) -> None:
    assert server.http.get("/drift").json() == {
        "monitor": "absent",
        "modules": {},
        "research_only": True,
        "disclaimer": DISCLAIMER,
    }
    body = problem(server.http.get("/reports/drift"), 503)
    assert body["type"] == "urn:imip:problem:report-unavailable"
