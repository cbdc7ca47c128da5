"""Promise 3: a server opens no connection that its configuration does not name."""

from pathlib import Path

from tests.support.listener import Listener, listening
from tests.support.server import Server, form, free_port, in_a_process, launch, needs_proc, problem


def test_a_url_in_a_request_is_never_fetched(server: Server, elsewhere: Listener, png: bytes) -> None:
    url = f"{elsewhere.url}/scan.png"
    whole = {"file": ("scan.png", png)}
    for route in ("/predict", "/heatmap"):
        for content, kind in (form(('name="file"', url.encode())), form(('name="file"; filename="a"', url.encode()))):
            problem(server.http.post(route, content=content, headers=kind))
        for value in (url, {"url": url}, [url]):
            problem(server.http.post(route, json={"file": value}), 400)
        problem(server.http.post(route, content=url, headers={"Content-Type": "text/plain"}), 400)
        problem(server.http.post(route, data={"file": url}), 400)
        problem(server.http.post(route, files=whole, data={"module": url}), 422)
        named = server.http.post(route, files={"file": (url, png)}, headers={"Referer": url, "Origin": url})
        assert named.status_code == 200
        assert server.http.post(f"{route}?file={url}&url={url}", files=whole).status_code == 200
    assert elsewhere.visits == []


def test_a_visit_is_noticed(tmp_path: Path) -> None:
    """Else the other tests here would prove nothing."""
    code = "import httpx; httpx.get('http://imip.example/usage')"
    with listening() as listener:
        in_a_process(code, tmp_path, **listener.as_proxy)
        assert listener.visits == ["http://imip.example/usage"]


@needs_proc
def test_workers_talk_to_clients_and_to_nobody_else(server: Server, png: bytes) -> None:
    server.http.post("/predict", files={"file": png})
    for worker in server.workers():
        sockets = worker.net_connections("inet")
        assert sockets
        assert {one.laddr.port for one in sockets} == {server.port}  # it listens there, or a client came there


@needs_proc
def test_the_process_manager_talks_to_this_machine_only(server: Server) -> None:
    for process in server.processes():
        for one in process.net_connections("inet"):
            assert one.laddr.ip == "127.0.0.1"
            assert not one.raddr or one.raddr.ip == "127.0.0.1"


def test_no_usage_is_reported_by_a_server_that_starts(server: Server, elsewhere: Listener) -> None:
    """It imported its model, which is told too where it is told at all."""
    assert [path.name for path in (server.root / "bentoml").rglob("model.tflite")] == ["model.tflite"]
    assert elsewhere.visits == []


def test_no_usage_is_reported_by_a_server_that_cannot_start(tmp_path: Path, elsewhere: Listener) -> None:
    process = launch(tmp_path, free_port(), **elsewhere.as_proxy, IMIP_MODULES='["lung"]')
    assert process.wait(60) != 0
    assert elsewhere.visits == []


def test_no_usage_is_reported_by_a_command(tmp_path: Path, elsewhere: Listener) -> None:
    importing = "from imip.settings import Settings; from serving import model_store; model_store.pinned(Settings())"
    in_a_process(importing, tmp_path, **elsewhere.as_proxy)
    assert elsewhere.visits == []
