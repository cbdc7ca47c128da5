"""A real change of hospital: does a stream of another institution alarm, and from how large a window on?

`python -m tools.benchmarks.drift.hospital --data DIR` takes TCGA-LGG. Reference and undrifted windows are of DU,
of patients shared out at random between the two; the drifted windows are of HT. Windows hold the newest independent
predictions, as served, or one slice of each patient, as if patients were known. With `--write` the table goes into
docs/explanation/drift.md.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from imip.modules import load as load_module
from tools.benchmarks.drift.page import write_between
from tools.benchmarks.drift.scans import Scans, of_sources, one_each, thinned
from tools.benchmarks.drift.sizes import EACH, SERVED, Trial, measure, newest, table
from tools.benchmarks.drift.verdicts import SEED

REPOSITORY: Final = Path(__file__).parents[3]
FROM, TO = "lgg-du", "lgg-ht"
MARK: Final = "hospital"


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
    text = table(measure(trials(known, other, options.windows)))
    print(text)
    if options.write:
        write_between(MARK, text)


def trials(known: Scans, other: Scans, windows: int) -> Iterator[Trial]:
    """Yield two trials for each division of the known hospital's patients, one of each design."""
    rng = np.random.default_rng(SEED)
    for _ in tqdm(range(windows), "windows"):
        patients = rng.permutation(np.unique(known.groups))
        mine = np.isin(known.groups, patients[: len(patients) // 2])
        before, after = (rng.permutation(np.flatnonzero(part)) for part in (mine, ~mine))
        limits = known.limits(before)
        streams = [(FROM, known, after), (TO, other, rng.permutation(len(other.groups)))]
        yield Trial(
            SERVED,
            thinned(known.predictions.take(before), limits),
            [
                (name, size, window)
                for name, scans, rows in streams
                for size, window in newest(thinned(scans.predictions.take(rows), limits))
            ],
        )
        each = [(name, scans, one_each(rows, scans.groups, rng)) for name, scans, rows in streams]
        yield Trial(
            EACH,
            known.predictions.take(one_each(before, known.groups, rng)),
            [(name, len(rows), scans.predictions.take(rows)) for name, scans, rows in each],
        )


if __name__ == "__main__":
    main()
