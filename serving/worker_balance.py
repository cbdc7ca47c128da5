"""Workers share the work evenly, however few connections there are.

All workers accept from one socket, and whoever wakes first gets a connection with all the requests that follow on it:
a few connections that are kept alive may all be one worker's while the others idle. So each worker tells the others
how many connections keep it busy, and one that has more than its share closes one with an answer. The client connects
anew, most likely to a worker that waits.
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
    """What keeps a worker busy, as it told at a moment of the system's monotonic clock."""

    process: int
    in_flight: int  # requests
    waiting: int  # connections whose last request was answered recently
    at: float

    def connections(self, now: float) -> int:
        return self.in_flight + (self.waiting if now - self.at < RECENT_SECONDS else 0)


class Board:
    """Where workers tell their loads: a file of one slot for each, of which the system keeps a copy in memory."""

    def __init__(self, file: Path, place: int) -> None:
        """`place`: this worker's number, which a worker that replaces it takes over."""
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._place = place

    def tell(self, load: Load) -> None:
        slot = SLOT.pack(load.process, load.in_flight, load.waiting, load.at)
        os.pwrite(self._file, slot, self._place * SLOT.size)

    def others(self) -> Iterator[Load]:
        """Yield what the other workers told, some of which may be dead."""
        slots = os.pread(self._file, os.fstat(self._file).st_size, 0)
        loads = (Load(*slot) for slot in SLOT.iter_unpack(slots))
        return (load for place, load in enumerate(loads) if place != self._place and load.process)


class Balance:
    """The load of this worker, and which of its connections should be closed."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._in_flight = 0
        self._answered: deque[float] = deque()  # when the connections that wait were answered

    def open(self, now: float) -> None:
        """Tell the others that this worker accepts connections."""
        self._board.tell(self._load(now))

    def begin(self, now: float) -> None:
        """Count a request. It is taken for the next one on the connection last answered, so that closed ones expire."""
        if self._answered:
            self._answered.pop()
        self._in_flight += 1
        self._board.tell(self._load(now))

    def end(self, now: float) -> bool:
        """Count a request's answer; tell whether its connection should be closed with it."""
        closes = self._is_uneven(now)
        self._in_flight -= 1
        if not closes:
            self._answered.append(now)
        self._board.tell(self._load(now))
        return closes

    def _is_uneven(self, now: float) -> bool:
        own = self._load(now).connections(now)
        return own >= SPREAD and any(
            own - load.connections(now) >= SPREAD and _lives(load.process) for load in self._board.others()
        )

    def _load(self, now: float) -> Load:
        while self._answered and now - self._answered[0] >= RECENT_SECONDS:
            self._answered.popleft()
        return Load(os.getpid(), self._in_flight, len(self._answered), now)


class Balancing:
    """ASGI middleware that counts requests and closes connections. It is the outermost, since those shed count too."""

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
                self._balance.end(time.monotonic())


def _lives(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
