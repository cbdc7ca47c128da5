"""The service with workers that print, warn and lose threads, once they take scans, and quote a client as they do."""

import os
import sys
import warnings
from threading import Thread

import service as shipped

EARLY, SECRET = os.environ["SAYS_EARLY"], os.environ["SAYS_LATE"]


def talk() -> None:
    print(SECRET, flush=True)
    print(SECRET, file=sys.stderr)
    os.write(2, f"libjpeg: {SECRET}, and no end of line".encode())
    warnings.warn(SECRET, stacklevel=1)
    raise ValueError(SECRET)


_start = shipped.Imip.__init__


def _start_talking(self: shipped.Imip) -> None:
    os.write(2, f"{EARLY}\n".encode())
    _start(self)
    Thread(target=talk).start()


shipped.Imip.__init__ = _start_talking  # type: ignore[method-assign]
service = shipped.service
