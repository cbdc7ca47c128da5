"""What the routes make of what the queries answer."""

import asyncio
import gzip
from types import SimpleNamespace

import httpx

from monitoring.reports.page import POLICY
from serving.routes import handlers


def drift_report(page: bytes | None) -> httpx.Response:
    """The answer to GET /reports/drift while this is the newest page."""
    application = handlers.build()
    application.state.queries = SimpleNamespace(report=lambda module: page)

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(application), base_url="http://imip", trust_env=False
        ) as client:
            return await client.get("/reports/drift")

    return asyncio.run(get())


def test_the_newest_report_is_a_packed_page_that_loads_nothing() -> None:
    answer = drift_report(gzip.compress(b"<p>page</p>"))
    assert (answer.status_code, answer.text) == (200, "<p>page</p>")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-security-policy"] == POLICY and "default-src 'none'" in POLICY


def test_a_first_report_that_is_being_made_is_to_be_asked_for_again() -> None:
    answer = drift_report(None)
    assert answer.status_code == 202 and int(answer.headers["retry-after"]) > 0
    assert answer.json()["status"] == "being made"
