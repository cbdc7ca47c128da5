"""What a process exports about itself every few seconds: its memory, its processor time, and whether it takes scans.

prometheus_client's own process metrics do not exist where several processes share one page of metrics.
"""

import threading
from collections.abc import Callable
from typing import Literal

import psutil

from monitoring import metrics

SECONDS = 5.0


class ProcessMetrics:
    """Sets a process' gauges until it is stopped."""

    def __init__(self, kind: Literal["api", "drift-monitor"], ready: Callable[[], bool] | None = None) -> None:
        """`ready`: of an API worker, whether it takes scans."""
        self._kind, self._ready = kind, ready
        self._process = psutil.Process()
        self._spent = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="process-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        self._take()
        while not self._stopping.wait(SECONDS):
            self._take()

    def _take(self) -> None:
        metrics.resident_memory.labels(self._kind).set(self._process.memory_info().rss)
        used = self._process.cpu_times()
        metrics.processor_time.labels(self._kind).inc(used.user + used.system - self._spent)
        self._spent = used.user + used.system
        if self._ready is not None:
            metrics.workers.set(1)
            metrics.workers_ready.set(self._ready())
