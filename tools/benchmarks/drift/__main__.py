"""Whether the drift detectors cry wolf or sleep, on held-out scans: `python -m tools.benchmarks.drift --data DIR`.

False alarms: the held-out scans' groups are shared out at random between a reference and a stream, many times over.
Power and delay: the test part's scans, drifted, against the reference of the validation part. No group is ever on
both sides. Scans go through the serving path, predictions through the thinning and the detectors that are served.
With `--write` the figures and plots go into docs/explanation/drift.md.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from imip.inference.module import AnalysisModule
from imip.modules import load as load_module
from monitoring.drift.arrays import PredictionArrays
from monitoring.drift.simulation.distortions import SEVERITIES
from monitoring.drift.simulation.scenarios import KINDS, MIXES, NONE, alter, choose
from monitoring.drift.window import LOOKBACK
from tools.benchmarks.drift.page import (
    Rate,
    Response,
    alarm_table,
    draw_alarms,
    draw_power,
    power_table,
    time_line,
    write_between,
)
from tools.benchmarks.drift.scans import (
    Scans,
    append,
    joined,
    look_at,
    one_each,
    patient_after_patient,
    read,
    thinned,
)
from tools.benchmarks.drift.verdicts import SEED, SETTINGS, Verdict, detectors_of, rate, verdict

REPOSITORY = Path(__file__).parents[3]
MODULE = "brain-tumor"
BACK = LOOKBACK * SETTINGS.window  # predictions looked back at, at most
BURST, BURSTS = 100, 20  # slices of one patient in the last 200 scans; patients who may send one
REPEATED = "repeated-patient"  # not a drift: what must not alarm


def main() -> None:
    """Measure, print the tables, and write them if asked to."""
    options = arguments()
    module = load_module(REPOSITORY / "models" / options.module)
    validation, test = read(options.data, module)
    alarms = false_alarms(joined(validation, test), module, options.windows)
    alarms["The reference shipped, windows of the test part"] = shipped(validation, test, options.windows)
    severities = SEVERITIES[::2] if options.quick else SEVERITIES
    responses = list(respond(validation, test, module, severities, 3 if options.quick else options.streams))
    seconds = time_check(validation.predictions, test.predictions)
    tables = "\n\n".join([alarm_table(alarms), power_table(responses, BACK), time_line(seconds)])
    print(tables)
    if options.write:
        write_between("measured", tables)
        draw_alarms(alarms, SETTINGS.p_value)
        draw_power(responses, severities)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the brain tumor MRI data set")
    parser.add_argument("--module", default=MODULE, help="one of the brain modules")
    parser.add_argument("--windows", type=int, default=200, help="undrifted windows")
    parser.add_argument("--streams", type=int, default=6, help="drifted streams of each kind and severity")
    parser.add_argument("--quick", action="store_true", help="three severities, three streams")
    parser.add_argument("--write", action="store_true", help="write docs/explanation/drift.md and its plots")
    options = parser.parse_args()
    if options.write and options.module != MODULE:
        parser.error(f"docs/explanation/drift.md is about {MODULE}")
    return options


class StreamChecker:
    """Judges streams against one reference, as the monitor does."""

    def __init__(self, scans: Scans) -> None:
        self._limits = scans.limits(np.arange(len(scans.groups)))
        self.reference = thinned(scans.predictions, self._limits)
        self._warm = detectors_of(self.reference)

    def __call__(self, stream: PredictionArrays) -> tuple[Verdict, int]:
        """Return the verdict on the newest independent predictions, and how many they are."""
        window = thinned(stream, self._limits, SETTINGS.window)
        return verdict(self._warm, window), len(window)


def false_alarms(scans: Scans, module: AnalysisModule, windows: int) -> dict[str, Rate]:
    """Share out groups between a reference and a stream, at random, and count alarms by what is made of them."""
    rng = np.random.default_rng(SEED)
    sources = rng.choice(len(scans.groups), BURSTS, replace=False)
    bursts = [
        look_at((alter(scans.slices[source], REPEATED, 1, rng) for _ in range(BURST)), module) for source in sources
    ]
    found: dict[str, list[tuple[Verdict, int, int]]] = {}
    for _ in tqdm(range(windows), "false alarms"):
        groups = rng.permutation(np.unique(scans.groups))
        mine = np.isin(scans.groups, groups[: len(groups) // 2])
        before, after = rng.permutation(np.flatnonzero(mine)), rng.permutation(np.flatnonzero(~mine))
        limits = scans.limits(before)
        past, stream = scans.predictions.take(before), scans.predictions.take(after[-BACK:])
        burst = next(bursts[i] for i in rng.permutation(BURSTS) if not mine[sources[i]])
        interrupted = with_burst(stream, burst, rng)
        size = SETTINGS.window
        trials = {
            "Thinned, as served": (thinned(past, limits), thinned(stream, limits, size)),
            "Thinned, as served; a burst": (thinned(past, limits), thinned(interrupted, limits, size)),
            "Thinned, as served; patient after patient": (
                thinned(past, limits),
                thinned(scans.predictions.take(patient_after_patient(after, scans.groups, rng)[-BACK:]), limits, size),
            ),
            "One scan a group, as if groups were known": (
                scans.predictions.take(one_each(before, scans.groups, rng)),
                scans.predictions.take(one_each(after, scans.groups, rng)[:size]),
            ),
            "Not thinned": (past.take(np.arange(min(500, len(past)))), stream.take(np.arange(len(stream))[-size:])),
            "Not thinned; a burst": (
                past.take(np.arange(min(500, len(past)))),
                interrupted.take(np.arange(len(interrupted))[-size:]),
            ),
        }
        for name, (reference, window) in trials.items():
            found.setdefault(name, []).append((verdict(detectors_of(reference), window), len(reference), len(window)))
    return {name: rate(results) for name, results in found.items()}


def with_burst(stream: PredictionArrays, burst: PredictionArrays, rng: np.random.Generator) -> PredictionArrays:
    """Return a stream whose last scans are, in half, a burst's, at random places."""
    kept = len(stream) - (SETTINGS.window - BURST)
    tail = kept + rng.permutation(SETTINGS.window)
    return append(stream, burst).take(np.concatenate([np.arange(kept), tail]))


