"""The recipe of `brain-tree` made what is shipped."""

from imip.inference.artifact import read_card, version
from tests.support.server import REPOSITORY
from training.calibration import Temperature
from training.recipes import brain_tree, find


def test_the_shipped_tree_is_the_one_that_the_shipped_weights_and_calibration_make() -> None:
    card = read_card(REPOSITORY / "models" / "brain-tree")
    tree = brain_tree.make(brain_tree.read(find("brain-tree").weights), Temperature(**card.calibration.parameters))
    assert version(tree.to_bytes()) == card.version
