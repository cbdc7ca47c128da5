"""Slices as they would look without their tumor: the healthy half of a head, mirrored over the other one.

In this merged data set tumors and healthy slices come from different scanners, so a network can recognise them by
skull and background and never learn what a tumor is. A slice without its tumor, from the same scanner, removes that
cue. Where the tumor lies is not annotated; it is taken to be where the two halves of the head differ most, on the side
that differs more from ordinary tissue. By eye this is right for about six in seven of the slices that qualify: axial
and coronal ones with a clear difference.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imip.inference.head import find_head

SIDE = 128  # pixels a side of the aligned head
COARSE = 32  # pixels a side while aligning
TURNS = (-12, -8, -4, 0, 4, 8, 12)  # degrees
SHIFTS = (-3, -2, -1, 0, 1, 2, 3)  # coarse pixels
SYMMETRIC = 0.85  # correlation of a head with its mirror image; sagittal slices stay below
DIFFERENT = 0.3  # of ordinary tissue's brightness; smaller differences between the halves may be chance
LESION_SCALE = 5.0  # pixels, standard deviation of the blur that finds lesions rather than vessels


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Two symmetric heads made of one slice, (SIDE, SIDE) uint8: without its tumor, and with it on both sides."""

    healed: NDArray[np.uint8]
    doubled: NDArray[np.uint8]


def counterfactual(pixels: NDArray[np.uint8]) -> Counterfactual | None:
    """Return a tumor slice's counterfactual; None if its halves are too unlike in shape or too alike in content."""
    head, symmetry = _align(pixels)
    if symmetry < SYMMETRIC:
        return None
    difference, column = _sick_column(head)
    if difference < DIFFERENT:
        return None
    mirrored = head[:, ::-1]
    left_twice = np.concatenate([head[:, : SIDE // 2], mirrored[:, SIDE // 2 :]], axis=1)
    right_twice = np.concatenate([mirrored[:, : SIDE // 2], head[:, SIDE // 2 :]], axis=1)
    sick_is_left = column < SIDE // 2
    return Counterfactual(*((right_twice, left_twice) if sick_is_left else (left_twice, right_twice)))


def _align(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Turn and shift the head until its axis of symmetry is the middle column; return it and its symmetry."""
    box = find_head(pixels)
    cut = pixels[box.top : box.bottom, box.left : box.right]
    head = cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    step = SIDE // COARSE
    coarse = cv2.GaussianBlur(head, (0, 0), 3)[::step, ::step]
    best, symmetry = _motion(COARSE, 0, 0), -1.0
    for turn in TURNS:
        for shift in SHIFTS:
            moved = cv2.warpAffine(coarse, _motion(COARSE, turn, shift), (COARSE, COARSE))
            likeness = float(np.corrcoef(moved.ravel(), moved[:, ::-1].ravel())[0, 1])
            if likeness > symmetry:
                best, symmetry = _motion(SIDE, turn, shift * step), likeness
    return np.asarray(cv2.warpAffine(head, best, (SIDE, SIDE)), np.uint8), symmetry


def _motion(side: int, degrees: float, shift: float) -> NDArray[np.float64]:
    centre = ((side - 1) / 2, (side - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, degrees, 1)
    matrix[0, 2] += shift
    return np.asarray(matrix, np.float64)


def _sick_column(head: NDArray[np.uint8]) -> tuple[float, int]:
    """Return how much the halves differ inside the skull, and the column where the tumor is taken to be."""
    blurred = cv2.GaussianBlur(head.astype(np.float32), (0, 0), LESION_SCALE)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    middle = (SIDE - 1) / 2
    inside = (((rows - middle) ** 2 + (columns - middle) ** 2) < (0.36 * SIDE) ** 2) & (abs(columns - middle) > 6)
    tissue = float(np.median(blurred[inside])) + 1e-6
    difference = np.where(inside, np.abs(blurred - blurred[:, ::-1]), 0) / tissue
    row, column = np.unravel_index(int(difference.argmax()), difference.shape)
    opposite = SIDE - 1 - column
    if abs(blurred[row, opposite] - tissue) > abs(blurred[row, column] - tissue):
        column = opposite
    return float(difference.max()), int(column)
