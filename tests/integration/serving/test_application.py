"""The application of a worker, with BentoML's own middleware in it."""

from pathlib import Path

from tests.support.server import in_a_process


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
