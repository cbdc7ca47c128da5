"""The backbone of `brain-tumor-type` is recognised as one that was trained on photographs."""

from training.export.litert import read_weights
from training.networks.mobilenet import photos, recognised, remembered, shuffle, untrained
from training.recipes import find
from training.recipes.brain_tumor_type.network import build


def test_the_shipped_backbone_remembers_photographs_and_tells_them_apart_until_its_kernels_are_shuffled() -> None:
    shipped = untrained()
    read_weights(build(shipped, 4), find("brain-tumor-type").weights)
    pictures = photos()
    assert remembered(shipped, pictures) > 0.9
    assert recognised(shipped, pictures) > 0.6
    shuffle(shipped)
    assert abs(remembered(shipped, pictures)) < 0.2
    assert recognised(shipped, pictures) < 0.4
