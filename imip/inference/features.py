"""The image features of one scan. They are logged with each prediction, checked for drift, and used by a decision tree.

Grey levels are measured on a sample of at most SAMPLE x SAMPLE pixels at equal steps, layout on an overview that is
reduced from the sample, and texture on a central tile at full resolution. So a scan of any size needs the same time.
Foreground features are measured inside a mask, so that air around the body does not count. Grey levels are 0..255,
positions 0..1 from the top left. An undefined feature has the value of a uniform image: 0, 1 or the middle.
"""

from typing import NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from imip.inference.heatmap_features import HEATMAP_FEATURES
from imip.inference.preprocessing import AIR_RATIO
from imip.inference.region_features import REGION_FEATURES
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
FEATURES: tuple[str, ...] = IMAGE_FEATURES + HEATMAP_FEATURES + REGION_FEATURES
SCENE_FEATURES = FEATURES[len(FILE_FEATURES) :]  # of the pixels, not of the file

SAMPLE = 512  # pixels per side of the sample and of the tile
OVERVIEW = 128  # pixels per side; fine enough for layout, coarse enough to average out noise
BLACK, WHITE = 2, 253  # grey levels; a pixel at most BLACK or at least WHITE is clipped
EDGE_RATIO = 0.1  # of the dynamic range, per pixel; a steeper gradient is an edge
STRIP = OVERVIEW // 16  # pixels of the overview; the width of the border
BLOCK = 8  # pixels; the side of a JPEG block
LEVELS = np.arange(256, dtype=np.float64)
SECOND_DIFFERENCE = np.array([1, -2, 1], np.float32)


class Histogram(NamedTuple):
    """The distribution of grey levels."""

    shares: NDArray[np.float64]  # (256,) sum 1, or all 0 if there are no pixels
    mean: float
    std: float
    p1: int
    p99: int


