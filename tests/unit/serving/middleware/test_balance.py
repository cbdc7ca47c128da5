"""Workers that have more connections than others close some, and no others do."""

import asyncio
import os
import subprocess
import sys
from collections import deque
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.middleware.balance import RECENT_SECONDS, Balance, BalanceMiddleware, Load, LoadTable

STEP = 0.01  # seconds between two answers, in these tests' own time


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "loads"


def workers(file: Path, number: int = 2) -> list[Balance]:
    """Workers that accept connections."""
    balances = [Balance(LoadTable(file, place)) for place in range(number)]
    for balance in balances:
        balance.open(0)
    return balances


def busy(balance: Balance, connections: int, now: float = 0) -> None:
    for _ in range(connections):
        balance.begin(now)


@pytest.mark.parametrize(
    ("before", "closed"),
    [
        ((4, 0), 2), ((2, 0), 1), ((3, 0), 1), ((3, 1), 1), ((0, 8), 4), ((6, 0, 0), 4),
        ((1, 0), 0), ((2, 2), 0), ((2, 1), 0), ((0, 0), 0), ((3, 2, 2), 0), ((5,), 0),
    ],
)  # fmt: skip
def test_connections_are_closed_until_workers_are_even_and_not_after(
    file: Path, before: tuple[int, ...], closed: int
) -> None:
    """Clients that wait for no more than their answer, and come to the least busy worker when they connect anew."""
    balances = workers(file, len(before))
    queues = [deque(range(connections)) for connections in before]
    for balance, connections in zip(balances, before, strict=True):
        busy(balance, connections)
    closes, now = 0, 0.0
    for _ in range(200):
        for place in [place for place, queue in enumerate(queues) if queue]:
            now += STEP
            connection, closing = queues[place].popleft(), balances[place].end(now)
            closes += closing
            target = min(range(len(queues)), key=lambda each: len(queues[each])) if closing else place
            queues[target].append(connection)
            balances[target].begin(now)
    assert closes == closed
    lengths = [len(queue) for queue in queues]
    assert max(lengths) - min(lengths) < 2 and sum(lengths) == sum(before)


def test_connections_count_between_their_requests_but_not_for_long(file: Path) -> None:
    one, other = workers(file)
    busy(one, 3)
    busy(other, 2)
    assert not other.end(0) and not other.end(0)  # both are answered now, and may ask again
    assert not one.end(RECENT_SECONDS / 2)
    assert one.end(RECENT_SECONDS)


def test_a_connection_that_was_left_expires_while_another_goes_on(file: Path) -> None:
    one, other = workers(file)
    busy(one, 3)
    busy(other, 2)
    now = 0.0
    assert not other.end(now)  # its client never asks again
    while now < 2 * RECENT_SECONDS:
        now += STEP
        other.end(now)
        other.begin(now)
    assert one.end(now)


def test_requests_in_flight_count_however_long_they_take(file: Path) -> None:
    one, other = workers(file)
    busy(other, 2)
    busy(one, 3, 1000)
    assert not one.end(1000)


def test_the_dead_and_those_who_do_not_accept_yet_get_no_connection(file: Path) -> None:
    (one,) = workers(file, 1)
    busy(one, 4)
    assert not one.end(0)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    assert os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT) is not None  # dead, and nobody has taken notice
    late = LoadTable(file, 1)
    late.publish(Load(ended.pid, 0, 0, 0))
    assert not one.end(0)
    ended.wait()
    assert not one.end(0)
    Balance(late).open(0)
    one.begin(0)
    assert one.end(0)


def test_only_counted_routes_count_and_every_request_is_given_back(file: Path) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/crash":
            raise ZeroDivisionError
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"done"})

    one, other = workers(file)
    closing = BalanceMiddleware(app, ["/work", "/crash"], one)
    assert ask(closing, "/work").headers == {"a": "b"}
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            ask(closing, "/crash")
    assert one._in_flight == 0
    busy(one, 2)
    assert ask(closing, "/page").headers == {"a": "b"}
    assert ask(closing, "/work").headers == {"a": "b", "connection": "close"}
    busy(other, 2)
    assert ask(closing, "/work").headers == {"a": "b"}


def ask(app: ASGIApp, path: str) -> httpx.Response:
    async def once() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path)

    return asyncio.run(once())


def test_a_worker_tells_that_it_accepts_once_it_has_started(file: Path) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert not list(LoadTable(file, 1).others())
        await send({"type": "lifespan.startup.complete"})

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None: ...

    asyncio.run(BalanceMiddleware(app, [], Balance(LoadTable(file, 0)))({"type": "lifespan"}, receive, send))
    assert [load.process for load in LoadTable(file, 1).others()] == [os.getpid()]


def test_a_connection_that_got_no_response_counts_no_more(file: Path) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None: ...

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None: ...

    balanced = BalanceMiddleware(app, ["/work"], Balance(LoadTable(file, 0)))
    asyncio.run(balanced({"type": "http", "path": "/work"}, receive, send))
    assert [(load.in_flight, load.waiting) for load in LoadTable(file, 1).others()] == [(0, 0)]
