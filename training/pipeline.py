"""The steps from a folder of scans to a served artifact: split, train, export, score."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from imip.card import Calibration, Card, Decision, InputSpec, OutOfDistribution
from imip.framing import frame
from imip.model import CARD, GRAPH, REFERENCE, VERSION_LENGTH, Model, digest
from imip.outliers import ReferenceDistance
from training import brain_tumor, card_text
from training.batches import Mix, framed
from training.calibration import OperatingPoint, Platt, choose_operating_point, fit_platt
from training.dataset import Sample, load
from training.evaluation import Report, Scored, evaluate
from training.export import Parity, keras_answer, round_weights, to_litert
from training.fit import Recipe, fit
from training.groups import group
from training.split import Entry, Split, read_manifest, split

MANIFEST = Path(__file__).parent / "manifests" / "brain-tumor-mri.csv"
FOREIGN_SHARE = 0.01  # of the reference's own scans that may lie beyond the out-of-distribution threshold
PARITY_SCANS = 200
UNTIED = Mix(painted=0.25, healed=0.3, doubled=0.05, mirrored=0.1, toned=0.3, balanced=True)
STAGES = (  # first what tumors look like, then that scanner and plane are no sign of one, at last nor is the scalp
    Recipe(epochs=46, peak_rate=1e-3, mix=Mix(painted=0.25)),
    Recipe(epochs=16, peak_rate=4e-4, mix=UNTIED),
    Recipe(epochs=12, peak_rate=3e-4, mix=replace(UNTIED, reshaded=0.5)),
)

Track = Callable[[Iterable[tuple[Path, str]]], Iterable[tuple[Path, str]]]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled scans, each distinct file once, with the split and group of each."""

    samples: list[Sample]
    entries: dict[str, Entry]  # by file hash

    def part(self, name: Split) -> list[Sample]:
        return [sample for sample in self.samples if self.entries[sample.digest].split == name]

    def groups(self, samples: Sequence[Sample]) -> NDArray[np.int64]:
        return np.array([self.entries[sample.digest].group for sample in samples])


def make_manifest(data: Path, track: Track) -> list[Entry]:
    """Group and split the scans below `data`. The same files give the same manifest."""
    samples, _ = load(data, track)
    return split(samples, group(samples))


def open_dataset(data: Path, track: Track, *, original: bool = False) -> Dataset:
    """Read the scans below `data` with the committed manifest's split.

    `original` takes the data set's own Training and Testing folders instead, with a random validation part:
    leaky, and there to show what the leak is worth. Raises KeyError if a file is not in the manifest.
    """
    samples = list({sample.digest: sample for sample in load(data, track)[0]}.values())
    entries = read_manifest(MANIFEST)
    if original:
        entries = {sample.digest: _original_entry(sample, entries[sample.digest].group) for sample in samples}
    return Dataset(samples, {sample.digest: entries[sample.digest] for sample in samples})


def _original_entry(sample: Sample, number: int) -> Entry:
    name: Split = "test" if "Testing" in sample.path.parts else "train"
    if name == "train" and int(sample.digest[:4], 16) % 20 < 3:
        name = "validation"
    return Entry(sample.digest, sample.class_name, number, name)


def train(dataset: Dataset, run: Path, stages: Sequence[Recipe] = STAGES) -> keras.Sequential:
    """Train stage by stage in `run`, or go on with it, and return the best network, its weights rounded."""
    network = brain_tumor.build()
    for number, recipe in enumerate(stages, start=1):
        folder = run / f"stage-{number}"
        network = fit(network, dataset.part("train"), dataset.part("validation"), folder, recipe)
    round_weights(network)
    return network


