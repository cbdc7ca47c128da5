"""Drift scenarios that change which scans arrive, rather than how a scanner shows them.

Here also stands the one way to a drifted stream of either kind: `choose` draws the scans, `alter` changes those
that the drift affects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.drift.simulation.distortions import DRIFTS, Levels, Rng, Slice, distort, paint_mass

NONE = "none"
PATIENTS = 4  # scans that `repeated-patient` repeats
SHIFT = 2  # pixels; how far the head moves between slices of one patient
GRAIN = 2.0  # gray levels, standard deviation of the noise between slices of one patient


@dataclass(frozen=True, slots=True)
class Mix:
    """One way in which the choice of scans changes, and what share of them changes at each severity."""

    summary: str
    shares: Levels

    def describe(self) -> str:
        """Say in one line what changes and how far."""
        return f"{self.summary}; share of scans: {', '.join(f'{share:g}' for share in self.shares)}"


class Draw(NamedTuple):
    """One scan to be sent: its index among the labels, and whether the drift changes how it looks."""

    scan: int
    altered: bool


MIXES: Mapping[str, Mix] = {
    "class-mix": Mix("More scans of the most common label", Levels(0.1, 0.25, 0.45, 0.7, 1)),
    "more-anomalies": Mix("A bright mass painted into the head", Levels(0.05, 0.15, 0.3, 0.55, 0.9)),
    "repeated-patient": Mix(
        f"Near-identical slices of {PATIENTS} scans instead of new ones", Levels(0.05, 0.15, 0.3, 0.55, 0.9)
    ),
}
KINDS: tuple[str, ...] = (NONE, *DRIFTS, *MIXES)


def describe(kind: str) -> str:
    """Say in one line what a kind of drift changes and how far at each severity. Raises ValueError."""
    _check(kind)
    if kind == NONE:
        return "Undrifted: the scans as they are, shuffled"
    return (DRIFTS[kind] if kind in DRIFTS else MIXES[kind]).describe()


def choose(labels: Sequence[str], kind: str, severity: int, count: int, rng: Rng) -> list[Draw]:
    """Draw `count` scans, given the label of each there is; none comes twice before all of its label have come.

    A share of `class-mix` means that so many of the draws that would have fallen on other labels fall on the most
    common one. Severity counts for nothing where the kind is "none". Raises ValueError.
    """
    _check(kind)
    if not labels:
        raise ValueError("There is no scan to draw from.")
    order = _rounds(np.arange(len(labels)), count, rng)
    if kind == NONE:
        return [Draw(int(index), False) for index in order]
    if kind in DRIFTS:
        DRIFTS[kind].levels.at(severity)
        return [Draw(int(index), True) for index in order]
    affected = rng.random(count) < MIXES[kind].shares.at(severity)
    if kind == "class-mix":
        order, affected = _favour(np.asarray(labels), order, affected, rng), np.zeros(count, np.bool_)
    if kind == "repeated-patient":
        few = rng.permutation(len(labels))[:PATIENTS]
        order[affected] = _rounds(few, int(affected.sum()), rng)
    return [Draw(int(index), bool(altered)) for index, altered in zip(order, affected, strict=True)]


def alter(pixels: Slice, kind: str, severity: int, rng: Rng) -> Slice:
    """Return a slice, (H, W), that the drift changes, changed. Raises ValueError."""
    if kind == "more-anomalies":
        return paint_mass(pixels, rng)
    if kind == "repeated-patient":
        return _next_slice(pixels, rng)
    return distort(pixels, kind, severity, rng)


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"There is no drift {kind!r}; there are: {', '.join(KINDS)}.")


def _rounds(pool: NDArray[np.intp], count: int, rng: Rng) -> NDArray[np.intp]:
    """Draw without replacement until the pool is exhausted, then again."""
    rounds = [rng.permutation(pool) for _ in range(-(-count // len(pool)))]
    return np.asarray(np.concatenate([pool[:0], *rounds])[:count], np.intp)


def _favour(
    labels: NDArray[np.str_], order: NDArray[np.intp], affected: NDArray[np.bool_], rng: Rng
) -> NDArray[np.intp]:
    """Replace the affected draws by draws of the most common label, each label drawn without replacement."""
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        raise ValueError("A class mix cannot change with scans of one label only; give a folder with one per label.")
    common = labels == names[counts.argmax()]
    favoured = common[order] | affected
    shifted = order.copy()
    shifted[favoured] = _rounds(np.flatnonzero(common), int(favoured.sum()), rng)
    shifted[~favoured] = _rounds(np.flatnonzero(~common), int((~favoured).sum()), rng)
    return shifted


def _next_slice(pixels: Slice, rng: Rng) -> Slice:
    """Return something like the neighbouring slice: shifted by a pixel or two, with noise of its own."""
    rows, columns = rng.integers(-SHIFT, SHIFT + 1, 2)
    moved = np.roll(pixels, (rows, columns), axis=(0, 1)) + rng.normal(0, GRAIN, pixels.shape)
    return np.asarray(np.clip(np.round(moved), 0, 255), np.uint8)
