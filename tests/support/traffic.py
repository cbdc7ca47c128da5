"""A clock and a folder of scans for the tests of the load generator."""

from pathlib import Path

from PIL import Image

from monitoring.drift.simulation.load_generator import Pace
from tests.support.heads import head
from tests.support.scan_files import mr_bytes, picture_bytes


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds

    def pace(self, rate: float) -> Pace:
        return Pace(rate, now=self.now, sleep=self.sleep)


def fill(folder: Path) -> None:
    """Write scans of two labels in three formats, and what is no scan."""
    for label in ("glioma", "notumor"):
        (folder / label).mkdir()
    (folder / "glioma" / "jane-doe.jpg").write_bytes(picture_bytes(Image.fromarray(head(1)), "JPEG"))
    (folder / "glioma" / "misnamed.txt").write_bytes(mr_bytes(head(2)))
    (folder / "notumor" / "b.png").write_bytes(picture_bytes(Image.fromarray(head(3)), "PNG"))
    (folder / "notumor" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "README.md").write_text("no scan")
