"""A lesion painted into a brain slice: the same slice with and without it differs in nothing else."""

import cv2
import numpy as np
from numpy.typing import NDArray

Slice = NDArray[np.uint8]  # (H, W)
Image = NDArray[np.float32]  # (H, W), 0..1
Rng = np.random.Generator


def paint_lesion(pixels: Slice, rng: Rng) -> Slice:
    """Paint a mass with an irregular edge into the brain of a slice: solid or ring-shaped, often with oedema."""
    height, width = pixels.shape
    brain = _brain_mask(pixels)
    inside = np.argwhere(brain)
    if len(inside) == 0:
        return pixels
    row, column = inside[rng.integers(len(inside))]
    radius = rng.uniform(0.04, 0.14) * np.sqrt(brain.sum() / np.pi) * 2
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, squeeze = rng.uniform(0, np.pi), rng.uniform(0.6, 1.0)
    along = (xs - column) * np.cos(angle) + (ys - row) * np.sin(angle)
    across = (ys - row) * np.cos(angle) - (xs - column) * np.sin(angle)
    # At least a third, or the noise's rare extremes would paint specks far from the mass.
    wobble = np.maximum(1 / 3, 1 + 0.35 * _smooth_noise(pixels.shape, max(radius * 0.6, 2), rng))
    distance = np.hypot(along, across / squeeze) / radius * wobble  # 1 at the edge of the mass
    softness = rng.uniform(0.06, 0.25)
    mass = _fall(distance, 1.0, softness)
    image = pixels.astype(np.float32) / 255
    tissue = float(np.median(image[brain]))
    bright, dark = min(1.0, tissue * rng.uniform(1.35, 2.6)), tissue * rng.uniform(0.15, 0.7)
    texture = 1 + 0.12 * _smooth_noise(pixels.shape, max(radius * 0.3, 1), rng)
    kind = rng.choice(["bright", "dark", "ring"], p=[0.5, 0.15, 0.35])
    level = np.full_like(image, dark if kind == "dark" else bright)
    if kind == "ring":
        core = _fall(distance, rng.uniform(0.5, 0.8), softness)
        level = core * dark + (1 - core) * bright
    if rng.random() < 0.5:
        oedema = _fall(distance, rng.uniform(1.4, 2.2), 0.4) * rng.uniform(0.2, 0.5) * brain
        image = image * (1 - oedema) + oedema * tissue * rng.choice([0.6, 1.5])
    painted = image * (1 - mass) + mass * level * texture
    return _to_slice(np.asarray(painted, np.float32))


def _to_slice(image: Image) -> Slice:
    return np.asarray(np.round(np.clip(image, 0, 1) * 255), np.uint8)


def _fall(distance: Image, edge: float, softness: float) -> Image:
    """Return 1 inside the edge, 0 outside, with a soft step between."""
    return np.asarray(1 / (1 + np.exp(np.clip((distance - edge) / (softness / 4), -30, 30))), np.float32)


def _brain_mask(pixels: Slice) -> NDArray[np.bool_]:
    """Return the head without its outer sixth, roughly what lies inside the skull, bool (H, W)."""
    threshold = 0.15 * np.percentile(pixels, 99)
    head = cv2.morphologyEx((pixels > threshold).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    if not head.any():
        return head.astype(np.bool_)
    depth = cv2.distanceTransform(np.pad(head, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.asarray(depth > 0.3 * depth.max(), np.bool_)


def _smooth_noise(shape: tuple[int, ...], scale: float, rng: Rng) -> Image:
    """Return noise of unit variance with features of `scale` pixels, (H, W)."""
    rows, columns = (max(2, round(side / scale)) for side in shape[:2])
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)
