"""Write the figures of an evaluation into the artifact's card, and the card as a page with plots."""

from pathlib import Path
from typing import Any

from imip.inference.artifact import CARD
from training.data.split import Dataset
from training.evaluation.report import Report
from training.export import card_page
from training.recipe import Evaluation, Recipe

PAGES = Path(__file__).parents[2] / "docs" / "models"
PARTS = {
    "test": "Clean test part",
    "original": "Original Testing folder",
    "original_new": "Original Testing, new groups only",
}
OF_THE_LEAK = ("original", "original_new", "parts", "notes")
LEAK = """\
The columns on the original split are of another network, trained on the data set's own Training folder
(`imip train {0} --original-split --epochs 10`, then `imip evaluate {0} --leaky DIR`): on all of its Testing folder,
and on those of its scans that share no group with Training. The difference between the two columns is the leak; a dash
means that no healthy scan is new."""


def write_figures(
    recipe: Recipe, evaluation: Evaluation, dataset: Dataset, artifact: Path, *, films: Path | None, leaky: Path | None
) -> None:
    """Write the figures of the test part into the artifact's card, and the page. The options are `imip evaluate`'s.

    Without `leaky` the card keeps what it says of the network trained on the original split: that is another one.
    """
    given = {"--films FILE": films, "--leaky DIR": leaky}
    options = "".join(f" {option}" for option, value in given.items() if value is not None)
    figures: dict[str, Any] = {"command": f"imip evaluate {recipe.module.name} --data DATA{options} --write-card"}
    figures |= recipe.figures(evaluation, films=films)
    earlier = evaluation.module.card.metrics
    if leaky is None and "original" in earlier:
        figures |= {name: earlier[name] for name in OF_THE_LEAK}
    if leaky is not None:
        figures |= {name: report.as_dict() for name, report in leak(recipe, leaky, dataset).items()}
        figures |= {"parts": PARTS, "notes": [LEAK.format(recipe.module.name)]}
    card = evaluation.module.card.model_copy(update={"metrics": figures})
    card.write(artifact / CARD)
    folder = PAGES / card.module
    recipe.draw(evaluation, folder)
    pictures = sorted(path.relative_to(PAGES).as_posix() for path in folder.glob("*.png"))
    (PAGES / f"{card.module}.md").write_text(card_page.render(card, pictures), encoding="utf-8")


def leak(recipe: Recipe, artifact: Path, dataset: Dataset) -> dict[str, Report]:
    """Evaluate an artifact that was trained on the data set's own Training folder on its Testing folder.

    `original` is the whole folder, `original_new` those of its scans that share no group with Training: the difference
    is what the leak adds.
    """
    assert recipe.test_folder is not None
    published = dataset.as_published(recipe.test_folder)
    whole = recipe.evaluate(artifact, published)
    known = set(published.groups(published.part("train") + published.part("validation")).tolist())
    groups = published.groups(whole.samples)
    new = [row for row, group in enumerate(groups.tolist()) if group not in known]
    chosen = [whole.samples[row] for row in new], [whole.analyses[row] for row in new]
    only_new = recipe.evaluate_analyses(whole.module, *chosen, groups[new])
    return {"original": whole.report, "original_new": only_new.report}
