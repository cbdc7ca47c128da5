"""Pictures that are no scans, and films: how often they get the out-of-distribution warning."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from imip.explain.heatmap import encode_png
from imip.inference.decision import OUT_OF_DISTRIBUTION
from imip.inference.module import AnalysisModule
from imip.inference.predictor import analyse
from training.evidence.foreign import paint_ct
from training.evidence.views import cut

PHOTOS = ("astronaut", "camera", "cat", "coffee", "coins", "grass", "gravel", "brick", "moon", "page", "rocket", "text")
SIDE = 224  # pixels
Slice = NDArray[np.uint8]


def flagged_shares(
    module: AnalysisModule, films: Path | None, heads: Sequence[Slice] = (), ct: Sequence[Slice] = ()
) -> dict[str, float]:
    """Return the share of each kind of foreign picture that gets the out-of-distribution warning.

    `films` is PneumoniaMNIST's archive; chest films are left out without it. `heads`: MRI slices to paint head CT from,
    as for training. `ct`: slices of head CT.
    """
    kinds: dict[str, Callable[[], Iterable[Slice]]] = {"photos": _photos, "noise": _noise, "blank": _blank}
    if films is not None:
        kinds["chest films"] = lambda: _films(films)
    if ct:
        kinds[f"head CT ({len(ct)} slices)"] = lambda: ct
    if heads:
        kinds["head CT painted as for training"] = lambda: _painted_ct(heads)
    return {name: round(_flagged_share(module, make()), 4) for name, make in kinds.items()}


def _flagged_share(module: AnalysisModule, slices: Iterable[Slice]) -> float:
    return float(np.mean([OUT_OF_DISTRIBUTION in analyse(encode_png(s), module).prediction.warnings for s in slices]))


def _photos() -> Iterable[Slice]:
    """Photographs and textures of scikit-image, each whole and in four cuts."""
    for name in PHOTOS:
        picture = getattr(skimage.data, name)()
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
        height, width = (side // 2 for side in gray.shape)
        yield gray
        yield from (gray[top : top + height, left : left + width] for top in (0, height) for left in (0, width))


def _noise() -> Iterable[Slice]:
    rng = np.random.default_rng(0)
    for smoothness in (0.0, 1.0, 3.0, 8.0):
        for _ in range(10):
            white = rng.integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
            yield np.asarray(cv2.GaussianBlur(white, (0, 0), smoothness) if smoothness else white, np.uint8)


def _blank() -> Iterable[Slice]:
    return (np.full((SIDE, SIDE), level, np.uint8) for level in (0, 1, 64, 128, 255))


def _painted_ct(heads: Sequence[Slice]) -> Iterable[Slice]:
    rng = np.random.default_rng(0)
    return (paint_ct(cut(head, None).pixels, rng) for head in heads)


def _films(archive: Path) -> Iterable[Slice]:
    with np.load(archive, allow_pickle=False) as arrays:
        films = arrays["test_images"]
    return (np.asarray(cv2.resize(film, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8) for film in films)
