"""A prediction log that is saved as docs/how-to/deploy.md says can be restored as it says."""

import os
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, make_url, select

from monitoring.database import connect, migrate
from monitoring.tables import predictions
from tests.support.logged import log, prediction
from tests.support.postgres import Postgres, programs
from tests.support.programs import program
from tests.support.server import REPOSITORY

PAGE = (REPOSITORY / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")
DATABASE = {("-Fc", "imip"), ("-d", "imip")}  # where a command names it, and not the user


def documented(name: str) -> list[str]:
    """The page's command of a program, without what only names the container and the file."""
    (line,) = re.findall(rf"^(?:docker compose exec -T database )?({name} .*)$", PAGE, re.MULTILINE)
    return shlex.split(re.split(r" [<>] ", line)[0], comments=True)


def run(command: str | Path, *arguments: str, **options: Any) -> bytes:
    return subprocess.run([command, *arguments], check=True, stdout=subprocess.PIPE, **options).stdout


def rows(engine: Engine) -> list[tuple[str, int]]:
    with engine.execution_options(reading=True).connect() as connection:
        found = connection.execute(select(predictions.c.request_id, predictions.c.id).order_by(predictions.c.id))
        return [(row.request_id, row.id) for row in found]


def a_day(count: int) -> list[dict[str, Any]]:
    return [prediction({"Tumor": 0.75, "No Tumor": 0.25}, at=datetime.now(UTC)) for _ in range(count)]


def goes_on(engine: Engine) -> None:
    """Check that a restored log takes predictions behind its last."""
    migrate(engine)
    before = rows(engine)
    log(engine, *a_day(1))
    assert rows(engine)[:-1] == before
    with engine.execution_options(reading=True).connect() as connection:
        assert connection.execute(select(func.max(predictions.c.id))).scalar_one() > before[-1][1]


def test_a_postgresql_log_is_restored_from_its_dump(postgres: Postgres) -> None:
    url = make_url(postgres.database())
    connected = {"PGHOST": url.host, "PGPORT": str(url.port), "PGPASSWORD": url.password}
    environment = os.environ | {name: value or "" for name, value in connected.items()}
    engine = connect(url.render_as_string(hide_password=False))
    migrate(engine)
    log(engine, *a_day(5))
    saved = rows(engine)

    def of_this_database(command: list[str]) -> list[str]:
        """Name this test's database where the page names that of docker-compose.yml."""
        return [str(url.database) if (before, word) in DATABASE else word for before, word in pairwise(["", *command])]

    saving, *arguments = of_this_database(documented("pg_dump"))
    dump = run(programs() / saving, *arguments, env=environment)
    log(engine, *a_day(3))
    engine.dispose()
    restoring, *arguments = of_this_database(documented("pg_restore"))
    run(programs() / restoring, *arguments, env=environment, input=dump)
    assert rows(engine) == saved
    goes_on(engine)
    engine.dispose()


def test_an_embedded_log_is_restored_from_its_copy(tmp_path: Path) -> None:
    file, copy = tmp_path / "predictions.sqlite3", tmp_path / "imip.sqlite3"
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    log(engine, *a_day(5))
    saved = rows(engine)
    name, _, command = documented("sqlite3")
    with engine.execution_options(reading=True).connect():  # as by a running server
        run(program(name), str(file), command, cwd=tmp_path)
    log(engine, *a_day(3))
    engine.dispose()
    for written_ahead in ("-wal", "-shm"):
        Path(f"{file}{written_ahead}").unlink(missing_ok=True)
    shutil.copy(copy, file)
    assert rows(engine) == saved
    goes_on(engine)
    engine.dispose()
