"""A place elsewhere that notices who comes: as a web server, or as the proxy through which all must go."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Listener:
    """Where it listens, and the paths that were asked for since."""

    url: str
    visits: list[str] = field(default_factory=list)

    @property
    def as_proxy(self) -> dict[str, str]:
        """The environment of a process that finds whatever is elsewhere through this."""
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), self.url)
        return {**proxies, "NO_PROXY": "127.0.0.1"}


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen until the end."""

    class Visits(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            listener.visits.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_CONNECT = do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Visits) as server:
        listener = Listener(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield listener
        server.shutdown()
