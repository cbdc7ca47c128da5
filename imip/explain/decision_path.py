"""The path to a decision as a picture: what was measured, each question with its two ways out, what they led to.

It knows no module: any prediction with reasons can be drawn, to stand below its slice and heatmap.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.prediction import Prediction, Reason

NARROWEST = 420  # pixels; on less, sentences become towers of words
MARGIN = 6
LINE, FORK, BAR = 17, 30, 18  # pixels; the height of a line of words, of two ways out, and of a label's share
FONT, LARGEST = cv2.FONT_HERSHEY_SIMPLEX, 0.42
PALE, LIGHT, TAKEN = (110, 110, 110), (255, 255, 255), (30, 160, 252)  # BGR; the last a tone of the heatmap's colours
WAYS = (("below", "at least"), ("at most", "above"))  # out of a question, by which side the threshold itself is on
Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]


def draw_below(picture: Picture, prediction: Prediction) -> Picture:
    """Set the path below a picture, (h, w, 3) BGR; unchanged where the prediction has no reasons."""
    if not prediction.reasons:
        return picture
    panel = draw_path(prediction, picture.shape[1])
    widened = np.pad(picture, ((0, 0), (0, panel.shape[1] - picture.shape[1]), (0, 0)))
    return np.concatenate([widened, panel])


def draw_path(prediction: Prediction, width: int) -> Picture:
    """Draw a prediction's reasons from first to last and what they led to, (h, max(width, NARROWEST), 3) BGR."""
    width = max(width, NARROWEST)
    answer = f"{prediction.label}, {prediction.confidence:.0%}, {prediction.decision}"
    size = _size([answer, *(reason.text for reason in prediction.reasons)], list(prediction.probabilities), width)
    parts = []
    for reason in prediction.reasons:
        parts.append(_box(reason.text, LIGHT, size, width))
        parts.append(_fork(_ways(reason), size, width) if reason.threshold is not None else _gap(width))
    parts += [_box(answer, TAKEN, size, width), _gap(width)]
    parts += [_share(label, share, size, width) for label, share in prediction.probabilities.items()]
    return np.concatenate([_gap(width), *parts, _gap(width)])


def _ways(reason: Reason) -> list[tuple[str, bool]]:
    """Return both ways out of a question, the lower one first: its words, and whether it was taken."""
    pair = next(pair for pair in WAYS if reason.compared in pair)
    return [(f"{way} {reason.threshold:.3g}", way == reason.compared) for way in pair]


def _box(text: str, colour: Colour, size: float, width: int) -> Picture:
    """Draw a sentence in as many lines as it needs, in a box."""
    lines = _wrapped(text, size, width - 4 * MARGIN)
    panel = np.zeros((len(lines) * LINE + MARGIN, width, 3), np.uint8)
    cv2.rectangle(panel, (MARGIN, 0), (width - MARGIN - 1, len(panel) - 1), colour, 1)
    for number, line in enumerate(lines, start=1):
        _write(panel, line, (2 * MARGIN, number * LINE - 2), size, colour)
    return panel


def _fork(ways: list[tuple[str, bool]], size: float, width: int) -> Picture:
    """Draw both ways out of a question; the one taken leads on."""
    panel = np.zeros((FORK, width, 3), np.uint8)
    middle, side, third = width // 2, FORK // 2, width // 3
    for (words, taken), column in zip(ways, (third, width - third), strict=True):
        colour, thickness = (TAKEN, 2) if taken else (PALE, 1)
        cv2.line(panel, (middle, 0), (column, side), colour, thickness, cv2.LINE_AA)
        if taken:
            cv2.line(panel, (column, side), (middle, FORK - 1), colour, thickness, cv2.LINE_AA)
        left = third - MARGIN - _length(words, size) if column == third else column + MARGIN
        _write(panel, words, (left, side + 4), size, colour)
    return panel


def _share(label: str, share: float, size: float, width: int) -> Picture:
    """Draw a label's probability as a bar, with its value."""
    panel = np.zeros((BAR, width, 3), np.uint8)
    third, base = width // 3, 13
    end = 2 * third - MARGIN
    _write(panel, label, (2 * MARGIN, base), size, LIGHT)
    cv2.rectangle(panel, (third, 4), (end, BAR - 4), PALE, 1)
    cv2.rectangle(panel, (third, 4), (third + round(share * (end - third)), BAR - 4), TAKEN, cv2.FILLED)
    _write(panel, f"{share:.1%}", (end + MARGIN, base), size, LIGHT)
    return panel


def _gap(width: int) -> Picture:
    return np.zeros((MARGIN, width, 3), np.uint8)


def _size(sentences: list[str], labels: list[str], width: int) -> float:
    """Return the one size of all letters: the largest at which no single word and no label leaves its place."""
    words = {word for sentence in sentences for word in sentence.split()}
    rooms = {**dict.fromkeys(words, width - 4 * MARGIN), **dict.fromkeys(labels, width // 3 - 3 * MARGIN)}
    return min(LARGEST, *(LARGEST * room / _length(text, LARGEST) for text, room in rooms.items()))


def _wrapped(text: str, size: float, room: int) -> list[str]:
    """Break a sentence into lines that fit into some pixels."""
    first, *words = text.split()
    lines = [first]
    for word in words:
        longer = f"{lines[-1]} {word}"
        if _length(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _length(text: str, size: float) -> int:
    return max(1, cv2.getTextSize(text, FONT, size, 1)[0][0])


def _write(panel: Picture, text: str, at: tuple[int, int], size: float, colour: Colour) -> None:
    cv2.putText(panel, text, at, FONT, size, colour, 1, cv2.LINE_AA)
