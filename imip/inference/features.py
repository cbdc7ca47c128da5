"""The image features of one scan: what is logged with each finding, watched for drift, and fed to a decision tree.

Grey levels are measured on at most SAMPLE x SAMPLE pixels taken at equal steps, layout on these reduced to an
overview, texture on a central tile at full resolution, where alone it has a meaning: a scan of any size costs the
same. Features of the head are measured inside its silhouette, so that the air around it does not count. Grey levels
are 0..255, places 0..1 from the top left. What a slice leaves undefined is as on a flat one: 0, 1 or the middle.
"""

from typing import NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from imip.inference.heatmap_features import HEATMAP_FEATURES
from imip.inference.preprocessing import AIR_RATIO
from imip.scan.scan import Scan

# fmt: off
FILE_FEATURES = (
    "width_pixels", "height_pixels", "channels", "bit_depth", "file_size_bytes", "file_bits_per_pixel",
)
IMAGE_FEATURES = (
    *FILE_FEATURES,
    "brightness_mean", "contrast_rms", "skewness", "kurtosis", "entropy_bits", "dynamic_range", "white_ratio",
    "background_ratio", "foreground_ratio", "foreground_row", "foreground_column", "foreground_aspect",
    "foreground_brightness", "foreground_variation", "foreground_midtone", "foreground_black_ratio",
    "symmetry", "shading_vertical", "shading_horizontal", "shading_radial", "border_brightness", "air_brightness",
    "ghosting_ratio", "noise_sigma", "noise_ratio", "sharpness", "detail_ratio", "edge_ratio", "blockiness",
)
# fmt: on
FEATURES: tuple[str, ...] = IMAGE_FEATURES + HEATMAP_FEATURES
SCENE_FEATURES = FEATURES[len(FILE_FEATURES) :]  # what a scan shows, whatever file it came in

SAMPLE = 512  # pixels a side, of the sample and of the tile
OVERVIEW = 128  # pixels a side; fine enough for layout, coarse enough for noise to average out
BLACK, WHITE = 2, 253  # grey levels; at or beyond them a pixel counts as clipped
EDGE_RATIO = 0.1  # of the dynamic range, per pixel; a steeper gradient is an edge
STRIP = OVERVIEW // 16  # pixels of the overview; the width of the border
BLOCK = 8  # pixels; the side of a JPEG block
LEVELS = np.arange(256, dtype=np.float64)
SECOND_DIFFERENCE = np.array([1, -2, 1], np.float32)


class Tones(NamedTuple):
    """What a histogram of grey levels tells."""

    shares: NDArray[np.float64]  # (256,) sum 1, or all 0 where nothing was counted
    mean: float
    deviation: float
    p1: int
    p99: int


