"""The sizes of what the evidence network takes and answers, for those who need no network."""

from typing import Final

SIDE: Final = 128  # pixels; the input is (SIDE, SIDE, 1), 0..255
MAP: Final = 64  # cells a side of the map of evidence
