"""A real PostgreSQL for the tests: a throwaway server of its own, which can be stopped and started again."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from tests.support.programs import missing
from tests.support.server import free_port, wait_for

USER, PASSWORD = "imip", "sesame-4711"
START_SECONDS = 30.0
OPTIONS = {
    "max_connections": "60",
    "shared_buffers": "32MB",
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # nothing here outlives the machine
}


class Postgres:
    """One server with a folder of its own, reached by TCP and a password as in production."""

    def __init__(self, programs: Path, root: Path) -> None:
        """`programs`: the folder of initdb and postgres. `root`: an empty folder, short enough for a socket's name."""
        self._programs, self._root, self._port = programs, root, free_port()
        self._as_user: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}  # it refuses to be root
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        if self._as_user:
            shutil.chown(root, "postgres")
        self._create()

    def database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"log_{next(self._numbers)}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._url(name)

    def start(self) -> None:
        settings = OPTIONS | {"port": str(self._port), "unix_socket_directories": str(self._root)}
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        with (self._root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._root / "data", *options],
                cwd=self._root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_user,
            )
        wait_for(self._answers, START_SECONDS)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server and cut its connections."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(15)
        self._process = None

    @contextmanager
    def gone(self) -> Iterator[None]:
        """An outage."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _create(self) -> None:
        (self._root / "password").write_text(PASSWORD)
        options = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--username={USER}", "--no-locale"]
        options += [f"--pwfile={self._root / 'password'}", "--encoding=UTF8", "--no-sync"]
        (self._root / "password").chmod(0o644)
        subprocess.run(
            [self._programs / "initdb", "-D", self._root / "data", *options],
            cwd=self._root,
            check=True,
            stdout=subprocess.DEVNULL,
            **self._as_user,
        )

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"PostgreSQL ended: {(self._root / 'log').read_text()[-2000:]}"
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host=str(self._root), port=self._port, user=USER, dbname="postgres", connect_timeout=3, autocommit=True
        )

    def _url(self, name: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self._port}/{name}"


@contextmanager
def running() -> Iterator[Postgres]:
    """A server, started; stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="imip-postgres-", ignore_cleanup_errors=True) as root:
        postgres = Postgres(programs(), Path(root))
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.stop(signal.SIGQUIT)  # at once, but unlike a kill it takes the server's own processes along


def programs() -> Path:
    """The folder of PostgreSQL's programs. Without them tests are skipped, but for those of the project's CI."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    on_path = (Path(folder) for folder in os.get_exec_path())
    for folder in (*on_path, *reversed(installed)):
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return (folder / "postgres").resolve().parent  # of all of them, where this is only a link to one
    missing("PostgreSQL")
