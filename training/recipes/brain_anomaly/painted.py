"""Does `brain-anomaly` see lesions, or only where a slice comes from? The same slices with and without a painted mass.

Nothing but the lesion differs between them: not source, plane, contrast or patient, which all differ between the
tumors and the normal slices of the data set.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imip.inference.head import crop_to_head
from imip.inference.output import Output
from training.augmentation.brain import paint_lesion
from training.evaluation.bootstrap import Proportion, Weights, estimates
from training.evaluation.measures import average, roc_auc
from training.recipe import Evaluation
from training.recipes.brain_mri import is_tumor

SEED = 20261121
CHANGED = 8  # grey levels; what painting changed by more belongs to the lesion or its oedema


def evaluate_painted(evaluation: Evaluation) -> dict[str, Any]:
    """Return a table of how the normal slices score once a mass is painted into them, with intervals over groups."""
    rows = np.flatnonzero(~is_tumor(evaluation.samples)).tolist()
    before, after, within, share = [], [], [], []
    for row in rows:
        pixels = evaluation.samples[row].pixels
        painted = paint_lesion(pixels, np.random.default_rng((SEED, row)))
        model_input = crop_to_head(painted, evaluation.module.card.input.side)
        output = evaluation.module.run(model_input)
        lesion = np.abs(painted.astype(np.int16) - pixels) > CHANGED
        heat = model_input.to_slice(output.heatmaps[:, :, 0])
        before.append(_score(evaluation.analyses[row].output))
        after.append(_score(output))
        within.append(bool(lesion[np.unravel_index(heat.argmax(), heat.shape)]))
        share.append(float(lesion[heat > 0].mean()) if (heat > 0).any() else 0.0)
    return _table(np.array(before), np.array(after), np.array(within), np.array(share), evaluation.scored.group[rows])


def _score(output: Output) -> float:
    assert output.measures is not None
    return float(output.measures.mean())


def _table(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    within: NDArray[np.bool_],
    share: NDArray[np.float64],
    group: NDArray[np.int64],
) -> dict[str, Any]:
    everywhere = np.ones_like(within)
    scores, is_painted = np.concatenate([before, after]), np.repeat([False, True], len(before))

    def area(weights: Weights) -> NDArray[np.float64]:
        return roc_auc(scores, is_painted, np.concatenate([weights, weights], axis=1))

    found = estimates(
        {
            "scores higher than the same slice without it (0.5 by chance)": Proportion(after > before, everywhere),
            "ROC AUC, all with it against all without": area,
            "largest error lies in the lesion": Proportion(within, everywhere),
            "the same by chance: the lesion's share of the head": lambda weights: average(share, weights),
        },
        group,
    )
    title = f"A mass painted into the {len(before)} slices without a tumor, so that nothing but a lesion differs:"
    return {
        "title": title,
        "columns": ["With a painted lesion", "Value"],
        "rows": [[name, estimate.as_dict()] for name, estimate in found.items()],
    }
