"""What is measured on a source left out goes into the shipped card and its page, beside what is there."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imip.inference.artifact import CARD
from imip.inference.card import Card
from tests.support.server import REPOSITORY
from training.evaluation.by_source import HEAD, KEY, Observed
from training.export import figures
from training.export.figures import write_left_out

SOURCES = ("first", "second", "third")


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is written for of a recipe, whose card has no figures."""
    monkeypatch.setattr(figures, "PAGES", tmp_path / "pages")
    for name in ("pages", "artifact"):
        (tmp_path / name).mkdir()
    shipped = Card.read(REPOSITORY / "models" / "brain-tumor" / CARD)
    shipped.model_copy(update={"metrics": {}}).write(tmp_path / "artifact" / CARD)
    return SimpleNamespace(artifact=tmp_path / "artifact", sources=SOURCES, key=KEY)


def observed(source: str, called: list[bool], is_tumor: list[bool]) -> Observed:
    n = len(called)
    text, unknown = np.full(n, source), np.full(n, np.nan)
    said = np.array(called)
    no = np.zeros(n, np.bool_)
    return Observed(
        text, text, text, np.arange(n), np.array(is_tumor), said * 0.8 + 0.1, said, no, unknown, unknown, unknown
    )


def left_out(recipe: Any) -> dict[str, Any]:
    found: dict[str, Any] = Card.read(recipe.artifact / CARD).metrics["left_out"]
    return found


def test_sources_stand_in_their_order_however_they_were_measured(recipe: Any) -> None:
    for source in ("third", "first"):
        write_left_out(recipe, source, observed(source, [True, False, True, False], [True, False, True, False]))
    found = left_out(recipe)
    assert list(found) == ["first", "third"]
    assert all(one["measure"] == "roc_auc" and one["value"] == 1 for one in found.values())
    assert [len(row) for row in found["first"]["rows"]] == [len(HEAD)]
    page = (figures.PAGES / "brain-tumor.md").read_text(encoding="utf-8")
    assert page.index("| first | all | 4 |") < page.index("| third | all | 4 |")


def test_a_source_measured_again_replaces_its_figures(recipe: Any) -> None:
    write_left_out(recipe, "second", observed("second", [False] * 4, [False] * 4))
    write_left_out(recipe, "second", observed("second", [True, False, False, False], [False] * 4))
    assert (left_out(recipe)["second"]["measure"], left_out(recipe)["second"]["value"]) == ("specificity", 0.75)


def test_other_figures_stay(recipe: Any) -> None:
    card = Card.read(recipe.artifact / CARD)
    shares = {"out_of_distribution": {"noise": 0.9}}
    card.model_copy(update={"metrics": shares}).write(recipe.artifact / CARD)
    write_left_out(recipe, "first", observed("first", [True] * 4, [True] * 4))
    assert Card.read(recipe.artifact / CARD).metrics.items() >= shares.items()
    assert "| noise | 90.0% |" in (figures.PAGES / "brain-tumor.md").read_text(encoding="utf-8")
