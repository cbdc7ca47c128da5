"""The service without its prediction log, as a baseline for benchmarks. No setting turns the log off."""

from typing import Any

import service as shipped


class NoLog:
    """A prediction log that stores nothing."""

    available = True

    def __init__(self, log: Any) -> None:
        self.engine, self.close = log.engine, log.close

    def check(self) -> None: ...

    async def enter(self, *prediction: object) -> None: ...


_start = shipped.Imip.__init__


def _start_unlogged(self: shipped.Imip) -> None:
    _start(self)
    self._logbook = NoLog(self._logbook)  # type: ignore[assignment]


shipped.Imip.__init__ = _start_unlogged  # type: ignore[method-assign]
service = shipped.service