def shipped(validation: Scans, test: Scans, windows: int) -> Rate:
    """Compare the validation part with windows of the test part; all windows come from the same scans."""
    rng = np.random.default_rng(SEED)
    checker = StreamChecker(validation)
    streams = (test.predictions.take(rng.permutation(len(test.groups))[-BACK:]) for _ in range(windows))
    return rate([(found, len(checker.reference), size) for found, size in map(checker, streams)])


def respond(
    validation: Scans, test: Scans, module: AnalysisModule, severities: Sequence[int], streams: int
) -> Iterator[Response]:
    """Send drifts of every kind and severity at the reference shipped."""
    checker = StreamChecker(validation)
    for kind in tqdm([kind for kind in KINDS if kind != NONE], "drifts"):
        changed: PredictionArrays | None = None
        for severity in severities:
            if changed is None or kind not in MIXES:
                changed = look_at(altered(test.slices, kind, severity), module)
            both = append(test.predictions, changed)
            rng = np.random.default_rng([SEED, severity])
            results = [flow(both, test.classes, kind, severity, checker, rng) for _ in range(streams)]
            power = {name: float(np.mean([at_end[name] for at_end, _, _ in results])) for name in results[0][0]}
            delay = float(np.median([delay for _, delay, _ in results]))
            yield Response(kind, severity, power, delay, round(float(np.median([size for _, _, size in results]))))


def altered(slices: Sequence[NDArray[np.uint8]], kind: str, severity: int) -> Iterator[NDArray[np.uint8]]:
    """Change every slice once; a class mix changes none."""
    rng = np.random.default_rng([SEED, severity])
    return (pixels if kind == "class-mix" else alter(pixels, kind, severity, rng) for pixels in slices)


def flow(
    both: PredictionArrays,
    classes: Sequence[str],
    kind: str,
    severity: int,
    checker: StreamChecker,
    rng: np.random.Generator,
) -> tuple[Verdict, float, int]:
    """Let a stream drift; return the verdict on a wholly drifted window, the delay in scans, the window's size.

    `both`: the scans as they are, then the same changed.
    """
    before = [draw.scan for draw in choose(classes, NONE, 1, BACK, rng)]
    after = [draw.scan + draw.altered * len(classes) for draw in choose(classes, kind, severity, BACK, rng)]
    stream = both.take(before + after)
    delay = np.inf
    for drifted in range(SETTINGS.every, BACK + 1, SETTINGS.every):
        if checker(stream.take(range(drifted, BACK + drifted)))[0]["any"]:
            delay = drifted
            break
    at_end, size = checker(both.take(after))
    return at_end, delay, size


def time_check(one: PredictionArrays, other: PredictionArrays) -> dict[str, float]:
    """Return the seconds of one check of 200 predictions against 500 by each detector, once warm."""
    reference, window = one.take(np.arange(500)), other.take(np.arange(200))
    seconds = {}
    for detector in detectors_of(reference):
        detector(window)
        start = time.perf_counter()
        detector(window)
        seconds[detector.name] = time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    main()
