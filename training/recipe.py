"""How a module is trained, exported and evaluated: what its recipe must define, and what all recipes share."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from training.data.samples import Found, Sample, find_files
from training.data.samples import load as load_samples
from training.data.split import MANIFESTS, Dataset, Entry, divide, split
from training.evaluation import binary, multiclass
from training.evaluation.by_source import KEY, Observed
from training.evaluation.foreign import flagged_shares
from training.evaluation.plots import write_plots
from training.evaluation.report import Report, table

ROOT: Final = Path(__file__).parent.parent
Scored = binary.Scored | multiclass.Scored


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An artifact and how it did on some scans."""

    module: AnalysisModule
    samples: Sequence[Sample]
    analyses: Sequence[Analysis]  # of the samples, as served
    scored: Scored
    report: Report
    foreign: Sequence[Sample] = ()  # pictures of another kind in the same part

    @property
    def text(self) -> str:
        return f"{self.module.card.title}, version {self.module.card.version}\n\n{table(self.report)}"


class Recipe(ABC):
    """The recipe of one module."""

    manifest_name: str  # of the data set's split, in `training/manifests`
    folders: Mapping[str, str]  # class by the name of its folder
    divided_by: Literal["us", "its makers"] = "us"  # who divided the data set for this module
    numbered: Collection[str] = ()  # classes whose files are numbered by patient
    healthy: str | None = None  # the label of scans that show nothing, if there is one
    sources: Sequence[str] = ()  # that can be left out of training, to judge on them
    key: Sequence[str] = KEY  # measures that sum a source up; the first that it defines does

    def __init__(self, module: type[AnalysisModule], about: About) -> None:
        self.module, self.about = module, about

    @property
    def run_name(self) -> str:
        """The folder of a training run below `runs`; modules of one network share one."""
        return self.module.name

    @property
    def weights(self) -> Path:
        """The file of the shipped weights."""
        return ROOT / "training" / "weights" / f"{self.module.name}.npz"

    @property
    def artifact(self) -> Path:
        """The folder of the shipped artifact."""
        return ROOT / "models" / self.module.name

    @property
    def manifest(self) -> Path:
        """The file of the committed split."""
        return MANIFESTS / f"{self.manifest_name}.csv"

    @abstractmethod
    def label(self, class_name: str) -> str:
        """Return the module's label of a class of the data set."""

    @abstractmethod
    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        """Train in the folder `run`, or go on with it, and return the file of weights. `epochs`: at most, a stage.

        Raises ArtifactError if nothing can be learned from these scans.
        """

    @abstractmethod
    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        """Write the artifact and return a line on how well it agrees with what was trained.

        Raises ArtifactError if it does not.
        """

    def find(self, data: Path) -> list[Found]:
        """Return the labelled files below a folder. Raises FileNotFoundError if there is none."""
        return find_files(data, self.folders)

    def samples(self, data: Path) -> tuple[list[Sample], int]:
        """Read labelled scans; return them and how many files could not be read. Raises FileNotFoundError."""
        return load_samples(self.find(data), progress)

    def begin(self, samples: Sequence[Sample]) -> None:  # noqa: B027, as most recipes' manifests are committed
        """Make what dividing needs, before a training; called by `imip train` alone."""

    def group(self, samples: Sequence[Sample]) -> NDArray[np.int64]:
        """Return the group of near-duplicates that each sample is in, (n,)."""
        return group(samples, self.module.crop, self.numbered)

    def split(self, samples: Sequence[Sample]) -> list[Entry]:
        """Divide scans anew, whole groups at a time."""
        return split(samples, self.group(samples))

    def divide(self, samples: Sequence[Sample]) -> Dataset:
        """Divide scans as the committed manifest says. Raises KeyError if one is not in it."""
        return divide(samples, self.manifest)

    def leave_out(self, dataset: Dataset, source: str) -> tuple[Dataset, Dataset]:
        """Return what is left to train on without one of `sources`, and that source, all of it as test part."""
        raise NotImplementedError

    def judge(self, artifact: Path, dataset: Dataset) -> Observed:
        """Return what an artifact says of the test part, by origin. Raises ArtifactError if it is damaged."""
        raise NotImplementedError

    def evaluate(self, artifact: Path, dataset: Dataset) -> Evaluation:
        """Evaluate an artifact on the test part. Raises ArtifactError if it is damaged."""
        module = load(artifact)
        samples = dataset.part("test")
        analyses = [analyse(sample.data, module) for sample in progress(samples)]
        evaluation = self.evaluate_analyses(module, samples, analyses, dataset.groups(samples))
        return replace(evaluation, foreign=dataset.foreign_part("test"))

    def evaluate_analyses(
        self,
        module: AnalysisModule,
        samples: Sequence[Sample],
        analyses: Sequence[Analysis],
        groups: NDArray[np.int64],
    ) -> Evaluation:
        """Compare what a module said of scans with what they are."""
        actual = np.array([self.label(sample.class_name) for sample in samples])
        if isinstance(module, BinaryClassifier):
            class_names = np.array([sample.class_name for sample in samples])
            scored_binary = _score_binary(module.card.labels, analyses, actual, class_names, groups)
            point = OperatingPoint.of(module.card.decision)
            return Evaluation(module, samples, analyses, scored_binary, binary.evaluate(scored_binary, point))
        scored = _score_multiclass(module.card.labels, analyses, actual, groups)
        return Evaluation(module, samples, analyses, scored, multiclass.evaluate(scored, healthy=self.healthy))

    def figures(self, evaluation: Evaluation, *, films: Path | None) -> dict[str, Any]:
        """Return what the card says of the test part. `films`: PneumoniaMNIST's archive, as foreign input."""
        warned = [OUT_OF_DISTRIBUTION in analysis.prediction.warnings for analysis in evaluation.analyses]
        held_out = round(float(np.mean(warned)), 4)
        figures = {
            "test": evaluation.report.as_dict(),
            "out_of_distribution": {"held-out scans": held_out, **self.foreign(evaluation, films)},
        }
        tables = self.tables(evaluation)
        return figures | {"tables": tables} if tables else figures

    def foreign(self, evaluation: Evaluation, films: Path | None) -> dict[str, float]:
        """Return the share of each kind of foreign picture that gets the out-of-distribution warning."""
        return flagged_shares(evaluation.module, films)

    def tables(self, evaluation: Evaluation) -> dict[str, Any]:
        """Return the module's own tables of its card, by name: see `training.export.card_page`."""
        return {}

    def draw(self, evaluation: Evaluation, folder: Path) -> None:
        """Draw the evaluation into a folder, made if missing."""
        write_plots(evaluation.scored, evaluation.report, folder)


def _score_binary(
    labels: tuple[str, ...],
    analyses: Sequence[Analysis],
    actual: NDArray[np.str_],
    class_names: NDArray[np.str_],
    groups: NDArray[np.int64],
) -> binary.Scored:
    return binary.Scored(
        labels=(labels[0], labels[1]),
        probability=np.array([analysis.output.probabilities[0] for analysis in analyses], np.float64),
        is_positive=actual == labels[0],
        class_name=class_names,
        group=groups,
    )


def _score_multiclass(
    labels: tuple[str, ...], analyses: Sequence[Analysis], actual: NDArray[np.str_], groups: NDArray[np.int64]
) -> multiclass.Scored:
    return multiclass.Scored(
        labels=labels,
        probabilities=np.array([analysis.output.probabilities for analysis in analyses], np.float64),
        answered=np.array([analysis.prediction.label for analysis in analyses]),
        actual=actual,
        group=groups,
        uncertain=np.array([analysis.prediction.decision == "uncertain" for analysis in analyses]),
    )


def progress(items: Iterable[Any]) -> Iterable[Any]:
    """Yield items and show how far they are."""
    return tqdm(list(items), desc="reading scans", unit="scan")
