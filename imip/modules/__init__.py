"""The analysis modules by name. A module is one file here, one artifact under `models/`, one line below."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imip.framing import Framed
from imip.judgement import Judgement
from imip.model import Model, Output
from imip.modules.brain_tumor import BrainTumor


class AnalysisModule(Protocol):
    """What a module adds to a model: how a slice becomes its input, and how its output becomes a judgement."""

    name: str
    model: Model

    def prepare(self, pixels: NDArray[np.uint8]) -> Framed: ...

    def judge(self, output: Output) -> Judgement: ...


MODULES: Mapping[str, Callable[[Model], AnalysisModule]] = {BrainTumor.name: BrainTumor}
