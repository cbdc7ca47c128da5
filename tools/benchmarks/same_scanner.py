"""Performance of the brain modules on one data source: `python -m tools.benchmarks.same_scanner --data DIR`.

In the training data a tumor correlates with the source of a slice. Here slices with and without a tumor come from the
same patients and scanners (TCGA-LGG, masks by Buda et al. 2019), and no module was trained on them. It prints the ROC
AUC by sequence, with 95% intervals over patients.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from imip.inference.decision import OUT_OF_DISTRIBUTION
from imip.inference.predictor import analyse
from imip.modules import load
from imip.prediction import Prediction
from training.evaluation.bootstrap import estimates
from training.evaluation.measures import roc_auc

MODELS = Path(__file__).parents[2] / "models"
HEALTHY = {
    "brain-tumor": "No Tumor",
    "brain-tumor-type": "No Tumor",
    "brain-tree": "No Tumor",
    "brain-anomaly": "Normal",
}
SEQUENCES = {"flair": "FLAIR", "t1": "T1", "t1c": "T1 after contrast"}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.same_scanner", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder of slices and masks a patient")
    data = parser.parse_args().data
    slices = {sequence: sorted(data.glob(f"*/{sequence}-*.jpg")) for sequence in SEQUENCES}
    for sequence, files in slices.items():
        print(f"{SEQUENCES[sequence]}: {len(files)} slices, {sum(map(shows_tumor, files))} with a tumor.")
    print(f"\n| Module | {' | '.join(SEQUENCES.values())} | out of distribution |")
    print(f"|---|{'---:|' * (len(SEQUENCES) + 1)}")
    for module in HEALTHY:
        print(f"| `{module}` | {' | '.join(row(module, slices))} |", flush=True)


def row(module: str, slices: dict[str, list[Path]]) -> Iterator[str]:
    """Yield the cells of one module: AUC by sequence, and the share of out-of-distribution slices."""
    loaded, out_of_distribution = load(MODELS / module), []
    for files in slices.values():
        predictions = [analyse(file.read_bytes(), loaded).prediction for file in tqdm(files, desc=module, unit="slice")]
        out_of_distribution += [OUT_OF_DISTRIBUTION in prediction.warnings for prediction in predictions]
        yield auc(predictions, HEALTHY[module], files)
    yield f"{np.mean(out_of_distribution):.0%}"


def auc(predictions: Sequence[Prediction], healthy: str, files: Sequence[Path]) -> str:
    """Return the ROC AUC with its interval over patients. The score is 1 - probability of the healthy label."""
    score = np.array([1 - prediction.probabilities[healthy] for prediction in predictions])
    is_tumor = np.array(list(map(shows_tumor, files)))
    _, patient = np.unique([file.parent.name for file in files], return_inverse=True)
    area = estimates({"auc": lambda weights: roc_auc(score, is_tumor, weights)}, patient.astype(np.int64))["auc"]
    return f"{area.value:.2f} ({area.low:.2f} to {area.high:.2f})"


def shows_tumor(file: Path) -> bool:
    """Return whether a slice has a mask of a tumor."""
    return file.with_name(f"mask-{file.stem.rpartition('-')[2]}.png").exists()


if __name__ == "__main__":
    main()
