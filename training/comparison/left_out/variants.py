"""The evidence network trained with one part left out or changed: an ablation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from training.data.brain import NO_TUMOR
from training.data.samples import Sample
from training.evidence.network import STRONGEST
from training.evidence.shapes import MAP
from training.evidence.views import ALL, AS_IS, Chances

EPOCHS: Final = 6  # a shorter training than the shipped one, the same for each variant
Samples = Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to train."""

    name: str
    title: str
    learns_from: Callable[[Samples], list[Sample]] = list  # of the slices to train on
    changes: Chances = ALL
    strongest: int = STRONGEST


def _without(prefix: str) -> Callable[[Samples], list[Sample]]:
    return lambda samples: [s for s in samples if not (s.source or "").startswith(prefix)]


def _unmasked(samples: Samples) -> list[Sample]:
    return [sample if sample.class_name == NO_TUMOR else replace(sample, lesion=None) for sample in samples]


VARIANTS: Final = (
    Variant("all", "as shipped, but shorter"),
    Variant("no-masks", "without masks: scans' answers and emptiness alone", _unmasked),
    Variant("no-lgg", "without TCGA-LGG", _without("lgg")),
    Variant("no-healthy", "without healthy-t1", _without("healthy")),
    Variant("no-changes", "without augmentation but turning, zooming, shifting and mirroring", changes=AS_IS),
    Variant("max-pooling", "the scan's logit from the strongest cell alone", strongest=1),
    Variant("mean-pooling", "the scan's logit from all cells alike", strongest=MAP * MAP),
)
