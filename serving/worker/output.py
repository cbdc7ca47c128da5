"""What is printed beside the log becomes lines of the log, so that each line of a JSON log is JSON.

Native libraries print to standard error, and clients can provoke it. The main process catches both streams, its own
and those of the workers it starts, in pipes and logs what arrives. It reads for the workers because a worker cannot
read for itself: a library that fills the pipe while it holds the interpreter's lock would wait for a thread that
waits for this lock, and what a worker says as it aborts would be lost.
"""

import atexit
import logging
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from threading import Thread
from typing import TextIO

DESCRIPTORS = "_IMIP_LOG_DESCRIPTORS"  # environment variable: the log and the silent pipe, as a worker inherits them
LONGEST = 2048  # bytes of a printed line that are logged as one
CHUNK = 65536
PAUSE = 1.0

log = logging.getLogger("imip.output")


@cache
def capture() -> TextIO:
    """In the main process, catch what it and its workers print from now on. Return the log's own stream."""
    if os.name != "posix":  # Windows hands descriptors down in another way
        return sys.stderr
    own = os.dup(sys.stderr.fileno())
    spoken_end, spoken = os.pipe()
    silent_end, silent = os.pipe()
    readers = [_read(_log_text, spoken_end), _read(_log_size, silent_end)]
    _point_at(spoken)
    os.close(spoken)
    for descriptor in (own, silent):
        os.set_inheritable(descriptor, True)
    os.environ[DESCRIPTORS] = f"{own},{silent}"
    atexit.register(_finish, silent, readers)
    return _stream(own)


def inherited() -> TextIO | None:
    """Return the log's stream in a worker whose main process catches what is printed."""
    descriptors = _descriptors()
    return _stream(descriptors[0]) if descriptors else None


def silence() -> None:
    """From now on have no text logged that this worker prints, only its size: it may quote a client's file."""
    if descriptors := _descriptors():
        _point_at(descriptors[1])


def _descriptors() -> tuple[int, ...]:
    return tuple(int(number) for number in os.environ.get(DESCRIPTORS, "").split(",") if number)


def _point_at(descriptor: int) -> None:
    """Send standard output and error elsewhere, of this process and its later children."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(descriptor, stream.fileno())


def _stream(descriptor: int) -> TextIO:
    return open(descriptor, "w", encoding="utf-8", buffering=1, closefd=False)


def _read(consume: Callable[[int], None], descriptor: int) -> Thread:
    thread = Thread(target=consume, args=(descriptor,), name="output", daemon=True)
    thread.start()
    return thread


def _log_text(descriptor: int) -> None:
    with open(descriptor, "rb") as pipe:
        while line := pipe.readline(LONGEST):
            if text := line.decode("utf-8", "replace").strip():
                log.info("printed", extra={"fields": {"text": text}})


def _log_size(descriptor: int) -> None:
    """Log how much was printed, at most once in `PAUSE` seconds: a client may provoke a lot."""
    size, due = 0, 0.0
    while chunk := os.read(descriptor, CHUNK):
        size += len(chunk)
        if time.monotonic() >= due:
            log.info("printed", extra={"fields": {"bytes": size}})
            size, due = 0, time.monotonic() + PAUSE
    if size:
        log.info("printed", extra={"fields": {"bytes": size}})


def _finish(silent: int, readers: list[Thread]) -> None:
    """Log what is in the pipes; what the interpreter prints after that, as it ends, is dropped."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    _point_at(nowhere)
    os.close(silent)
    for reader in readers:
        reader.join(1)  # a worker that outlives its main process keeps the pipe open
