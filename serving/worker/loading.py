"""A module made ready in a worker, and what that cost: time to its first answer, and memory."""

import logging
import time
from pathlib import Path

import numpy as np
import psutil

from imip.explain.explanation import explain
from imip.explain.heatmap import encode_png
from imip.inference.module import AnalysisModule
from imip.inference.predictor import analyse
from imip.modules import load
from monitoring import metrics

log = logging.getLogger("imip.module")

BLANK = np.zeros((64, 64), np.uint8)


def load_warm(folder: Path) -> AnalysisModule:
    """Load the artifact in a folder and send one blank slice through it, so that the first client waits for nothing.

    Raises ArtifactError if it is damaged. The memory counts to the module that first needs what several share.
    """
    start, before = time.perf_counter(), _resident()
    module = load(folder)
    analysis = analyse(encode_png(BLANK), module)
    explain(analysis)
    seconds, memory = time.perf_counter() - start, max(0, _resident() - before)
    metrics.module_load_duration.labels(module.name).set(seconds)
    metrics.module_memory.labels(module.name).set(memory)
    told = {"model": f"{module.name}:{module.card.version}", "seconds": round(seconds, 3), "bytes": memory}
    log.info("module loaded", extra={"fields": told})
    return module


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)
