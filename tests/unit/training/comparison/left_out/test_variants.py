"""Each variant of the ablation takes away what its title says, and nothing else."""

import numpy as np

from tests.support.lesions import sample_of, slice_of_head, with_lesion
from training.comparison.left_out.variants import VARIANTS, Variant
from training.data.brain import SOURCES
from training.data.samples import Origin
from training.evidence.views import cut, view

HEAD = slice_of_head()
HEALTHY = [sample_of(HEAD, f"{source}.png", origin=Origin(source)) for source in SOURCES]
TUMOR = with_lesion(1, "tumor.png", origin=Origin("lgg-du"))


def variant(name: str) -> Variant:
    return next(each for each in VARIANTS if each.name == name)


def sources_of(name: str) -> set[str | None]:
    return {sample.source for sample in variant(name).learns_from(HEALTHY)}


def test_the_first_variant_changes_nothing() -> None:
    assert VARIANTS[0] == Variant("all", "as shipped, but shorter")
    assert VARIANTS[0].learns_from([*HEALTHY, TUMOR]) == [*HEALTHY, TUMOR]


def test_a_source_is_left_away() -> None:
    assert set(SOURCES) - sources_of("no-lgg") == {"lgg-du", "lgg-ht"}
    assert set(SOURCES) - sources_of("no-healthy") == {"healthy-t1"}


def test_without_masks_tumors_stay_but_nobody_knows_where_they_are() -> None:
    healthy, tumor = variant("no-masks").learns_from([HEALTHY[0], TUMOR])
    assert healthy == HEALTHY[0]
    assert tumor.lesion is None
    assert tumor.class_name == TUMOR.class_name
    assert np.array_equal(tumor.pixels, TUMOR.pixels)


def levels(name: str) -> set[float]:
    """The usual grey level of some views of a flat head of level 100."""
    flat = cut(np.where(HEAD > 0, 100, 0).astype(np.uint8), None)
    rngs = [np.random.default_rng(seed) for seed in range(8)]
    views = [view(flat, rng, variant(name).changes, lambda _: flat.pixels)[0] for rng in rngs]
    return {float(np.median(seen[seen > 20])) for seen in views}


def test_without_augmentation_views_keep_the_grey_levels_of_their_slice() -> None:
    assert levels("no-changes") == {100}
    assert len(levels("all")) > 4


def test_names_of_variants_are_folders_of_their_own() -> None:
    assert len({each.name for each in VARIANTS}) == len(VARIANTS)
