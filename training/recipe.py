"""How a module is trained, exported and judged: what its recipe must define, and what all recipes share."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from imip.inference.decision import OUT_OF_DISTRIBUTION
from imip.inference.module import AnalysisModule, BinaryClassifier
from imip.inference.predictor import Analysis, analyse
from imip.modules import load
from training.about import About
from training.calibration import OperatingPoint
from training.data.near_duplicates import group
from training.data.samples import Sample
from training.data.samples import load as load_samples
from training.data.split import MANIFESTS, Dataset, divide
from training.evaluation import binary, multiclass
from training.evaluation.foreign import flagged_shares
from training.evaluation.plots import write_plots
from training.evaluation.report import Report, table

ROOT: Final = Path(__file__).parent.parent
Scored = binary.Scored | multiclass.Scored


@dataclass(frozen=True, slots=True)
class Measured:
    """An artifact and how it did on some scans."""

    module: AnalysisModule
    samples: Sequence[Sample]
    analyses: Sequence[Analysis]  # of the samples, as served
    scored: Scored
    report: Report

    @property
    def text(self) -> str:
        return f"{self.module.card.title}, version {self.module.card.version}\n\n{table(self.report)}"


class Recipe(ABC):
    """The recipe of one module."""

    manifest_name: str  # of the data set's split, in `training/manifests`
    folders: Mapping[str, str]  # class by the name of its folder
    split: Literal["ours", "official"] = "ours"  # who divided the data set for this module
    test_folder: str | None = None  # the data set's own folder of test scans, where its split is not the one in use
    numbered: Collection[str] = ()  # classes whose files are numbered by patient
    healthy: str | None = None  # the label of scans that show nothing, if there is one

    def __init__(self, module: type[AnalysisModule], about: About) -> None:
        self.module, self.about = module, about

    @property
    def weights(self) -> Path:
        """Where the shipped weights stand."""
        return ROOT / "training" / "weights" / f"{self.module.name}.npz"

    @property
    def artifact(self) -> Path:
        """Where the shipped artifact stands."""
        return ROOT / "models" / self.module.name

    @property
    def manifest(self) -> Path:
        """Where the committed split stands."""
        return MANIFESTS / f"{self.manifest_name}.csv"

    @abstractmethod
    def label(self, class_name: str) -> str:
        """Return the module's label of a class of the data set."""

    @abstractmethod
    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        """Train in the folder `run`, or go on with it, and return the file of weights. `epochs`: at most, a stage."""

    @abstractmethod
    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        """Write the artifact and return a line on how well it agrees with what was trained.

        Raises ArtifactError if it does not.
        """

    def samples(self, data: Path) -> tuple[list[Sample], int]:
        """Read labelled scans; return them and how many files could not be read. Raises FileNotFoundError."""
        return load_samples(data, self.folders, _progress)

    def begin(self, samples: Sequence[Sample]) -> None:  # noqa: B027, as most recipes' manifests are committed
        """Make what dividing needs, before a training; called by `imip train` alone."""

    def group(self, samples: Sequence[Sample]) -> NDArray[np.int64]:
        """Return the group of near-duplicates that each sample is in, (n,)."""
        return group(samples, self.module.crop, self.numbered)

    def divide(self, samples: Sequence[Sample]) -> Dataset:
        """Divide scans as the committed manifest says. Raises KeyError if one is not in it."""
        return divide(samples, self.manifest)

    def measure(self, artifact: Path, dataset: Dataset) -> Measured:
        """Judge an artifact on the test part. Raises ArtifactError if it is damaged."""
        module = load(artifact)
        samples = dataset.part("test")
        analyses = [analyse(sample.data, module) for sample in _progress(samples)]
        return self.judge(module, samples, analyses, dataset.groups(samples))

    def judge(
        self,
        module: AnalysisModule,
        samples: Sequence[Sample],
        analyses: Sequence[Analysis],
        groups: NDArray[np.int64],
    ) -> Measured:
        """Compare what a module said of scans with what they are."""
        actual = np.array([self.label(sample.class_name) for sample in samples])
        probabilities = np.array([analysis.output.probabilities for analysis in analyses], np.float64)
        if isinstance(module, BinaryClassifier):
            scored_binary = binary.Scored(
                labels=(module.card.labels[0], module.card.labels[1]),
                probability=probabilities[:, 0],
                is_positive=actual == module.card.labels[0],
                class_name=np.array([sample.class_name for sample in samples]),
                group=groups,
            )
            point = OperatingPoint(**module.card.decision.thresholds)
            return Measured(module, samples, analyses, scored_binary, binary.evaluate(scored_binary, point))
        scored = multiclass.Scored(
            labels=module.card.labels,
            probabilities=probabilities,
            answered=np.array([analysis.prediction.label for analysis in analyses]),
            actual=actual,
            group=groups,
            uncertain=np.array([analysis.prediction.decision == "uncertain" for analysis in analyses]),
        )
        return Measured(module, samples, analyses, scored, multiclass.evaluate(scored, healthy=self.healthy))

    def figures(self, measured: Measured, *, films: Path | None) -> dict[str, Any]:
        """Return what the card tells of the test part; a module's own recipe may add to it.

        `films`: PneumoniaMNIST's archive, as foreign input.
        """
        warned = float(np.mean([OUT_OF_DISTRIBUTION in analysis.prediction.warnings for analysis in measured.analyses]))
        return {
            "test": measured.report.as_dict(),
            "out_of_distribution": {"held-out scans": round(warned, 4), **flagged_shares(measured.module, films)},
        }

    def draw(self, measured: Measured, folder: Path) -> None:
        """Draw what was measured into a folder, made if missing."""
        write_plots(measured.scored, measured.report, folder)


def _progress(items: Iterable[Any]) -> Iterable[Any]:
    return tqdm(list(items), desc="reading scans", unit="scan")