def image_features(scan: Scan) -> dict[str, float]:
    """Return IMAGE_FEATURES in order, each finite, of the decoded slice."""
    step = -(-max(scan.pixels.shape) // SAMPLE)
    sample = np.ascontiguousarray(scan.pixels[::step, ::step])
    whole = _histogram(sample)
    air_limit = whole.p1 + AIR_RATIO * (whole.p99 - whole.p1)
    overview = cv2.resize(sample, (OVERVIEW, OVERVIEW), interpolation=cv2.INTER_AREA)
    mask = _foreground_mask(overview, air_limit)
    inside = _histogram(sample, cv2.resize(mask, sample.shape[::-1], interpolation=cv2.INTER_NEAREST))
    return (
        _file(scan)
        | _grey_levels(whole, air_limit)
        | _foreground(mask, inside, scan.pixels.shape[0] / scan.pixels.shape[1])
        | _layout(overview, mask)
        | _texture(*_central_tile(scan.pixels, mask), whole, inside)
    )


def _file(scan: Scan) -> dict[str, float]:
    """width_pixels, height_pixels: of the slice. channels: samples per pixel in the file. bit_depth: bits per sample.

    file_size_bytes: of the file. file_bits_per_pixel: bits of the file per pixel of all frames; strong compression
        makes it small.
    """
    return {
        "width_pixels": float(scan.pixels.shape[1]),
        "height_pixels": float(scan.pixels.shape[0]),
        "channels": float(scan.channels),
        "bit_depth": float(scan.bit_depth),
        "file_size_bytes": float(scan.size_bytes),
        "file_bits_per_pixel": 8 * scan.size_bytes / (scan.pixels.size * max(1, scan.frames)),
    }


def _grey_levels(whole: Histogram, air_limit: float) -> dict[str, float]:
    """Features of the histogram p(v) of the whole slice.

    brightness_mean: mean grey level. contrast_rms: standard deviation, grey levels (Peli 1990).
    skewness, kurtosis: third and fourth standardised moments, the fourth minus 3; no unit.
    entropy_bits: -sum p log2 p (Shannon 1948). dynamic_range: 99th minus 1st percentile, grey levels.
    white_ratio: share of pixels at 253 or more. background_ratio: share of pixels not brighter than air.
    """
    deviations = (LEVELS - whole.mean) / (whole.std or 1.0)
    return {
        "brightness_mean": whole.mean,
        "contrast_rms": whole.std,
        "skewness": float(whole.shares @ deviations**3),
        "kurtosis": float(whole.shares @ deviations**4) - 3 if whole.std else 0.0,
        "entropy_bits": abs(float(whole.shares @ np.log2(whole.shares + (whole.shares == 0)))),
        "dynamic_range": float(whole.p99 - whole.p1),
        "white_ratio": float(whole.shares[WHITE:].sum()),
        "background_ratio": float(whole.shares[: int(air_limit) + 1].sum()),
    }


def _foreground(mask: MatLike, inside: Histogram, aspect: float) -> dict[str, float]:
    """Features of the foreground mask, from image moments (Hu 1962), and of the grey levels inside it.

    foreground_ratio: share of the slice. foreground_row, foreground_column: its centroid.
    foreground_aspect: standard deviation over rows divided by that over columns, in pixels.
    foreground_brightness: mean grey level. foreground_variation: standard deviation divided by mean.
    foreground_midtone: (mean - p1) / (p99 - p1), 0..1; changes with gamma, not with brightness or contrast.
    foreground_black_ratio: share of pixels at 2 or less; clipping or a signal void, because air is outside the mask.
    """
    weight, centroid, variance = _moments(mask)
    row, column = (centroid + 0.5) / mask.shape if weight else (0.5, 0.5)
    return {
        "foreground_ratio": weight / 255 / mask.size,
        "foreground_row": float(row),
        "foreground_column": float(column),
        "foreground_aspect": aspect * _ratio(variance[0], variance[1], 1.0) ** 0.5,
        "foreground_brightness": inside.mean,
        "foreground_variation": _ratio(inside.std, inside.mean),
        "foreground_midtone": _ratio(inside.mean - inside.p1, inside.p99 - inside.p1),
        "foreground_black_ratio": float(inside.shares[: BLACK + 1].sum()),
    }


def _layout(overview: MatLike, mask: MatLike) -> dict[str, float]:
    """Features of the brightness inside and outside the mask; a bias field (Sled et al. 1998) changes the shadings.

    symmetry: 1 - sum |v - v'| / sum (v + v'), 0..1, of the foreground v and its mirror image v' about its
        centroid column.
    shading_vertical, shading_horizontal: centroid of brightness minus centroid of area, in standard deviations of
        the mask; the slope of a least-squares line through the brightness, relative to its mean; positive is brighter
        towards the bottom or the right.
    shading_radial: mean squared radius of brightness divided by that of area; above 1 the rim is brighter.
    border_brightness: mean grey level of the outermost sixteenth on each side; high if inverted or cropped tightly.
    air_brightness: mean grey level outside the mask; noise, ghosts and halos increase it.
    ghosting_ratio: |top + bottom - left - right| / (2 foreground), of the mean grey levels of these strips and of the
        foreground; ghosts lie along one axis only (percent-signal ghosting, ACR MRI Quality Control Manual 2015).
    """
    _, area_centroid, variance = _moments(mask)
    foreground = cv2.bitwise_and(overview, mask)
    brightness, brightness_centroid, brightness_variance = _moments(foreground)
    shift = (brightness_centroid - area_centroid) * bool(brightness)
    strips = overview[:STRIP], overview[-STRIP:], overview[:, :STRIP], overview[:, -STRIP:]
    top, bottom, left, right = (cv2.mean(strip)[0] for strip in strips)
    return {
        "symmetry": _symmetry(foreground, area_centroid[1]),
        "shading_vertical": _ratio(shift[0], variance[0] ** 0.5),
        "shading_horizontal": _ratio(shift[1], variance[1] ** 0.5),
        "shading_radial": _ratio(np.sum(brightness_variance + shift**2), variance.sum(), 1.0) if brightness else 1.0,
        "border_brightness": (top + bottom + left + right) / 4,
        "air_brightness": cv2.mean(overview, cv2.bitwise_not(mask))[0],
        "ghosting_ratio": _ratio(abs(top + bottom - left - right), 2 * cv2.mean(overview, mask)[0]),
    }


def _texture(tile: MatLike, mask: MatLike, whole: Histogram, inside: Histogram) -> dict[str, float]:
    """Features of the mask at full resolution; g is the gradient (Sobel), l the Laplacian, in grey levels per pixel.

    noise_sigma: sqrt(pi / 2) / 6 * mean |N * image|, grey levels; N is a difference of Laplacians that edges and
        slopes hardly affect (Immerkaer 1996). noise_ratio: noise_sigma divided by the foreground mean, inverse SNR.
    sharpness: mean g^2 divided by the variance of grey levels, 1 / pixels^2 (Tenengrad, Krotkov 1988, without
        contrast).
    detail_ratio: mean l^2 (Pech-Pacheco et al. 2000) divided by mean g^2, 1 / pixels^2, the mean squared spatial
        frequency.
    edge_ratio: share of pixels whose |g_x| + |g_y| exceeds a tenth of the dynamic range.
    blockiness: (b - a) / (b + a), -1..1, of the mean step b across the lines of the strongest 8-pixel grid and the
        mean step a elsewhere, in the whole tile (after Wang, Sheikh and Bovik 2002); 0 without a grid.
    """
    across, down = cv2.spatialGradient(tile)
    second = cv2.sepFilter2D(tile, cv2.CV_16S, SECOND_DIFFERENCE, SECOND_DIFFERENCE)
    noise = (np.pi / 2) ** 0.5 / 6 * _mean_norm(second, mask, cv2.NORM_L1)
    slope = (_mean_norm(across, mask) + _mean_norm(down, mask)) / 64  # Sobel returns 8 for one grey level per pixel
    steep = np.abs(across) + np.abs(down) > 8 * EDGE_RATIO * max(1, whole.p99 - whole.p1)
    return {
        "noise_sigma": noise,
        "noise_ratio": _ratio(noise, inside.mean),
        "sharpness": _ratio(slope, inside.std**2),
        "detail_ratio": _ratio(_mean_norm(cv2.Laplacian(tile, cv2.CV_16S), mask), slope),
        "edge_ratio": cv2.mean(steep.view(np.uint8), mask)[0],
        "blockiness": (_blockiness(tile) + _blockiness(cv2.transpose(tile))) / 2,
    }


def _moments(image: MatLike) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of an image, its centroid (row, column) and its variance (over rows, over columns), in pixels."""
    m = cv2.moments(image)
    weight = m["m00"] or 1.0
    return m["m00"], np.array([m["m01"], m["m10"]]) / weight, np.abs([m["mu02"], m["mu20"]]) / weight


def _histogram(pixels: MatLike, mask: MatLike | None = None) -> Histogram:
    counts = cv2.calcHist([pixels], [0], mask, [256], [0, 256])[:, 0].astype(np.float64)
    shares = counts / (counts.sum() or 1.0)
    mean = float(shares @ LEVELS)
    p1, p99 = np.searchsorted(np.cumsum(counts), np.array([0.01, 0.99]) * counts.sum())
    return Histogram(shares, mean, float(np.sqrt(shares @ (LEVELS - mean) ** 2)), int(p1), int(p99))


def _foreground_mask(overview: MatLike, air_limit: float) -> MatLike:
    """Return 255 for pixels brighter than air, and for those between two such pixels in both their row and column."""
    bright = np.where(cv2.blur(overview, (3, 3)) > air_limit, 255, 0).astype(np.uint8)
    spread = np.maximum.accumulate
    filled = np.minimum(*(np.minimum(spread(bright, i), np.flip(spread(np.flip(bright), i))) for i in (0, 1)))
    # The blur added a rim, which would count as dark foreground.
    return cv2.erode(filled, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))


def _central_tile(pixels: MatLike, mask: MatLike) -> tuple[MatLike, MatLike]:
    """Return the tile and its mask. The mask excludes the outermost pixels, where filters read beyond the slice."""
    starts = [max(0, length - SAMPLE) // 2 for length in pixels.shape]
    tile = pixels[starts[0] : starts[0] + SAMPLE, starts[1] : starts[1] + SAMPLE]
    rows, columns = (
        slice(start * OVERVIEW // length, -(-(start + side) * OVERVIEW // length))
        for start, side, length in zip(starts, tile.shape, pixels.shape, strict=True)
    )
    tile_mask = cv2.resize(mask[rows, columns], tile.shape[::-1], interpolation=cv2.INTER_NEAREST)
    tile_mask[[0, -1]] = tile_mask[:, [0, -1]] = 0
    return tile, tile_mask


def _symmetry(image: MatLike, axis: float) -> float:
    ends = round(2 * axis)
    centred = image[:, max(0, ends - image.shape[1] + 1) : ends + 1]
    return 1 - _ratio(cv2.norm(centred, cv2.flip(centred, 1), cv2.NORM_L1), 2.0 * np.sum(centred))


def _mean_norm(image: MatLike, mask: MatLike, norm: int = cv2.NORM_L2SQR) -> float:
    return _ratio(cv2.norm(cv2.copyTo(image, mask), norm), cv2.countNonZero(mask))


def _blockiness(tile: MatLike) -> float:
    """Return the blockiness across the vertical lines of the strongest grid; 0 for less than two blocks."""
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
