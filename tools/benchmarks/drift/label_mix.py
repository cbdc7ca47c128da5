"""A modest change of the label mix: from how large a window on is 50% to 70% tumors seen?

`python -m tools.benchmarks.drift.label_mix --data DIR` divides the groups of all held-out scans at random between a
reference and a stream, half of each tumors. In the drifted windows 70% are. With `--write` the table goes into
docs/explanation/drift.md.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from imip.modules import load as load_module
from tools.benchmarks.drift.page import write_between
from tools.benchmarks.drift.scans import Rows, Scans, joined, one_each, read, thinned
from tools.benchmarks.drift.sizes import EACH, SERVED, SIZES, Trial, measure, newest, table
from tools.benchmarks.drift.verdicts import SEED
from training.data.brain import NO_TUMOR

REPOSITORY: Final = Path(__file__).parents[3]
USUAL, MORE = 0.5, 0.7  # share of tumors
MARK: Final = "label mix"


def main() -> None:
    """Measure, print the table, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the brain data sets")
    parser.add_argument("--module", default="brain-tumor", help="one of the brain modules")
    parser.add_argument("--windows", type=int, default=100, help="of each size and mix")
    parser.add_argument("--write", action="store_true", help="write docs/explanation/drift.md")
    options = parser.parse_args()
    held_out = joined(*read(options.data, load_module(REPOSITORY / "models" / options.module)))
    text = table(measure(trials(held_out, options.windows)))
    print(text)
    if options.write:
        write_between(MARK, text)


def trials(scans: Scans, windows: int) -> Iterator[Trial]:
    """Yield two trials for each division of the groups, one of each design."""
    rng = np.random.default_rng(SEED)
    tumor = np.array([name != NO_TUMOR for name in scans.classes])
    for _ in tqdm(range(windows), "windows"):
        groups = rng.permutation(np.unique(scans.groups))
        mine = np.isin(scans.groups, groups[: len(groups) // 2])
        before, after = np.flatnonzero(mine), np.flatnonzero(~mine)
        limits = scans.limits(before)
        yield Trial(
            SERVED,
            thinned(scans.predictions.take(mixed(before, tumor, USUAL, rng)), limits),
            [
                (title(share), size, window)
                for share in (USUAL, MORE)
                for size, window in newest(thinned(scans.predictions.take(mixed(after, tumor, share, rng)), limits))
            ],
        )
        one_before, one_after = (one_each(rows, scans.groups, rng) for rows in (before, after))
        yield Trial(
            EACH,
            scans.predictions.take(mixed(one_before, tumor, USUAL, rng)),
            [
                (title(share), size, scans.predictions.take(rows[:size]))
                for share in (USUAL, MORE)
                for rows in [mixed(one_after, tumor, share, rng)]
                for size in SIZES
                if size <= len(rows)
            ],
        )


def mixed(rows: Rows, tumor: NDArray[np.bool_], share: float, rng: np.random.Generator) -> Rows:
    """Return as many rows as there are for this share of tumors, in random order; `tumor` (n,) is of all scans."""
    with_one, without = rng.permutation(rows[tumor[rows]]), rng.permutation(rows[~tumor[rows]])
    count = int(min(len(with_one) / share, len(without) / (1 - share)))
    tumors = round(count * share)
    return np.asarray(rng.permutation(np.concatenate([with_one[:tumors], without[: count - tumors]])), np.intp)


def title(share: float) -> str:
    return f"{share:.0%} tumors"


if __name__ == "__main__":
    main()