def image_features(scan: Scan) -> dict[str, float]:
    """Return IMAGE_FEATURES in order, each finite, of the slice as decoded."""
    step = -(-max(scan.pixels.shape) // SAMPLE)
    sample = np.ascontiguousarray(scan.pixels[::step, ::step])
    tones = _tones(sample)
    air = tones.p1 + AIR_RATIO * (tones.p99 - tones.p1)
    overview = cv2.resize(sample, (OVERVIEW, OVERVIEW), interpolation=cv2.INTER_AREA)
    head = _silhouette(overview, air)
    inside = _tones(sample, cv2.resize(head, sample.shape[::-1], interpolation=cv2.INTER_NEAREST))
    return (
        _file(scan)
        | _grey_levels(tones, air)
        | _foreground(head, inside, scan.pixels.shape[0] / scan.pixels.shape[1])
        | _layout(overview, head)
        | _texture(*_central_tile(scan.pixels, head), tones, inside)
    )


def _file(scan: Scan) -> dict[str, float]:
    """width_pixels, height_pixels: of the slice. channels: samples a pixel in the file. bit_depth: bits a sample.

    file_size_bytes: of the file. file_bits_per_pixel: its bits for each pixel of each frame, low if compressed hard.
    """
    return {
        "width_pixels": float(scan.pixels.shape[1]),
        "height_pixels": float(scan.pixels.shape[0]),
        "channels": float(scan.channels),
        "bit_depth": float(scan.bit_depth),
        "file_size_bytes": float(scan.size_bytes),
        "file_bits_per_pixel": 8 * scan.size_bytes / (scan.pixels.size * max(1, scan.frames)),
    }


def _grey_levels(tones: Tones, air: float) -> dict[str, float]:
    """Of the whole slice's histogram p(v).

    brightness_mean: mean grey level. contrast_rms: standard deviation, grey levels (Peli 1990).
    skewness, kurtosis: third and fourth standardised moments, the fourth less 3; no unit.
    entropy_bits: -sum p log2 p (Shannon 1948). dynamic_range: 99th less 1st percentile, grey levels.
    white_ratio: share of pixels at 253 or more. background_ratio: share of pixels not brighter than air.
    """
    deviations = (LEVELS - tones.mean) / (tones.deviation or 1.0)
    return {
        "brightness_mean": tones.mean,
        "contrast_rms": tones.deviation,
        "skewness": float(tones.shares @ deviations**3),
        "kurtosis": float(tones.shares @ deviations**4) - 3 if tones.deviation else 0.0,
        "entropy_bits": abs(float(tones.shares @ np.log2(tones.shares + (tones.shares == 0)))),
        "dynamic_range": float(tones.p99 - tones.p1),
        "white_ratio": float(tones.shares[WHITE:].sum()),
        "background_ratio": float(tones.shares[: int(air) + 1].sum()),
    }


def _foreground(head: MatLike, inside: Tones, aspect: float) -> dict[str, float]:
    """Of the head's silhouette, as image moments (Hu 1962), and of the grey levels inside it.

    foreground_ratio: share of the slice. foreground_row, foreground_column: its centroid.
    foreground_aspect: spread (standard deviation) over rows by spread over columns, in pixels.
    foreground_brightness: mean grey level. foreground_variation: standard deviation by mean.
    foreground_midtone: (mean - p1) / (p99 - p1), 0..1; moved by gamma, not by brightness or contrast.
    foreground_black_ratio: share at 2 or less; air is outside, so this is clipping or a signal void.
    """
    weight, centroid, variance = _moments(head)
    row, column = (centroid + 0.5) / head.shape if weight else (0.5, 0.5)
    return {
        "foreground_ratio": weight / 255 / head.size,
        "foreground_row": float(row),
        "foreground_column": float(column),
        "foreground_aspect": aspect * _ratio(variance[0], variance[1], 1.0) ** 0.5,
        "foreground_brightness": inside.mean,
        "foreground_variation": _ratio(inside.deviation, inside.mean),
        "foreground_midtone": _ratio(inside.mean - inside.p1, inside.p99 - inside.p1),
        "foreground_black_ratio": float(inside.shares[: BLACK + 1].sum()),
    }


def _layout(overview: MatLike, head: MatLike) -> dict[str, float]:
    """How brightness lies over the head and around it; a bias field (Sled et al. 1998) moves the three shadings.

    symmetry: 1 - sum |v - v'| / sum (v + v'), 0..1, of the head v and its mirror image v' about its centroid column.
    shading_vertical, shading_horizontal: centroid of brightness less centroid of area, in spreads of the head; this
        is the slope of a least-squares line through the brightness, relative to its mean; positive is down and right.
    shading_radial: mean squared radius of brightness by that of area; above 1 the rim is brighter.
    border_brightness: mean grey level of the outermost sixteenth on each side; bright if inverted or cut close.
    air_brightness: mean grey level outside the silhouette; raised by noise, ghosts and halos.
    ghosting_ratio: |top + bottom - left - right| / (2 head), of mean grey levels of these strips and the head; ghosts
        lie along one axis only (percent-signal ghosting, ACR MRI Quality Control Manual 2015).
    """
    _, middle, variance = _moments(head)
    lit = cv2.bitwise_and(overview, head)
    light, bright_middle, bright_variance = _moments(lit)
    shift = (bright_middle - middle) * bool(light)
    strips = overview[:STRIP], overview[-STRIP:], overview[:, :STRIP], overview[:, -STRIP:]
    top, bottom, left, right = (cv2.mean(strip)[0] for strip in strips)
    return {
        "symmetry": _symmetry(lit, middle[1]),
        "shading_vertical": _ratio(shift[0], variance[0] ** 0.5),
        "shading_horizontal": _ratio(shift[1], variance[1] ** 0.5),
        "shading_radial": _ratio(np.sum(bright_variance + shift**2), variance.sum(), 1.0) if light else 1.0,
        "border_brightness": (top + bottom + left + right) / 4,
        "air_brightness": cv2.mean(overview, cv2.bitwise_not(head))[0],
        "ghosting_ratio": _ratio(abs(top + bottom - left - right), 2 * cv2.mean(overview, head)[0]),
    }


def _texture(tile: MatLike, head: MatLike, tones: Tones, inside: Tones) -> dict[str, float]:
    """At full resolution, inside the head; g is the gradient (Sobel), l the Laplacian, in grey levels per pixel.

    noise_sigma: sqrt(pi / 2) / 6 * mean |N * image|, grey levels; N is a difference of Laplacians that edges and
        slopes hardly move (Immerkaer 1996). noise_ratio: noise_sigma by the head's mean, the inverse of the SNR.
    sharpness: mean g^2 by the variance of grey levels, 1 / pixels^2 (Tenengrad, Krotkov 1988, freed of contrast).
    detail_ratio: mean l^2 (Pech-Pacheco et al. 2000) by mean g^2, 1 / pixels^2, the mean squared spatial frequency.
    edge_ratio: share of pixels whose |g_x| + |g_y| exceeds a tenth of the dynamic range.
    blockiness: (b - a) / (b + a), -1..1, of mean steps b across the lines of the 8-pixel grid that is strongest and a
        elsewhere, over the whole tile (after Wang, Sheikh and Bovik 2002); 0 without a grid.
    """
    across, down = cv2.spatialGradient(tile)
    second = cv2.sepFilter2D(tile, cv2.CV_16S, SECOND_DIFFERENCE, SECOND_DIFFERENCE)
    noise = (np.pi / 2) ** 0.5 / 6 * _mean_norm(second, head, cv2.NORM_L1)
    slope = (_mean_norm(across, head) + _mean_norm(down, head)) / 64  # 8 is Sobel's answer to one grey level per pixel
    steep = np.abs(across) + np.abs(down) > 8 * EDGE_RATIO * max(1, tones.p99 - tones.p1)
    return {
        "noise_sigma": noise,
        "noise_ratio": _ratio(noise, inside.mean),
        "sharpness": _ratio(slope, inside.deviation**2),
        "detail_ratio": _ratio(_mean_norm(cv2.Laplacian(tile, cv2.CV_16S), head), slope),
        "edge_ratio": cv2.mean(steep.view(np.uint8), head)[0],
        "blockiness": (_blockiness(tile) + _blockiness(cv2.transpose(tile))) / 2,
    }


def _moments(image: MatLike) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return an image's weight, its centroid (row, column) and its variance (over rows, over columns), in pixels."""
    m = cv2.moments(image)
    weight = m["m00"] or 1.0
    return m["m00"], np.array([m["m01"], m["m10"]]) / weight, np.abs([m["mu02"], m["mu20"]]) / weight


def _tones(pixels: MatLike, mask: MatLike | None = None) -> Tones:
    counts = cv2.calcHist([pixels], [0], mask, [256], [0, 256])[:, 0].astype(np.float64)
    shares = counts / (counts.sum() or 1.0)
    mean = float(shares @ LEVELS)
    p1, p99 = np.searchsorted(np.cumsum(counts), np.array([0.01, 0.99]) * counts.sum())
    return Tones(shares, mean, float(np.sqrt(shares @ (LEVELS - mean) ** 2)), int(p1), int(p99))


def _silhouette(overview: MatLike, air: float) -> MatLike:
    """0 or 255: what is brighter than air, and what lies between such pixels both in its row and in its column."""
    bright = np.where(cv2.blur(overview, (3, 3)) > air, 255, 0).astype(np.uint8)
    spread = np.maximum.accumulate
    filled = np.minimum(*(np.minimum(spread(bright, i), np.flip(spread(np.flip(bright), i))) for i in (0, 1)))
    # Takes back the rim that the blur has added, which would count as dark head.
    return cv2.erode(filled, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))


