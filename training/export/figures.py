"""Write the figures of an evaluation into the artifact's card, and the card as a page with plots."""

from pathlib import Path
from typing import Any

from imip.inference.artifact import CARD
from imip.inference.card import Card
from training.evaluation.by_source import Observed, by_source, key_figure
from training.export import card_page
from training.recipe import Evaluation, Recipe

PAGES = Path(__file__).parents[2] / "docs" / "models"


def write_figures(recipe: Recipe, evaluation: Evaluation, artifact: Path, *, films: Path | None) -> None:
    """Write the figures of the test part into the artifact's card, and the page. `films` is `imip evaluate`'s option.

    What the card says of networks trained without a source stays: it is measured by itself.
    """
    options = "" if films is None else " --films FILE"
    figures: dict[str, Any] = {"command": f"imip evaluate {recipe.module.name} --data DATA{options} --write-card"}
    figures |= recipe.figures(evaluation, films=films)
    earlier = evaluation.module.card.metrics
    if "left_out" in earlier:
        figures |= {"left_out": earlier["left_out"]}
    recipe.draw(evaluation, PAGES / recipe.module.name)
    _write(evaluation.module.card.model_copy(update={"metrics": figures}), artifact)


def write_left_out(recipe: Recipe, source: str, observed: Observed) -> None:
    """Write into the shipped card how a network trained without a source does on it, and the page again."""
    card = Card.read(recipe.artifact / CARD)
    name, estimate = key_figure(observed, recipe.key)
    found = {"measure": name, **estimate.as_dict(), "rows": by_source(observed)}
    known = card.metrics.get("left_out", {}) | {source: found}
    ordered = {each: known[each] for each in recipe.sources if each in known}
    _write(card.model_copy(update={"metrics": {**card.metrics, "left_out": ordered}}), recipe.artifact)


def _write(card: Card, artifact: Path) -> None:
    card.write(artifact / CARD)
    folder = PAGES / card.module
    pictures = sorted(path.relative_to(PAGES).as_posix() for path in folder.glob("*.png"))
    (PAGES / f"{card.module}.md").write_text(card_page.render(card, pictures), encoding="utf-8")
