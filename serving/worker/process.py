"""What a worker process does to itself, and to what exited workers left, before it takes a scan."""

import os
from pathlib import Path

import cv2
import psutil

try:
    import resource
except ImportError:  # Windows has no such limits, and writes no core files
    resource = None  # type: ignore[assignment]


def harden() -> None:
    """Forbid core dumps, which would put a scan on disk, and keep OpenCV to the worker's one core."""
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cv2.setNumThreads(1)


def remove_gauges_of_exited_workers() -> None:
    """Remove the `live*` gauges of killed workers: the requests that they held would count as in flight for ever.

    What `prometheus_client.multiprocess.mark_process_dead` does, which nobody calls where a worker is killed.
    """
    folder = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", os.devnull))
    for file in folder.glob("gauge_live*_*.db"):
        if not psutil.pid_exists(int(file.stem.rpartition("_")[2])):
            file.unlink(missing_ok=True)