def _central_tile(pixels: MatLike, head: MatLike) -> tuple[MatLike, MatLike]:
    """Return the tile and the head's share of it, without the outermost pixels, where filters see past the slice."""
    starts = [max(0, length - SAMPLE) // 2 for length in pixels.shape]
    tile = pixels[starts[0] : starts[0] + SAMPLE, starts[1] : starts[1] + SAMPLE]
    rows, columns = (
        slice(start * OVERVIEW // length, -(-(start + side) * OVERVIEW // length))
        for start, side, length in zip(starts, tile.shape, pixels.shape, strict=True)
    )
    mask = cv2.resize(head[rows, columns], tile.shape[::-1], interpolation=cv2.INTER_NEAREST)
    mask[[0, -1]] = mask[:, [0, -1]] = 0
    return tile, mask


def _symmetry(light: MatLike, axis: float) -> float:
    ends = round(2 * axis)
    window = light[:, max(0, ends - light.shape[1] + 1) : ends + 1]
    return 1 - _ratio(cv2.norm(window, cv2.flip(window, 1), cv2.NORM_L1), 2.0 * np.sum(window))


def _mean_norm(image: MatLike, mask: MatLike, norm: int = cv2.NORM_L2SQR) -> float:
    return _ratio(cv2.norm(cv2.copyTo(image, mask), norm), cv2.countNonZero(mask))


def _blockiness(tile: MatLike) -> float:
    """Of the vertical lines of the grid, at the best of its eight offsets; 0 if the tile holds less than two blocks."""
    columns = (tile.shape[1] - 1) // BLOCK * BLOCK
    if columns < 2 * BLOCK:
        return 0.0
    steps = cv2.absdiff(tile[:, 1 : columns + 1], tile[:, :columns])
    by_offset = cv2.reduce(steps, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).reshape(-1, BLOCK).mean(axis=0)
    strongest = by_offset.max()
    elsewhere = (by_offset.sum() - strongest) / (BLOCK - 1)
    return _ratio(strongest - elsewhere, strongest + elsewhere)


def _ratio(part: float, whole: float, undefined: float = 0.0) -> float:
    return float(part / whole) if whole else undefined
