"""What the detectors say of a window, and how often they say it."""

from collections.abc import Sequence

import numpy as np

from imip.settings import DriftSettings
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.checks import Detector
from monitoring.drift.detectors import detectors
from tools.benchmarks.drift.page import Rate

SEED = 20261102
SETTINGS = DriftSettings()

Verdict = dict[str, bool]  # by detector, and of any


def verdict(warm: Sequence[Detector], window: PredictionArrays) -> Verdict:
    found = {detector.name: detector(window).drifted for detector in warm}
    return found | {"any": any(found.values())}


def detectors_of(reference: PredictionArrays) -> Sequence[Detector]:
    return detectors(reference, tuple(np.unique(reference.labels).tolist()), SETTINGS)


def rate(results: Sequence[tuple[Verdict, int, int]]) -> Rate:
    names = results[0][0]
    return Rate(
        {name: sum(verdict[name] for verdict, _, _ in results) for name in names},
        len(results),
        round(float(np.median([reference for _, reference, _ in results]))),
        round(float(np.median([window for _, _, window in results]))),
    )
