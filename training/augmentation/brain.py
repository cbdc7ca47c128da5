"""Random changes of a brain slice that keep its label, and one that sets it.

In merged public data sets the classes come from different sources, which differ in crop, contrast and compression.
Each change here removes one such cue. `paint_lesion` also changes the label: a healthy slice with a painted mass
counts as a tumor, whatever source it comes from. Zooming out and stretching leave black margins and other aspect
ratios; preprocessing removes the margins and keeps the aspect, in training as in serving.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Slice = NDArray[np.uint8]  # (H, W)
Image = NDArray[np.float32]  # (H, W), 0..1
Rng = np.random.Generator


def augment(pixels: Slice, rng: Rng) -> Slice:
    """Return a randomly changed copy of a slice, uint8 (H, W); its size may differ."""
    image = _geometry(pixels, rng).astype(np.float32) / 255
    for chance, change in (
        (0.15, _border_crop),
        (0.15, _skull_strip),
        (0.75, _contrast),
        (0.15, _equalise),
        (0.06, _invert_tissue),
        (0.25, _bias_field),
        (0.25, _blur),
        (0.15, _resolution_loss),
        (0.35, _noise),
    ):
        if rng.random() < chance:
            image = change(image, rng)
    changed = _to_slice(image)
    return _jpeg(changed, rng) if rng.random() < 0.4 else changed


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


def match_tones(pixels: Slice, other: Slice) -> Slice:
    """Give a slice's tissue the tones of another's, so that brightness and contrast show no source; air stays black."""
    cumulative, target = (_tissue_tones(image) for image in (pixels, other))
    table = np.interp(cumulative, target, np.arange(256))
    table[0] = 0
    return np.asarray(cv2.LUT(pixels, np.round(table).astype(np.uint8)), np.uint8)


def _tissue_tones(pixels: Slice) -> NDArray[np.float64]:
    """Return the cumulative distribution of the tissue's 256 tones, rising even where there are none."""
    counts = np.bincount(pixels.ravel(), minlength=256).astype(np.float64)
    counts[: int(0.08 * np.percentile(pixels, 99))] = 0
    cumulative = np.cumsum(counts + 1e-3)
    return np.asarray(cumulative / cumulative[-1], np.float64)


def reshade_scalp(pixels: Slice, rng: Rng) -> Slice:
    """Dim, brighten or blank what lies outside the brain: bright fat is a sign of a scanner, not of a tumor."""
    brain = cv2.GaussianBlur(_brain_mask(pixels).astype(np.float32), (0, 0), 2)
    gain = 0.0 if rng.random() < 0.4 else rng.uniform(0.2, 1.5)
    return _to_slice(pixels.astype(np.float32) / 255 * (brain + (1 - brain) * gain))


def mirror_half(pixels: Slice, rng: Rng) -> Slice:
    """Mirror one half of a slice over the other: symmetry is no sign of health."""
    mirrored = pixels[:, ::-1]
    half = pixels.shape[1] // 2
    one, two = (pixels, mirrored) if rng.random() < 0.5 else (mirrored, pixels)
    return np.concatenate([one[:, :half], two[:, half:]], axis=1)


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


def _geometry(pixels: Slice, rng: Rng) -> Slice:
    """Rotate, zoom, shift, shear, stretch and flip in one interpolation."""
    height, width = pixels.shape
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    if rng.random() < 0.1:
        pixels = np.rot90(pixels, rng.integers(1, 4))
    angle = np.deg2rad(rng.normal(0, 9))
    zoom = np.exp(rng.normal(0, 0.10))
    stretch = np.exp(rng.normal(0, 0.06))
    shear = rng.normal(0, 0.04)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.array([[zoom * stretch, shear], [0, zoom / stretch]])
    centre = np.array([width / 2, height / 2])
    shift = rng.normal(0, 0.03, 2) * (width, height)
    matrix = np.column_stack([linear, centre - linear @ centre + shift])
    return np.asarray(cv2.warpAffine(np.ascontiguousarray(pixels), matrix, (width, height)), np.uint8)


def _border_crop(image: Image, rng: Rng) -> Image:
    height, width = image.shape
    top, bottom, left, right = rng.uniform(0, 0.14, 4)
    return image[int(top * height) : height - int(bottom * height), int(left * width) : width - int(right * width)]


def _skull_strip(image: Image, rng: Rng) -> Image:
    brain = _brain_mask(_to_slice(image)).astype(np.uint8)
    grown = cv2.dilate(brain, np.ones((3, 3), np.uint8), iterations=int(rng.integers(1, 6)))
    return image * grown


def _contrast(image: Image, rng: Rng) -> Image:
    """Gamma, gain and offset, and a smooth monotone tone curve: another scanner's, or sequence's, contrast."""
    gamma = np.exp(rng.normal(0, 0.30))
    knots = np.concatenate([[0], np.cumsum(rng.dirichlet(np.full(6, 8.0)))])
    curved = np.interp(image, np.linspace(0, 1, 7), knots) if rng.random() < 0.5 else image
    return np.asarray(curved**gamma * rng.uniform(0.7, 1.4) + rng.normal(0, 0.03), np.float32)


def _equalise(image: Image, rng: Rng) -> Image:
    clahe = cv2.createCLAHE(clipLimit=float(rng.uniform(1, 4)), tileGridSize=(4, 4))
    return np.asarray(clahe.apply(_to_slice(image)), np.float32) / 255


def _invert_tissue(image: Image, rng: Rng) -> Image:
    """Swap dark and bright inside the head, as T2 weighting does to T1; air stays dark."""
    head = image > 0.08
    return np.where(head, rng.uniform(0.9, 1.1) - image, image).astype(np.float32)


def _bias_field(image: Image, rng: Rng) -> Image:
    field = 1 + rng.uniform(0.05, 0.25) * _smooth_noise(image.shape, max(image.shape) / 2, rng)
    return image * np.clip(field, 0.4, 1.8)


def _blur(image: Image, rng: Rng) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6)), np.float32)


def _resolution_loss(image: Image, rng: Rng) -> Image:
    height, width = image.shape
    scale = rng.uniform(0.35, 0.8)
    small = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _noise(image: Image, rng: Rng) -> Image:
    """Rician noise, the magnitude of a signal with Gaussian noise on both channels."""
    sigma = rng.uniform(0.005, 0.06)
    real, imaginary = rng.standard_normal((2, *image.shape), dtype=np.float32) * sigma
    return np.asarray(np.hypot(image + real, imaginary), np.float32)


def _jpeg(pixels: Slice, rng: Rng) -> Slice:
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
