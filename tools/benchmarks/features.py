"""The time to compute the image features of one scan, on one thread: `python -m tools.benchmarks.features`."""

import statistics
import time

import cv2
import numpy as np

from imip.inference.features import image_features
from imip.scan.scan import Scan

SIDES = (256, 512, 2048)  # pixels
ROUNDS = 200
WARM_UP = 20  # rounds before anything is measured


def main() -> None:
    """Print the median time per scan, by its size."""
    cv2.setNumThreads(1)
    for side in SIDES:
        scan = noisy_ellipse(side)
        seconds = [measure(scan) for _ in range(WARM_UP + ROUNDS)][WARM_UP:]
        print(f"{side:5} x {side:<5} {1000 * statistics.median(seconds):6.2f} ms")


def measure(scan: Scan) -> float:
    """Return the time for one scan in seconds."""
    start = time.perf_counter()
    image_features(scan)
    return time.perf_counter() - start


def noisy_ellipse(side: int) -> Scan:
    """Return a noisy ellipse with texture in dark air; it needs as much time as a brain slice."""
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    inside = rows**2 / 0.7 + columns**2 / 0.45 < 1
    tissue = inside * (140 + 40 * np.sin(12 * rows) * np.cos(9 * columns))
    noise = np.random.default_rng(0).normal(0, 4, (side, side))
    pixels = np.clip(tissue + noise, 0, 255).astype(np.uint8)
    return Scan(pixels=pixels, format="png", size_bytes=side * side // 2, bit_depth=8, channels=1)


if __name__ == "__main__":
    main()
