"""From what modules said of the same scans to the page that compares them."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.app import app
from imip.inference.artifact import CARD, read_card
from tests.support.server import REPOSITORY
from training.comparison import compare as comparison
from training.comparison import page as comparison_page
from training.comparison.agreement import ABNORMAL, AVERAGE, HEALTHY, MAJORITY, NO_VOTE
from training.comparison.compare import ACCURACY_GAIN, Comparison, Evaluated, compare, evaluate, vote
from training.data.samples import Sample
from training.data.split import Dataset, Entry
from training.evaluation.bootstrap import Estimate
from training.recipe import Evaluation, Recipe

CLASSES = ("glioma", "meningioma", "pituitary", "notumor")
TYPES = ("Glioma", "Meningioma", "Pituitary", "No Tumor")
STATES = ("Anomaly", "Normal")
ABSTENTION = "Borderline"
SHIPPED = read_card(REPOSITORY / "models" / "brain-tumor")
SCANS = 200


class Simulated(Recipe):
    """A module right as often as its noise lets it, which abstains where its best probability is below `silent`."""

    artifact = REPOSITORY / "models" / "brain-tumor"

    def __init__(
        self,
        name: str,
        labels: Sequence[str] = TYPES,
        healthy: str = "No Tumor",
        *,
        noise: float = 1.0,
        silent: float = 0.0,
    ) -> None:
        self.module: Any = SimpleNamespace(name=name)
        self.labels, self.healthy, self.noise, self.silent = labels, healthy, noise, silent

    def label(self, class_name: str) -> str:
        return self.labels[CLASSES.index(class_name)] if len(self.labels) == 4 else STATES[class_name == "notumor"]

    def samples(self, data: Path) -> tuple[list[Sample], int]:
        return dataset().samples, 0

    def divide(self, samples: Sequence[Sample]) -> Dataset:
        return dataset()

    def train(self, dataset: Dataset, run: Path, epochs: int | None) -> Path:
        raise NotImplementedError

    def export(self, weights: Path, dataset: Dataset, out: Path) -> str:
        raise NotImplementedError

    def evaluate(self, artifact: Path, dataset: Dataset) -> Evaluation:
        samples, rng = dataset.part("test"), np.random.default_rng(len(self.module.name))
        labels: dict[str, Any] = {"module": self.module.name, "labels": tuple(self.labels), "headline": "macro_f1"}
        module: Any = SimpleNamespace(card=SHIPPED.model_copy(update=labels))
        return self.evaluate_analyses(module, samples, [self._say(s, rng) for s in samples], dataset.groups(samples))

    def _say(self, sample: Sample, rng: np.random.Generator) -> Any:
        actual = np.array(self.labels) == self.label(sample.class_name)
        scores = np.exp(3 * actual + rng.normal(0, self.noise, len(self.labels)))
        probabilities = scores / scores.sum()
        abstains = probabilities.max() < self.silent
        return SimpleNamespace(
            output=SimpleNamespace(probabilities=probabilities),
            prediction=SimpleNamespace(
                label=ABSTENTION if abstains else self.labels[int(probabilities.argmax())],
                decision="uncertain" if abstains else "confident",
            ),
        )


def dataset() -> Dataset:
    samples = [Sample(Path(), str(i), CLASSES[i % 4], np.zeros((1, 1), np.uint8), b"") for i in range(SCANS)]
    return Dataset(samples, {s.digest: Entry(s.digest, s.class_name, int(s.digest) // 2, "test") for s in samples})


THREE = (
    Simulated("kind"),
    Simulated("kind-too", noise=3.0),
    Simulated("state", STATES, "Normal", noise=2.0, silent=0.9),
)
ELSEWHERE = Simulated("elsewhere", STATES, "Normal")


@pytest.fixture(scope="module")
def three() -> list[Evaluated]:
    return evaluate(THREE, dataset())


@pytest.fixture(scope="module")
def compared(three: list[Evaluated]) -> Comparison:
    return compare(three, [ELSEWHERE], dataset())


def test_every_module_answers_the_common_question_in_its_own_labels(three: list[Evaluated]) -> None:
    votes = vote(three, dataset())
    assert votes.modules == ("kind", "kind-too", "state")
    assert votes.is_abnormal.tolist() == [class_name != "notumor" for class_name in CLASSES] * (SCANS // 4)
    for index, one in enumerate(three):
        for row, analysis in enumerate(one.evaluation.analyses):
            expected = {ABSTENTION: NO_VOTE, "No Tumor": HEALTHY, "Normal": HEALTHY}
            assert votes.vote[row, index] == expected.get(analysis.prediction.label, ABNORMAL)
            assert votes.probability[row, index] == pytest.approx(1 - analysis.output.probabilities[-1])


def test_a_module_without_a_healthy_label_is_named() -> None:
    kind, state = evaluate([Simulated("kind"), Simulated("state", STATES, "Normal")], dataset())
    state.recipe.healthy = None
    with pytest.raises(ValueError, match="state has no label that means healthy"):
        vote([kind, state], dataset())


def test_modules_are_compared_on_one_scale(compared: Comparison) -> None:
    assert list(compared.common) == ["kind", "kind-too", "state", AVERAGE, MAJORITY]
    assert compared.common["kind"]["roc_auc"].value > compared.common["kind-too"]["roc_auc"].value
    assert compared.common["state"]["no_vote"].value > 0 == compared.common["kind"]["no_vote"].value
    assert (compared.scans, compared.groups) == (SCANS, SCANS // 2)


def test_modules_with_the_same_labels_are_compared_on_them(compared: Comparison) -> None:
    (alike,) = compared.classes
    assert set(alike) == {"kind", "kind-too"}
    difference = alike["kind-too"]["accuracy"].value - alike["kind"]["accuracy"].value
    assert alike["kind-too"][ACCURACY_GAIN].value == pytest.approx(difference)
    assert alike["kind-too"][ACCURACY_GAIN].high < 0


def test_a_module_of_another_data_set_is_there_with_its_cards_figure(compared: Comparison) -> None:
    other = compared.own[-1]
    figure = SHIPPED.metrics["test"]["metrics"][SHIPPED.headline]
    assert other.headline == Estimate(**figure) and not other.compared
    assert 0 < other.megabytes < 5


def test_a_module_that_was_never_measured_has_no_figure(three: list[Evaluated], tmp_path: Path) -> None:
    SHIPPED.model_copy(update={"metrics": {}}).write(tmp_path / CARD)
    other = Simulated("elsewhere", STATES, "Normal")
    other.artifact = tmp_path  # type: ignore[misc]
    compared = compare(three, [other], dataset())
    assert compared.own[-1].headline is None
    assert f"| {SHIPPED.headline.replace('_', ' ')} - | 0, by its card" in comparison_page.render(compared)


def test_the_page_has_every_figure(compared: Comparison) -> None:
    page = comparison_page.render(compared)
    for name, measured in compared.common.items():
        shown = f"`{name}`" if name.startswith(("kind", "state")) else name
        assert f"| {shown} |" in page
        assert all(f"{estimate.value:.4f}" in page for estimate in measured.values())
    assert f"{SCANS} scans in {SCANS // 2} groups" in page
    assert "nan" not in page


def test_the_page_says_better_only_where_the_interval_excludes_no_difference(compared: Comparison) -> None:
    page = comparison_page.render(compared)
    for measure, subject in (("area", "The average by ROC AUC"), ("brier", "The average by Brier score")):
        (line,) = (line for line in page.splitlines() if line.startswith(f"- {subject}"))
        for name, gain in compared.gains.items():
            estimate: Estimate = getattr(gain, measure)
            above, below = ("better", "worse") if measure == "area" else ("worse", "better")
            side = above if estimate.low > 0 else below if estimate.high < 0 else "no clear difference"
            (said,) = (part for part in line.rstrip(".").split("; ") if f"`{name}`" in part)
            assert f"{side} for" in said


def test_nothing_is_concluded_from_a_handful_of_wrong_votes(compared: Comparison) -> None:
    page = comparison_page.render(compared)
    enough = {one.module for one in compared.signals if one.wrong_groups >= comparison_page.FEWEST_WRONG}
    few = {one.module for one in compared.signals} - enough
    assert enough and few
    (too_few,) = (line for line in page.splitlines() if line.startswith("- Wrong votes in fewer than"))
    (verdict,) = (line for line in page.splitlines() if line.startswith("- How many others voted alike"))
    assert all(f"`{name}`" in too_few and f"`{name}`" not in verdict for name in few)
    assert all(f"`{name}`" in verdict and f"`{name}`" not in too_few for name in enough)


def test_the_command_prints_the_page_and_writes_it_with_its_figure_only_if_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(comparison, "shipped", lambda: (list(THREE), [ELSEWHERE]))
    monkeypatch.setattr(comparison_page, "DOCS", tmp_path)
    printed = CliRunner().invoke(app, ["compare", "--data", str(tmp_path)])
    assert printed.exit_code == 0, printed.output
    assert not list(tmp_path.iterdir())
    for folder in ("explanation", "images"):
        (tmp_path / folder).mkdir()
    CliRunner().invoke(app, ["compare", "--data", str(tmp_path), "--write"])
    page = (tmp_path / comparison_page.PAGE).read_text(encoding="utf-8")
    assert page.strip() == printed.stdout.strip()
    assert f"](../{comparison_page.FIGURE})" in page
    assert (tmp_path / comparison_page.FIGURE).read_bytes().startswith(b"\x89PNG")


def test_one_module_alone_cannot_be_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(comparison, "shipped", lambda: ([Simulated("kind")], []))
    result = CliRunner().invoke(app, ["compare", "--data", str(tmp_path)])
    assert result.exit_code == 1 and "fewer than two" in result.stderr
