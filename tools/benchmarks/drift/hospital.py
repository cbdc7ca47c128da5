"""A real change of hospital: does a stream of another institution alarm, and from how large a window on?

`python -m tools.benchmarks.drift.hospital --data DIR` takes TCGA-LGG. Reference and undrifted windows are of DU,
of patients shared out at random between the two; the drifted windows are of HT. With `--write` the table goes into
docs/explanation/drift.md.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from imip.modules import load as load_module
from monitoring.drift.arrays import PredictionArrays
from tools.benchmarks.drift.page import Rate, write_between
from tools.benchmarks.drift.scans import Limits, Scans, of_sources, thinned
from tools.benchmarks.drift.verdicts import SEED, Verdict, detectors_of, rate, verdict

REPOSITORY: Final = Path(__file__).parents[3]
FROM, TO = "lgg-du", "lgg-ht"
SIZES: Final = (25, 50, 100, 200, 400)  # independent predictions of a window
MARK: Final = "hospital"
Counted = tuple[Verdict, int, int]  # with the sizes of reference and window


def main() -> None:
    """Measure, print the table, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the brain data sets")
    parser.add_argument("--module", default="brain-tumor", help="one of the brain modules")
    parser.add_argument("--windows", type=int, default=100, help="of each size and hospital")
    parser.add_argument("--write", action="store_true", help="write docs/explanation/drift.md")
    options = parser.parse_args()
    module = load_module(REPOSITORY / "models" / options.module)
    known, other = of_sources(options.data, module, (FROM, TO))
    text = table(measure(known, other, options.windows))
    print(text)
    if options.write:
        write_between(MARK, text)


def measure(known: Scans, other: Scans, windows: int) -> dict[tuple[str, int], Rate]:
    """Return how often windows alarm, by hospital and size."""
    rng = np.random.default_rng(SEED)
    found: dict[tuple[str, int], list[Counted]] = {}
    for _ in tqdm(range(windows), "windows"):
        patients = rng.permutation(np.unique(known.groups))
        mine = np.isin(known.groups, patients[: len(patients) // 2])
        before, after = (rng.permutation(np.flatnonzero(part)) for part in (mine, ~mine))
        limits = known.limits(before)
        reference = thinned(known.predictions.take(before), limits, 500)
        warm = detectors_of(reference)
        streams = {
            FROM: known.predictions.take(after),
            TO: other.predictions.take(rng.permutation(len(other.groups))),
        }
        for hospital, stream in streams.items():
            for size, window in _windows(stream, limits):
                found.setdefault((hospital, size), []).append((verdict(warm, window), len(reference), len(window)))
    return {key: rate(results) for key, results in found.items()}


def table(rates: dict[tuple[str, int], Rate]) -> str:
    """Return the table, a row for each size of window and hospital."""
    rows: Sequence[str] = [
        f"| {hospital} | {size} | {found.window} | {found.reference} "
        f"| {' | '.join(found.cell(name) for name in found.alarms)} |"
        for (hospital, size), found in sorted(rates.items(), key=lambda item: (item[0][0] == TO, item[0][1]))
    ]
    names = " | ".join(next(iter(rates.values())).alarms)
    head = f"| Windows of | Wanted | Window | Reference | {names} |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|---:|---:|", *rows])


def _windows(stream: PredictionArrays, limits: Limits) -> list[tuple[int, PredictionArrays]]:
    kept = thinned(stream, limits)
    return [(size, kept.take(range(max(0, len(kept) - size), len(kept)))) for size in SIZES]


if __name__ == "__main__":
    main()
