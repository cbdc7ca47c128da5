"""Workers share the work evenly, however few connections there are.

All workers accept from one socket, and the first to wake gets the connection with all requests that follow on it: a few
keep-alive connections may all belong to one worker while the others are idle. So each worker publishes how many
connections keep it busy, and one that has two more than another closes one with a response. The client connects again,
most likely to an idle worker.
"""

import os
import struct
import time
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from starlette.types import ASGIApp, Message, Receive, Scope, Send

RECENT_SECONDS = 0.5  # after an answer, in which the next request on its connection is expected
SPREAD = 2  # connections more than another worker has; for a difference of one, a move would only swap the two
SLOT = struct.Struct("=QQQd")  # one `Load`


@dataclass(frozen=True, slots=True)
class Load:
    """What keeps a worker busy, and when it said so, by the system's monotonic clock."""

    process: int
    in_flight: int  # requests
    waiting: int  # connections whose last request was answered recently
    at: float

    def connections(self, now: float) -> int:
        return self.in_flight + (self.waiting if now - self.at < RECENT_SECONDS else 0)


class LoadTable:
    """The load of each worker, in a file of one slot each that the system keeps in memory."""

    def __init__(self, file: Path, slot: int) -> None:
        """`slot`: this worker's number, which a worker that replaces it takes over."""
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._slot = slot

    def publish(self, load: Load) -> None:
        packed = SLOT.pack(load.process, load.in_flight, load.waiting, load.at)
        os.pwrite(self._file, packed, self._slot * SLOT.size)

    def others(self) -> Iterator[Load]:
        """Yield the loads of the other workers, some of which may have exited."""
        slots = os.pread(self._file, os.fstat(self._file).st_size, 0)
        loads = (Load(*slot) for slot in SLOT.iter_unpack(slots))
        return (load for slot, load in enumerate(loads) if slot != self._slot and load.process)


class Balance:
    """The load of this worker, and which of its connections should be closed."""

    def __init__(self, table: LoadTable) -> None:
        self._table = table
        self._in_flight = 0
        self._answered: deque[float] = deque()  # when the connections that wait were answered

    def open(self, now: float) -> None:
        """Publish that this worker accepts connections."""
        self._table.publish(self._load(now))

    def begin(self, now: float) -> None:
        """Count a request. It counts as the next one on the connection last answered, so that closed ones expire."""
        if self._answered:
            self._answered.pop()
        self._in_flight += 1
        self._table.publish(self._load(now))

    def end(self, now: float) -> bool:
        """Count a request's response; return whether its connection should be closed with it."""
        closes = self._is_uneven(now)
        self._in_flight -= 1
        if not closes:
            self._answered.append(now)
        self._table.publish(self._load(now))
        return closes

    def abandon(self, now: float) -> None:
        """Count a request that got no response: its connection is gone."""
        self._in_flight -= 1
        self._table.publish(self._load(now))

    def _is_uneven(self, now: float) -> bool:
        own = self._load(now).connections(now)
        return own >= SPREAD and any(
            own - load.connections(now) >= SPREAD and _is_running(load.process) for load in self._table.others()
        )

    def _load(self, now: float) -> Load:
        while self._answered and now - self._answered[0] >= RECENT_SECONDS:
            self._answered.popleft()
        return Load(os.getpid(), self._in_flight, len(self._answered), now)


class BalanceMiddleware:
    """Counts requests and closes connections. It is the outermost middleware, since refused requests count too."""

    def __init__(self, app: ASGIApp, routes: Collection[str], balance: Balance) -> None:
        """`routes`: whose requests keep a worker busy."""
        self._app, self._routes, self._balance = app, routes, balance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._opening(send))
        elif scope["type"] == "http" and scope["path"] in self._routes:
            await self._count(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _opening(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._balance.open(time.monotonic())
            await send(message)

        return watched

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = False

        async def watched(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start" and not answered:
                answered = True
                if self._balance.end(time.monotonic()):
                    message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        self._balance.begin(time.monotonic())
        try:
            await self._app(scope, receive, watched)
        finally:
            if not answered:
                self._balance.abandon(time.monotonic())


def _is_running(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
