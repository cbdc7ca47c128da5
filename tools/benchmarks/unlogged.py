"""The service without its prediction log, as a baseline for benchmarks. No setting turns the log off."""

import service as shipped


class NoLog:
    """A prediction log that stores nothing."""

    available = True

    async def keep(self, prediction: object) -> None: ...


_start = shipped.Imip.__init__


def _start_unlogged(self: shipped.Imip) -> None:
    _start(self)
    self._worker.pipeline._log = NoLog()


shipped.Imip.__init__ = _start_unlogged  # type: ignore[method-assign]
service = shipped.service
