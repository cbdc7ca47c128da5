"""Draw the path to a decision: each measured value, each comparison with its two branches, and the resulting label.

It works for every prediction that has reasons, whatever the module. The drawing goes below the slice and heatmap.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.prediction import Prediction, Reason

MIN_WIDTH = 420  # pixels; narrower sentences would need too many lines
MARGIN = 6
LINE, BRANCH, BAR = 17, 30, 18  # pixels; height of a line of text, of two branches, and of a probability bar
FONT, MAX_FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.42
GRAY, WHITE, ORANGE = (110, 110, 110), (255, 255, 255), (30, 160, 252)  # BGR; orange as in the heatmap
BRANCHES = (("below", "at least"), ("at most", "above"))  # the pairs differ in the branch of the threshold itself
Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]


def append_decision_path(picture: Picture, prediction: Prediction) -> Picture:
    """Draw the path below a picture, (h, w, 3) BGR. Without reasons, return the picture unchanged."""
    if not prediction.reasons:
        return picture
    panel = draw_path(prediction, picture.shape[1])
    widened = np.pad(picture, ((0, 0), (0, panel.shape[1] - picture.shape[1]), (0, 0)))
    return np.concatenate([widened, panel])


def draw_path(prediction: Prediction, width: int) -> Picture:
    """Draw the reasons of a prediction in order, then its label, (h, max(width, MIN_WIDTH), 3) BGR."""
    width = max(width, MIN_WIDTH)
    result = f"{prediction.label}, {prediction.confidence:.0%}, {prediction.decision}"
    scale = _font_scale(
        [result, *(reason.text for reason in prediction.reasons)], list(prediction.probabilities), width
    )
    parts = []
    for reason in prediction.reasons:
        parts.append(_draw_box(reason.text, WHITE, scale, width))
        parts.append(_draw_branches(_branches(reason), scale, width) if reason.threshold is not None else _gap(width))
    parts += [_draw_box(result, ORANGE, scale, width), _gap(width)]
    parts += [_draw_bar(label, probability, scale, width) for label, probability in prediction.probabilities.items()]
    return np.concatenate([_gap(width), *parts, _gap(width)])


def _branches(reason: Reason) -> list[tuple[str, bool]]:
    """Return the text of both branches, the lower one first, and whether the decision took it."""
    pair = next(pair for pair in BRANCHES if reason.compared in pair)
    return [(f"{branch} {reason.threshold:.3g}", branch == reason.compared) for branch in pair]


def _draw_box(text: str, colour: Colour, scale: float, width: int) -> Picture:
    """Draw a sentence in a box, with line breaks."""
    lines = _wrap(text, scale, width - 4 * MARGIN)
    panel = np.zeros((len(lines) * LINE + MARGIN, width, 3), np.uint8)
    cv2.rectangle(panel, (MARGIN, 0), (width - MARGIN - 1, len(panel) - 1), colour, 1)
    for number, line in enumerate(lines, start=1):
        _write(panel, line, (2 * MARGIN, number * LINE - 2), scale, colour)
    return panel


def _draw_branches(branches: list[tuple[str, bool]], scale: float, width: int) -> Picture:
    """Draw both branches of a comparison; the line of the taken branch continues to the next step."""
    panel = np.zeros((BRANCH, width, 3), np.uint8)
    middle, side, third = width // 2, BRANCH // 2, width // 3
    for (text, taken), column in zip(branches, (third, width - third), strict=True):
        colour, thickness = (ORANGE, 2) if taken else (GRAY, 1)
        cv2.line(panel, (middle, 0), (column, side), colour, thickness, cv2.LINE_AA)
        if taken:
            cv2.line(panel, (column, side), (middle, BRANCH - 1), colour, thickness, cv2.LINE_AA)
        left = third - MARGIN - _text_width(text, scale) if column == third else column + MARGIN
        _write(panel, text, (left, side + 4), scale, colour)
    return panel


def _draw_bar(label: str, probability: float, scale: float, width: int) -> Picture:
    """Draw the probability of a label as a bar, with its value."""
    panel = np.zeros((BAR, width, 3), np.uint8)
    third, base = width // 3, 13
    end = 2 * third - MARGIN
    _write(panel, label, (2 * MARGIN, base), scale, WHITE)
    cv2.rectangle(panel, (third, 4), (end, BAR - 4), GRAY, 1)
    cv2.rectangle(panel, (third, 4), (third + round(probability * (end - third)), BAR - 4), ORANGE, cv2.FILLED)
    _write(panel, f"{probability:.1%}", (end + MARGIN, base), scale, WHITE)
    return panel


def _gap(width: int) -> Picture:
    return np.zeros((MARGIN, width, 3), np.uint8)


def _font_scale(sentences: list[str], labels: list[str], width: int) -> float:
    """Return the largest font scale at which every single word and every label fits."""
    words = {word for sentence in sentences for word in sentence.split()}
    widths = {**dict.fromkeys(words, width - 4 * MARGIN), **dict.fromkeys(labels, width // 3 - 3 * MARGIN)}
    return min(
        MAX_FONT_SCALE,
        *(MAX_FONT_SCALE * available / _text_width(text, MAX_FONT_SCALE) for text, available in widths.items()),
    )


def _wrap(text: str, scale: float, width: int) -> list[str]:
    """Break a sentence into lines of at most `width` pixels."""
    first, *words = text.split()
    lines = [first]
    for word in words:
        longer = f"{lines[-1]} {word}"
        if _text_width(longer, scale) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _text_width(text: str, scale: float) -> int:
    return max(1, cv2.getTextSize(text, FONT, scale, 1)[0][0])


def _write(panel: Picture, text: str, at: tuple[int, int], scale: float, colour: Colour) -> None:
    cv2.putText(panel, text, at, FONT, scale, colour, 1, cv2.LINE_AA)
