"""How `brain-lesion` is made: the evidence network's map, cut into regions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imip.inference.module import AnalysisModule
from imip.inference.predictor import Analysis
from training.data.brain import NO_TUMOR
from training.data.samples import Sample
from training.evaluation import regions
from training.recipe import Evaluation
from training.recipes.brain_tumor import BrainTumor


class BrainLesion(BrainTumor):
    """The recipe of the shipped artifact."""

    healthy = "No Lesion"
    key = ("dice", "specificity")

    def label(self, class_name: str) -> str:
        return self.healthy if class_name == NO_TUMOR else "Lesion"

    def evaluate_analyses(
        self,
        module: AnalysisModule,
        samples: Sequence[Sample],
        analyses: Sequence[Analysis],
        groups: NDArray[np.int64],
    ) -> Evaluation:
        """Add how good the regions are, first of all."""
        evaluation = super().evaluate_analyses(module, samples, analyses, groups)
        own = regions.measures(samples, analyses, groups)
        return replace(evaluation, report=replace(evaluation.report, metrics={**own, **evaluation.report.metrics}))

    def tables(self, evaluation: Evaluation) -> dict[str, Any]:
        """Add how lesions of each size are found."""
        tables = super().tables(evaluation)
        if any(sample.lesion is not None for sample in evaluation.samples):
            tables["sizes"] = regions.by_size(evaluation.samples, evaluation.analyses, evaluation.scored.group)
        return tables