def export(network: keras.Sequential, dataset: Dataset, artifact: Path) -> Parity:
    """Calibrate on the validation scans, compile the graph, write the artifact and prove it against Keras.

    The reference is the validation scans' embeddings, so that the test scans share no group with it.
    """
    validation = dataset.part("validation")
    is_tumor = np.array([sample.is_tumor for sample in validation])
    platt = fit_platt(_logits(network, framed(validation, brain_tumor.SIDE)), is_tumor)
    graph = to_litert(network, platt)
    card = _card(graph, platt)
    model = Model(card, graph, np.zeros((0, 0), np.float32))
    outputs = [model.run(frame(sample.pixels, brain_tumor.SIDE).input) for sample in validation]
    embeddings = np.stack([output.embedding for output in outputs])
    point = choose_operating_point(np.array([float(o.probabilities[0]) for o in outputs]), is_tumor)
    artifact.mkdir(parents=True, exist_ok=True)
    (artifact / GRAPH).write_bytes(graph)
    np.savez_compressed(artifact / REFERENCE, embeddings=embeddings)
    limit = _foreign_limit(embeddings, dataset.groups(validation))
    files = {name: digest((artifact / name).read_bytes()) for name in (GRAPH, REFERENCE)}
    card.model_copy(
        update={"decision": _decision(point), "out_of_distribution": _foreign(limit), "files": files}
    ).write(artifact / CARD)
    return _prove(network, platt, model, validation[:: max(1, len(validation) // PARITY_SCANS)])


def _logits(network: keras.Sequential, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    probability = network.predict(inputs, verbose=0)[:, 0].astype(np.float64)
    clipped = np.clip(probability, 1e-7, 1 - 1e-7)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)


def _foreign_limit(embeddings: NDArray[np.float32], groups: NDArray[np.int64]) -> float:
    """Return the distance that all but FOREIGN_SHARE of scans keep to a reference without their own group."""
    fold = groups % 5
    held_out = [(embeddings[fold != held], embeddings[fold == held]) for held in np.unique(fold)]
    distances = np.concatenate([ReferenceDistance(others)(held) for others, held in held_out])
    return float(np.quantile(distances, 1 - FOREIGN_SHARE))


def _prove(network: keras.Sequential, platt: Platt, model: Model, samples: Sequence[Sample]) -> Parity:
    differences, correlations = [], []
    for sample in samples:
        pixels = frame(sample.pixels, brain_tumor.SIDE).input
        output = model.run(pixels)
        probability, evidence = keras_answer(network, platt, pixels[None, :, :, None].astype(np.float32))
        served = output.heatmaps[:, :, 0] - output.heatmaps[:, :, 1]
        differences.append(abs(probability - float(output.probabilities[0])))
        correlations.append(float(np.corrcoef(served.ravel(), evidence.ravel())[0, 1]))
    return Parity(max(differences), min(correlations))


def judge(model: Model, samples: Sequence[Sample], groups: NDArray[np.int64]) -> tuple[Scored, Report]:
    """Run samples through the served graph and evaluate them at its card's operating point."""
    outputs = [model.run(frame(sample.pixels, model.card.input.side).input) for sample in samples]
    scored = Scored(
        probability=np.array([float(output.probabilities[0]) for output in outputs]),
        is_tumor=np.array([sample.is_tumor for sample in samples]),
        class_name=np.array([sample.class_name for sample in samples]),
        group=groups,
    )
    decision = model.card.decision
    return scored, evaluate(scored, OperatingPoint(decision.threshold, decision.uncertain_from, decision.uncertain_to))


def _card(graph: bytes, platt: Platt) -> Card:
    return Card(
        module="brain-tumor",
        version=digest(graph)[:VERSION_LENGTH],
        title=card_text.TITLE,
        labels=("Tumor", "No Tumor"),
        input=InputSpec(side=brain_tumor.SIDE, modality="MR"),
        decision=_decision(OperatingPoint(0.5, 0.5, 0.5)),
        calibration=Calibration(method="Platt scaling on validation", slope=platt.slope, intercept=platt.intercept),
        out_of_distribution=_foreign(1.0),
        files={},
        licence="Apache-2.0",
        details=card_text.DETAILS,
        intended_use=card_text.INTENDED_USE,
        non_recommended_use=card_text.NON_RECOMMENDED_USE,
        factors=card_text.FACTORS,
        data=card_text.DATA,
        metrics={},
        ethics=card_text.ETHICS,
        caveats=card_text.CAVEATS,
    )


def _decision(point: OperatingPoint) -> Decision:
    return Decision(
        threshold=point.threshold,
        uncertain_from=point.uncertain_from,
        uncertain_to=point.uncertain_to,
        rule=card_text.DECISION_RULE,
    )


def _foreign(limit: float) -> OutOfDistribution:
    return OutOfDistribution(distance=card_text.DISTANCE, threshold=limit, rule=card_text.FOREIGN_RULE)
