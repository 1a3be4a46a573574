"""Measure the accuracy of a network of a study: as an exact bundle at each T, and as source network.

Networks of plain neurons are written as bundles and run by the runtime. Baselines that change the neuron have no
bundle; they run on the same integers in `spikelet_converters.baselines.multi_step`. Pre-steps of a baseline count
towards T.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.bundle.card import card
from spikelet.data.images import ImageSet
from spikelet.errors import SpikeletError
from spikelet.files.decoded import Document
from spikelet.graph import Graph
from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import tally
from spikelet.session import Model
from spikelet.verify import golden_inputs, golden_steps, record_golden
from spikelet_converters.baselines import Baseline, MultiStep, NeuronRule, Recalibration
from spikelet_converters.baselines.multi_step import batch_of
from spikelet_converters.conversion.copies import with_copies
from spikelet_converters.conversion.quantise import quantise
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.source_model.evaluation import as_pixels
from spikelet_converters.source_model.simulation import float_logits, noisy_logits
from spikelet_converters.torch_threads import divided, in_threads
from spikelet_converters.training.checkpoint import Checkpoint

COUNTED = 200  # images on which synaptic operations are counted
SOURCE_BATCH = 100  # images per batch of the source network
Tick = Callable[[int, int], None]
Values = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Conditions:
    """Images, time-steps and bundles of a measurement.

    Attributes:
        calibration: Training images, for baselines with a calibration; the first ones are the golden inputs.
        test: Test images.
        time_steps: Numbers of time-steps T.
        folder: Folder for the bundles, which have its name.
        bits: Bits of the weights.
        engine: Engine that runs the bundles.
        command: Command line, for the manifest.
        on_progress: Called with the work done and the total.
    """

    calibration: ImageSet
    test: ImageSet
    time_steps: tuple[int, ...]
    folder: Path
    bits: int = 8
    engine: str = "auto"
    command: str = ""
    on_progress: Tick = lambda done, total: None


@dataclass(frozen=True)
class SpikingResult:
    """Result of a spiking network.

    Attributes:
        accuracy: By number of time-steps, pre-steps included.
        spikes: Spikes per image over all layers, by number of time-steps. None without a bundle.
        neuron: "plain" or "changed".
        engine: Engine that ran the network.
        bundles: Digests of the bundles.
        operations: Synaptic operations per image over all layers, by number of time-steps. None without a bundle.
        neurons: Number of neurons, copies included.
    """

    accuracy: dict[int, float]
    spikes: dict[int, float] | None
    neuron: str
    engine: str
    bundles: list[str]
    operations: dict[int, float] | None
    neurons: int

    def as_json(self) -> dict[str, object]:
        """Return the fields as JSON values."""
        return {
            "accuracy": {str(t): value for t, value in self.accuracy.items()},
            "spikes": None if self.spikes is None else {str(t): value for t, value in self.spikes.items()},
            "neuron": self.neuron,
            "engine": self.engine,
            "bundles": self.bundles,
            "operations": None if self.operations is None else {str(t): n for t, n in self.operations.items()},
        }


def measure_spiking(
    checkpoint: Checkpoint, baseline: Baseline | None, conditions: Conditions, copies: int = 1
) -> SpikingResult:
    """Measure the accuracy of the spiking network at each T.

    Args:
        checkpoint: Source network.
        baseline: Baseline that changes the network, or None.
        conditions: Images, time-steps and bundles of the measurement.
        copies: Number of neurons per channel, of networks without baseline.
    """
    network = checkpoint.network()
    source = trace(network, checkpoint.spec.shape)
    provenance = {
        **checkpoint.provenance,
        "residual": checkpoint.spec.residual,
        "study_command": conditions.command,
    }
    if isinstance(baseline, NeuronRule):
        return _measure_rule(baseline, quantise(source, conditions.bits).graph, network, conditions)
    if isinstance(baseline, Recalibration):
        return _measure_each(baseline, source, network, conditions, provenance)
    graph = quantise(source, conditions.bits).graph
    if copies > 1:
        graph = with_copies(graph, copies)
    folder, time_steps = conditions.folder, conditions.time_steps
    bundle = _write(graph, folder.name, folder / "bundle.snnb", conditions, provenance)
    shares, counts, used = _run(bundle, max(time_steps), conditions, conditions.on_progress)
    return SpikingResult(
        accuracy={t: float(shares[t - 1]) for t in time_steps},
        spikes={t: float(counts[t - 1]) for t in time_steps},
        neuron="plain",
        engine=used,
        bundles=[str(bundle.digest)],
        operations=_operations(graph, conditions, time_steps),
        neurons=graph.neuron_count,
    )


def _measure_rule(
    baseline: NeuronRule, exact: Graph, network: torch.nn.Module, conditions: Conditions
) -> SpikingResult:
    """Measure a network with changed neurons, for which there is no bundle."""
    time_steps = conditions.time_steps
    steps = max(time_steps) - baseline.pre_steps
    if steps < 1:
        raise SpikeletError(f"{baseline.name}: has {baseline.pre_steps} pre-steps; test larger T")
    shares = _rule(baseline, exact, network, steps, conditions)
    by_total = {baseline.pre_steps + t + 1: float(share) for t, share in enumerate(shares)}
    return SpikingResult(
        accuracy={t: by_total[t] for t in time_steps if t in by_total},
        spikes=None,
        neuron="changed",
        engine="torch, on the exact integers",
        bundles=[],
        operations=None,
        neurons=exact.neuron_count,
    )


def _measure_each(
    baseline: Recalibration, source: Graph, network: torch.nn.Module, conditions: Conditions, provenance: Document
) -> SpikingResult:
    """Measure a network of its own for each T, in the order of the time-steps."""
    accuracy, spikes, operations = {}, {}, {}
    digests, used, folder = [], conditions.engine, conditions.folder
    for index, t in enumerate(conditions.time_steps):
        recalibrated = baseline.recalibrate(source, network, conditions.calibration.images, t)
        graph = quantise(recalibrated, conditions.bits).graph
        bundle = _write(graph, f"{folder.name}-T{t}", folder / f"T{t}.snnb", conditions, provenance)
        shares, counts, used = _run(bundle, t, conditions)
        accuracy[t], spikes[t] = float(shares[-1]), float(counts[-1])
        operations[t] = _operations(bundle.graph, conditions, (t,))[t]
        digests.append(str(bundle.digest))
        conditions.on_progress(index + 1, len(conditions.time_steps))
    return SpikingResult(
        accuracy=accuracy,
        spikes=spikes,
        neuron="plain",
        engine=used,
        bundles=digests,
        operations=operations,
        neurons=source.neuron_count,
    )


def measure_source(checkpoint: Checkpoint, test: ImageSet, seed: int, device: str = "cpu") -> dict[str, float]:
    """Return the accuracy of the source network without noise and with noise, which is drawn once from `seed`."""
    network, labels = checkpoint.network().to(device), test.labels
    assert labels is not None
    torch.manual_seed(seed)
    correct = {"noise_off": 0, "noise_on": 0}
    for start in range(0, len(test), SOURCE_BATCH):
        pixels = as_pixels(test.images[start : start + SOURCE_BATCH]).to(device)
        expected = torch.tensor(labels[start : start + SOURCE_BATCH]).to(device)
        correct["noise_off"] += int((float_logits(network, pixels).argmax(1) == expected).sum())
        correct["noise_on"] += int((noisy_logits(network, pixels).argmax(1) == expected).sum())
    return {key: count / len(test) for key, count in correct.items()}


def _rule(baseline: NeuronRule, graph: Graph, network: torch.nn.Module, steps: int, conditions: Conditions) -> Values:
    """Return the accuracy up to each of the time-steps after the pre-steps."""
    test, simulation, total = conditions.test, MultiStep(graph), baseline.total_steps(steps)
    neuron = baseline.rule(simulation, network, conditions.calibration.images, steps)
    size = batch_of(total)

    def correct_from(start: int) -> Counts:
        part = test.take(slice(start, start + size))
        by_step = simulation.run(part.images, total, neuron)[graph.output_name][baseline.output_steps(steps)]
        correct: Counts = (by_step.double().cumsum(0).argmax(2).numpy() == part.labels).sum(1)
        return correct

    correct = np.zeros(steps)
    starts = range(0, len(test), size)
    with divided():
        for start, counts in zip(starts, in_threads(correct_from, starts), strict=True):
            correct += counts
            conditions.on_progress(min(start + size, len(test)), len(test))
    return correct / len(test)


def _run(
    bundle: Bundle, steps: int, conditions: Conditions, on_progress: Tick = lambda done, total: None
) -> tuple[Values, Values, str]:
    """Return accuracy and spikes per image up to each time-step, and the name of the engine."""
    test = conditions.test
    assert test.labels is not None
    model = Model(bundle, conditions.engine, torch.get_num_threads())
    result = model.run(test.images, steps, on_progress=on_progress)
    fired = np.sum([count.sum(1) for count in result.spike_counts.values()], axis=0)
    return np.array(result.accuracy(test.labels)), fired.cumsum() / len(test), model.engine


def _operations(graph: Graph, conditions: Conditions, time_steps: tuple[int, ...]) -> dict[int, float]:
    """Return the synaptic operations per image up to each T, on the first images."""
    images = conditions.test.images[:COUNTED]
    events = tally(graph, sites(graph), images, max(time_steps), conditions.engine, torch.get_num_threads()).events
    total = events.sum(1).cumsum() / len(images)
    return {t: float(total[t - 1]) for t in time_steps}


def _write(graph: Graph, name: str, path: Path, conditions: Conditions, provenance: Document) -> Bundle:
    """Write a bundle. Its golden inputs are images, so that engines choose their kernels by the activity of images."""
    training = conditions.calibration
    manifest = Manifest(
        name=name,
        labels=training.classes,
        bits=conditions.bits,
        exact_steps=exact_steps(graph),
        provenance=provenance,
        results=[],
    )
    golden = record_golden(graph, golden_inputs(graph, training.images), golden_steps(graph))
    write(Bundle(graph, manifest, golden, card(graph, manifest)), path)
    return read(path)
