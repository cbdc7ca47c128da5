"""The path to a judgement as a picture: each step a question with its two ways out, at the end what it led to.

It knows no module: any judgement with reasons can be drawn, to stand below its slice and heatmap.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.judgement import Judgement, Reason

NARROWEST = 320  # pixels; below that words cannot be read
MARGIN = 6
BOX, FORK, BAR = 24, 30, 18  # pixels; the height of a question, of its two ways out, and of a label's share
FONT, SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.42
PALE, LIGHT, TAKEN = (110, 110, 110), (255, 255, 255), (30, 160, 252)  # BGR; the last a tone of the heatmap's colours
Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]


def draw_below(picture: Picture, judgement: Judgement) -> Picture:
    """Set the path below a picture, (h, w, 3) BGR; unchanged where the judgement has no reasons."""
    if not judgement.reasons:
        return picture
    panel = draw_path(judgement, picture.shape[1])
    widened = np.pad(picture, ((0, 0), (0, panel.shape[1] - picture.shape[1]), (0, 0)))
    return np.concatenate([widened, panel])


def draw_path(judgement: Judgement, width: int) -> Picture:
    """Draw a judgement's reasons from first to last and what they led to, (h, max(width, NARROWEST), 3) BGR."""
    width = max(width, NARROWEST)
    height = len(judgement.reasons) * (BOX + FORK) + BOX + len(judgement.probabilities) * BAR + 3 * MARGIN
    panel = np.zeros((height, width, 3), np.uint8)
    size = min(_fitting(reason.text, width - 4 * MARGIN) for reason in judgement.reasons)
    top = MARGIN
    for reason in judgement.reasons:
        _box(panel, reason.text, top, LIGHT, size)
        _fork(panel, reason, top + BOX)
        top += BOX + FORK
    answer = f"{judgement.label}, {judgement.confidence:.0%}, {judgement.decision}"
    _box(panel, answer, top, TAKEN, _fitting(answer, width - 4 * MARGIN))
    top += BOX + MARGIN
    for label, share in judgement.probabilities.items():
        _share(panel, label, share, top)
        top += BAR
    return panel


def _fork(panel: Picture, reason: Reason, top: int) -> None:
    """Draw both ways out of a question; the one taken leads on."""
    middle, quarter, side = panel.shape[1] // 2, panel.shape[1] // 4, top + FORK // 2
    above = reason.value > reason.threshold
    ways = ((f"at most {reason.threshold:.3g}", quarter, MARGIN), (f"above {reason.threshold:.3g}", 3 * quarter, None))
    for taken, (words, column, left) in zip((not above, above), ways, strict=True):
        colour, thickness = (TAKEN, 2) if taken else (PALE, 1)
        cv2.line(panel, (middle, top), (column, side), colour, thickness, cv2.LINE_AA)
        if taken:
            cv2.line(panel, (column, side), (middle, top + FORK), colour, thickness, cv2.LINE_AA)
        size = _fitting(words, quarter - 3 * MARGIN)
        _write(panel, words, (column + 2 * MARGIN if left is None else left, side + 4), size, colour)


def _box(panel: Picture, text: str, top: int, colour: Colour, size: float) -> None:
    cv2.rectangle(panel, (MARGIN, top), (panel.shape[1] - MARGIN - 1, top + BOX), colour, 1)
    _write(panel, text, (2 * MARGIN, top + 16), size, colour)


def _share(panel: Picture, label: str, share: float, top: int) -> None:
    """Draw a label's probability as a bar, with its value."""
    third, base = panel.shape[1] // 3, top + 13
    end = 2 * third - MARGIN
    _write(panel, label, (2 * MARGIN, base), _fitting(label, third - 3 * MARGIN), LIGHT)
    cv2.rectangle(panel, (third, top + 4), (end, top + BAR - 4), PALE, 1)
    cv2.rectangle(panel, (third, top + 4), (third + round(share * (end - third)), top + BAR - 4), TAKEN, cv2.FILLED)
    _write(panel, f"{share:.1%}", (end + MARGIN, base), SIZE, LIGHT)


def _fitting(text: str, room: int) -> float:
    """Return the size of letters at which a line fits into some pixels, at most SIZE."""
    return min(SIZE, SIZE * room / max(1, cv2.getTextSize(text, FONT, SIZE, 1)[0][0]))


def _write(panel: Picture, text: str, at: tuple[int, int], size: float, colour: Colour) -> None:
    cv2.putText(panel, text, at, FONT, size, colour, 1, cv2.LINE_AA)
