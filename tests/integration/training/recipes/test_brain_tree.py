"""The tree of `brain-tree` is grown, tiny, from folders of pictures to an artifact and its card."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.app import app
from imip.errors import ArtifactError
from imip.explain.heatmap import encode_png
from imip.inference.artifact import read_artifact
from imip.inference.predictor import analyse
from imip.modules import load
from imip.modules.brain_tree import MEASURES
from tests.support.heads import head
from training import recipe
from training.export import figures
from training.recipes import find
from training.recipes.brain_tree import growth
from training.recipes.brain_tree.variants import CHANGES

ARTIFACT = Path("run", "artifacts", "brain-tree")


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a run on 64 drawn heads, whose masses differ by label; with the scans it was grown on."""
    place = tmp_path_factory.mktemp("tree")
    for number, name in enumerate(("glioma", "meningioma", "notumor", "pituitary")):
        (place / "scans" / name).mkdir(parents=True)
        for seed in range(16):
            pixels = head(100 * number + seed)
            if name != "notumor":
                cv2.circle(pixels, (48, 48), 6 + 6 * number, 40 + 60 * number, -1)
            cv2.imwrite(str(place / "scans" / name / f"{seed:02d}.png"), pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(place / "bentoml"))
        patch.setattr(recipe, "MANIFESTS", place)
        patch.setattr(figures, "PAGES", place / "pages")
        patch.setattr(recipe.Recipe, "weights", place / "run" / "weights.npz")
        for name, value in {"DEPTHS": (1, 2, 3), "FOLDS": 2, "FOREST": 3, "SMALLEST_LEAF": 6}.items():
            patch.setattr(growth, name, value)
        data = ["--data", str(place / "scans")]
        for command in (["split", "brain-tree"], ["train", "brain-tree", "--run", str(place / "run")]):
            result = CliRunner().invoke(app, [*command, *data])
            assert result.exit_code == 0, result.output
        assert "same leaf as in scikit-learn's tree" in result.output
        yield place


def test_a_grown_tree_is_served_and_its_reference_is_the_validation_part(grown: Path) -> None:
    artifact = read_artifact(grown / ARTIFACT)
    assert artifact.reference.shape[1] == len(MEASURES)
    assert analyse(encode_png(head(7)), load(grown / ARTIFACT)).prediction.reasons


def test_its_card_says_how_it_was_chosen_which_measures_it_uses_and_which_changes_it_withstands(grown: Path) -> None:
    (grown / "pages").mkdir(exist_ok=True)
    arguments = ["--data", str(grown / "scans"), "--artifact", str(grown / ARTIFACT), "--write-card"]
    result = CliRunner().invoke(app, ["evaluate", "brain-tree", *arguments])
    assert result.exit_code == 0, result.output
    tables = load(grown / ARTIFACT).card.metrics["tables"]
    assert set(tables) == {"depth", "measures", "importance", "looks"}
    assert len(tables["looks"]["rows"]) == len(CHANGES)
    importance = [row[1] for row in tables["importance"]["rows"]]
    assert importance == sorted(importance, reverse=True) and 0.9 < sum(importance) < 1.001
    assert "Gini" in (grown / "pages" / "brain-tree.md").read_text()


def test_arrays_that_differ_from_scikit_learns_tree_are_not_shipped(grown: Path) -> None:
    made = find("brain-tree")
    with np.load(made.weights) as arrays:
        altered = dict(arrays)
    altered["threshold"] = altered["threshold"] + np.where(altered["measure"] >= 0, 1e6, 0)
    np.savez(grown / "altered.npz", **altered)
    with pytest.raises(ArtifactError, match="do not ship"):
        made.export(grown / "altered.npz", made.divide(made.samples(grown / "scans")[0]), grown / "altered")
    assert not (grown / "altered").exists()
