"""A pool of processes that runs one task on very many items and continues when a process crashes.

An item can crash its process: the system kills it when memory is short, or a decoder has a bug. The items that were in
progress then run again one at a time, so that only the item that caused the crash is given up.
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

ITEMS_PER_WORKER = 4  # submitted at once, so that no worker is ever idle

T = TypeVar("T")
R = TypeVar("R")
T_in = TypeVar("T_in", contravariant=True)
R_out = TypeVar("R_out", covariant=True)


class Task(Protocol[T_in, R_out]):
    """What a worker does. It is pickled and sent to the worker with each item."""

    def initialize(self) -> None:
        """Prepare a worker. An exception ends the run."""

    def __call__(self, item: T_in, /) -> R_out:
        """Process one item. An exception ends the run."""


class WorkersFailed(Exception):
    """A worker process crashed before it got its first item."""


class WorkerPool(Generic[T, R]):
    """Processes of one thread each."""

    def __init__(self, task: Task[T, R], count: int) -> None:
        self._task, self._count = task, count
        self.crashes = 0  # of worker processes so far

    def map_unordered(self, items: Iterable[T]) -> Generator[tuple[T, R | None], None, None]:
        """Yield each item with its result, in any order. The result is None if the item crashed its worker.

        Reads `items` lazily. Raises WorkersFailed.
        """
        pending = iter(items)
        while unfinished := (yield from self._run_until_crash(pending, self._count, self._count * ITEMS_PER_WORKER)):
            suspects = iter(unfinished)
            while culprit := (yield from self._run_until_crash(suspects, count=1, limit=1)):
                yield culprit[0], None

    def _run_until_crash(self, pending: Iterator[T], count: int, limit: int) -> Generator[tuple[T, R], None, list[T]]:
        """Yield items with results, at most `limit` items at once. Return the unfinished items if a worker crashes."""
        queued: deque[T] = deque()
        running: dict[Future[R], T] = {}
        with self._pool(count) as pool:
            try:
                while True:
                    queued.extend(islice(pending, limit - len(running)))
                    while queued:
                        future = pool.submit(self._task, queued[0])
                        running[future] = queued.popleft()
                    if not running:
                        return []
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        yield running.pop(future), result
            except BrokenProcessPool:
                self.crashes += 1
                return [*running.values(), *queued]

    @contextmanager
    def _pool(self, count: int) -> Iterator[ProcessPoolExecutor]:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # BLAS threads would spin after each product
        pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_initialize_worker)
        try:
            self._initialize_task(pool)
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)

    def _initialize_task(self, pool: ProcessPoolExecutor) -> None:
        try:
            pool.submit(self._task.initialize).result()
        except BrokenProcessPool as error:
            raise WorkersFailed("Worker processes end before they have anything to do.") from error


def _initialize_worker() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders and LiteRT would write into the progress bar
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl+C and stops the workers
    cv2.setNumThreads(1)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Exit when the parent is killed; otherwise the worker would wait for items for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
