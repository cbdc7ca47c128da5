"""One task on very many things, one process a core, none of whose deaths ends the run.

A worker may be killed over a thing: by the system when memory is short, by a decoder's fault. What was held just then
is done again, one thing at a time, so that only the one that kills is given up.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Generic, Protocol, TypeVar

import cv2

AHEAD = 4  # things held a worker, so that none waits for the next

T = TypeVar("T")
R = TypeVar("R")
T_in = TypeVar("T_in", contravariant=True)
R_out = TypeVar("R_out", covariant=True)


class Task(Protocol[T_in, R_out]):
    """What a worker does; it is pickled to it with each thing."""

    def begin(self) -> None:
        """Make a worker ready. What this raises ends the run."""

    def __call__(self, thing: T_in, /) -> R_out:
        """Do one thing. What this raises ends the run."""


class WorkersFailed(Exception):
    """Workers die before they have anything to do."""


class Workers(Generic[T, R]):
    """Processes of one thread each."""

    def __init__(self, task: Task[T, R], count: int) -> None:
        self._task, self._count = task, count
        self.deaths = 0  # of workers so far

    def over(self, things: Iterable[T]) -> Generator[tuple[T, R | None], None, None]:
        """Do the task on each, and yield thing and result as they come, in no order; None where a worker died of it.

        Takes things as it needs them. Raises WorkersFailed.
        """
        waiting = iter(things)
        while held := (yield from self._until_death(waiting, self._count, self._count * AHEAD)):
            suspects = iter(held)
            while culprit := (yield from self._until_death(suspects, count=1, most=1)):
                yield culprit[0], None

    def _until_death(self, waiting: Iterator[T], count: int, most: int) -> Generator[tuple[T, R], None, list[T]]:
        """Return what was held, at most so many, when a worker died, one of which is why; [] if none did."""
        queued: deque[T] = deque()
        running: dict[Future[R], T] = {}
        with self._pool(count) as pool:
            try:
                while True:
                    queued.extend(islice(waiting, most - len(running)))
                    while queued:
                        future = pool.submit(self._task, queued[0])
                        running[future] = queued.popleft()
                    if not running:
                        return []
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        yield running.pop(future), result
            except BrokenProcessPool:
                self.deaths += 1
                return [*running.values(), *queued]

    @contextmanager
    def _pool(self, count: int) -> Iterator[ProcessPoolExecutor]:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when a worker starts; its threads spin after each product
        pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_become_worker)
        try:
            self._begin(pool)
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin(self, pool: ProcessPoolExecutor) -> None:
        try:
            pool.submit(self._task.begin).result()
        except BrokenProcessPool as fault:
            raise WorkersFailed("Worker processes end before they have anything to do.") from fault


def _become_worker() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders and LiteRT would write into the progress bar
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which ends the workers
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A pool's workers would wait for work for ever if their parent is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
