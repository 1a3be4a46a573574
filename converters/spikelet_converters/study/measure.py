"""Measure the accuracy of a network of a study: as an exact bundle at each T, and as source network.

Networks of plain neurons are written as bundles and run by the runtime. Baselines that change the neuron have no
bundle; they run on the same integers in `spikelet_converters.baselines.multi_step`. Pre-steps of a baseline count
towards T.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from spikelet.graph import Graph
from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import tally
from spikelet.session import Model
from spikelet.verify import golden_inputs, golden_steps, record_golden
from spikelet_converters.baselines import Baseline, MultiStep, NeuronRule, Recalibration
from spikelet_converters.conversion.copies import with_copies
from spikelet_converters.conversion.quantise import quantise
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.source_model.evaluation import as_pixels
from spikelet_converters.source_model.simulation import float_logits, noisy_logits
from spikelet_converters.training.checkpoint import Checkpoint

COUNTED = 200  # images on which synaptic operations are counted
SOURCE_BATCH = 100  # images per batch of the source network
ROWS = 512  # images times time-steps per batch of a neuron rule
Tick = Callable[[int, int], None]
Values = npt.NDArray[np.float64]


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
    checkpoint: Checkpoint,
    baseline: Baseline | None,
    calibration: ImageSet,
    test: ImageSet,
    time_steps: tuple[int, ...],
    folder: Path,
    *,
    bits: int = 8,
    engine: str = "auto",
    copies: int = 1,
    command: str = "",
    on_progress: Tick = lambda done, total: None,
) -> SpikingResult:
    """Measure the accuracy of the spiking network at each T.

    Args:
        checkpoint: Source network.
        baseline: Baseline that changes the network, or None.
        calibration: Training images, for baselines with a calibration; the first ones are the golden inputs.
        test: Test images.
        time_steps: Numbers of time-steps T.
        folder: Folder for the bundles.
        bits: Bits of the weights.
        engine: Engine that runs the bundles.
        copies: Number of neurons per channel, of networks without baseline.
        command: Command line, for the manifest.
        on_progress: Called with the work done and the total.
    """
    network = checkpoint.network()
    source = trace(network, checkpoint.spec.shape)
    provenance = {**checkpoint.provenance, "residual": checkpoint.spec.residual, "study_command": command}
    if isinstance(baseline, NeuronRule):
        exact = quantise(source, bits).graph
        return _measure_rule(baseline, exact, network, calibration, test, time_steps, on_progress)
    if isinstance(baseline, Recalibration):
        graphs = ((t, baseline.recalibrate(source, network, calibration.images, t)) for t in time_steps)
        return _measure_each(graphs, calibration, test, time_steps, folder, bits, engine, provenance, on_progress)
    graph = quantise(source, bits).graph
    if copies > 1:
        graph = with_copies(graph, copies)
    bundle = _write(graph, folder.name, folder / "bundle.snnb", bits, provenance, calibration)
    shares, counts, used = _run(bundle, test, max(time_steps), engine, on_progress)
    return SpikingResult(
        {t: float(shares[t - 1]) for t in time_steps},
        {t: float(counts[t - 1]) for t in time_steps},
        "plain",
        used,
        [str(bundle.digest)],
        _operations(graph, test, time_steps, engine),
        graph.neuron_count,
    )


def _measure_rule(
    baseline: NeuronRule,
    exact: Graph,
    network: torch.nn.Module,
    calibration: ImageSet,
    test: ImageSet,
    time_steps: tuple[int, ...],
    on_progress: Tick,
) -> SpikingResult:
    """Measure a network with changed neurons, for which there is no bundle."""
    steps = max(time_steps) - baseline.pre_steps
    if steps < 1:
        raise SpikeletError(f"{baseline.name}: has {baseline.pre_steps} pre-steps; test larger T")
    shares = _rule(baseline, exact, network, calibration, test, steps, on_progress)
    by_total = {baseline.pre_steps + t + 1: float(share) for t, share in enumerate(shares)}
    accuracy = {t: by_total[t] for t in time_steps if t in by_total}
    return SpikingResult(accuracy, None, "changed", "torch, on the exact integers", [], None, exact.neuron_count)


def _measure_each(
    graphs: Iterable[tuple[int, Graph]],
    calibration: ImageSet,
    test: ImageSet,
    time_steps: tuple[int, ...],
    folder: Path,
    bits: int,
    engine: str,
    provenance: dict[str, object],
    on_progress: Tick,
) -> SpikingResult:
    """Measure a network of its own for each T, in the order of `time_steps`. graphs: (T, float32 graph)."""
    accuracy, spikes, operations = {}, {}, {}
    digests, used, neurons = [], engine, 0
    for index, (t, source) in enumerate(graphs):
        graph = quantise(source, bits).graph
        bundle = _write(graph, f"{folder.name}-T{t}", folder / f"T{t}.snnb", bits, provenance, calibration)
        shares, counts, used = _run(bundle, test, t, engine)
        accuracy[t], spikes[t] = float(shares[-1]), float(counts[-1])
        operations[t] = _operations(bundle.graph, test, (t,), engine)[t]
        digests.append(str(bundle.digest))
        neurons = source.neuron_count
        on_progress(index + 1, len(time_steps))
    return SpikingResult(accuracy, spikes, "plain", used, digests, operations, neurons)


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


def _rule(
    baseline: NeuronRule,
    graph: Graph,
    network: torch.nn.Module,
    calibration: ImageSet,
    test: ImageSet,
    steps: int,
    on_progress: Tick,
) -> Values:
    simulation, total = MultiStep(graph), baseline.total_steps(steps)
    neuron = baseline.rule(simulation, network, calibration.images, steps)
    correct = np.zeros(steps)
    batch = max(1, ROWS // total)
    for start in range(0, len(test), batch):
        part = test.take(slice(start, start + batch))
        by_step = simulation.run(part.images, total, neuron)[graph.output_name][baseline.output_steps(steps)]
        correct += (by_step.double().cumsum(0).argmax(2).numpy() == part.labels).sum(1)
        on_progress(min(start + batch, len(test)), len(test))
    return correct / len(test)


def _run(
    bundle: Bundle, test: ImageSet, steps: int, engine: str, on_progress: Tick = lambda done, total: None
) -> tuple[Values, Values, str]:
    """Return accuracy and spikes per image up to each time-step, and the name of the engine."""
    assert test.labels is not None
    model = Model(bundle, engine, torch.get_num_threads())
    result = model.run(test.images, steps, on_progress=on_progress)
    fired = np.sum([count.sum(1) for count in result.spike_counts.values()], axis=0)
    return np.array(result.accuracy(test.labels)), fired.cumsum() / len(test), model.engine


def _operations(graph: Graph, test: ImageSet, time_steps: tuple[int, ...], engine: str) -> dict[int, float]:
    """Return the synaptic operations per image up to each T, on the first images."""
    images = test.images[:COUNTED]
    events = tally(graph, sites(graph), images, max(time_steps), engine, torch.get_num_threads()).events
    total = events.sum(1).cumsum() / len(images)
    return {t: float(total[t - 1]) for t in time_steps}


def _write(graph: Graph, name: str, path: Path, bits: int, provenance: dict[str, object], training: ImageSet) -> Bundle:
    """Write a bundle. Its golden inputs are images, so that engines choose their kernels by the activity of images."""
    manifest = Manifest(
        name=name, labels=training.classes, bits=bits, exact_steps=exact_steps(graph), provenance=provenance, results=[]
    )
    golden = record_golden(graph, golden_inputs(graph, training.images), golden_steps(graph))
    write(Bundle(graph, manifest, golden, card(graph, manifest)), path)
    return read(path)
