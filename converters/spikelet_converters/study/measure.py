"""What a study measures of one network: accuracy at each T on the exact bundle, and of its source network.

Networks of plain neurons are written as bundles and run by the runtime. Baselines that change the neuron have no
bundle; they run on the same integers in `spikelet_converters.baselines.folded`. The pre-steps of a baseline count as
time-steps: its accuracy stands at the T at which it has answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.bundle.card import card
from spikelet.data.images import ImageSet
from spikelet.errors import SpikeletError
from spikelet.graph import Graph
from spikelet.ranges import exact_steps
from spikelet.session import Model
from spikelet.verify import record_golden
from spikelet_converters.baselines import Folded, NeuronRule, Recalibration, Rival
from spikelet_converters.conversion.quantise import quantise
from spikelet_converters.frontends.torch_fx import trace
from spikelet_converters.source_model.evaluation import as_pixels
from spikelet_converters.source_model.simulation import float_logits, noisy_logits
from spikelet_converters.training.checkpoint import Checkpoint

ROWS = 512  # images times time-steps that a neuron rule holds at once
Tick = Callable[[int, int], None]
Values = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Measured:
    """accuracy, spikes: by total time-steps; spikes of an image, over all layers, None where no bundle ran.

    neuron: "plain" or "changed". bundles: digests of what ran.
    """

    accuracy: dict[int, float]
    spikes: dict[int, float] | None
    neuron: str
    engine: str
    bundles: list[str]

    def as_json(self) -> dict[str, Any]:
        """Plain values; keys of JSON objects are words."""
        return {
            "accuracy": {str(t): value for t, value in self.accuracy.items()},
            "spikes": None if self.spikes is None else {str(t): value for t, value in self.spikes.items()},
            "neuron": self.neuron,
            "engine": self.engine,
            "bundles": self.bundles,
        }


def measure_spiking(
    checkpoint: Checkpoint,
    rival: Rival | None,
    calibration: ImageSet,
    test: ImageSet,
    time_steps: tuple[int, ...],
    folder: Path,
    *,
    bits: int = 8,
    engine: str = "auto",
    command: str = "",
    on_progress: Tick = lambda done, total: None,
) -> Measured:
    """Accuracy at each of `time_steps` on test images. calibration: training images, for rivals that calibrate.

    Bundles are written to `folder`.
    """
    network = checkpoint.network()
    source = trace(network, checkpoint.spec.shape)
    provenance = {**checkpoint.provenance, "residual": checkpoint.spec.residual, "study_command": command}
    if isinstance(rival, NeuronRule):
        exact = quantise(source, bits).graph
        steps = max(time_steps) - rival.pre_steps
        if steps < 1:
            raise SpikeletError(f"{rival.name}: spends {rival.pre_steps} steps before it answers; test larger T")
        found = _rule(rival, exact, network, calibration, test, steps, on_progress)
        by_total = {rival.pre_steps + t + 1: float(share) for t, share in enumerate(found)}
        accuracy = {t: by_total[t] for t in time_steps if t in by_total}
        return Measured(accuracy, None, "changed", "torch, on the exact integers", [])
    if isinstance(rival, Recalibration):
        accuracy, spikes, digests, used = {}, {}, [], engine
        for index, t in enumerate(time_steps):
            graph = quantise(rival.recalibrate(source, network, calibration.images, t), bits).graph
            bundle = _write(graph, f"{folder.name}-T{t}", folder / f"T{t}.snnb", bits, provenance, test)
            shares, counts, used = _run(bundle, test, t, engine)
            accuracy[t], spikes[t] = float(shares[-1]), float(counts[-1])
            digests.append(str(bundle.digest))
            on_progress(index + 1, len(time_steps))
        return Measured(accuracy, spikes, "plain", used, digests)
    graph = quantise(source, bits).graph
    bundle = _write(graph, folder.name, folder / "bundle.snnb", bits, provenance, test)
    shares, counts, used = _run(bundle, test, max(time_steps), engine, on_progress)
    return Measured(
        {t: float(shares[t - 1]) for t in time_steps},
        {t: float(counts[t - 1]) for t in time_steps},
        "plain",
        used,
        [str(bundle.digest)],
    )


def measure_source(
    checkpoint: Checkpoint, test: ImageSet, seed: int, batch: int = 100, device: str = "cpu"
) -> dict[str, float]:
    """Accuracy of the source network: noise off, and noise on (one draw, by `seed`)."""
    network, labels = checkpoint.network().to(device), test.labels
    assert labels is not None
    torch.manual_seed(seed)
    right = {"noise_off": 0, "noise_on": 0}
    for start in range(0, len(test), batch):
        pixels = as_pixels(test.images[start : start + batch]).to(device)
        wanted = torch.tensor(labels[start : start + batch]).to(device)
        right["noise_off"] += int((float_logits(network, pixels).argmax(1) == wanted).sum())
        right["noise_on"] += int((noisy_logits(network, pixels).argmax(1) == wanted).sum())
    return {key: count / len(test) for key, count in right.items()}


def _rule(
    rival: NeuronRule,
    graph: Graph,
    network: torch.nn.Module,
    calibration: ImageSet,
    test: ImageSet,
    steps: int,
    on_progress: Tick,
) -> Values:
    folded, total = Folded(graph), rival.total_steps(steps)
    neuron = rival.rule(folded, network, calibration.images, steps)
    right = np.zeros(steps)
    batch = max(1, ROWS // total)
    for start in range(0, len(test), batch):
        part = test.take(slice(start, start + batch))
        by_step = folded.run(part.images, total, neuron)[graph.output_name][rival.answering(steps)]
        right += (by_step.double().cumsum(0).argmax(2).numpy() == part.labels).sum(1)
        on_progress(min(start + batch, len(test)), len(test))
    return right / len(test)


def _run(
    bundle: Bundle, test: ImageSet, steps: int, engine: str, on_progress: Tick = lambda done, total: None
) -> tuple[Values, Values, str]:
    """(accuracy, spikes of an image so far), both by time-step, and the engine that ran."""
    assert test.labels is not None
    model = Model(bundle, engine, torch.get_num_threads())
    result = model.run(test.images, steps, on_progress=on_progress)
    fired = np.sum([count.sum(1) for count in result.spike_counts.values()], axis=0)
    return np.array(result.accuracy(test.labels)), fired.cumsum() / len(test), model.engine


def _write(graph: Graph, name: str, path: Path, bits: int, provenance: dict[str, Any], test: ImageSet) -> Bundle:
    manifest = Manifest(
        name=name, labels=test.classes, bits=bits, exact_steps=exact_steps(graph), provenance=provenance, results=[]
    )
    rng = np.random.default_rng(0)
    pixels = rng.integers(graph.input.low, graph.input.high + 1, (2, *graph.input.shape)).astype(np.uint8)
    golden = record_golden(graph, pixels, min(8, manifest.exact_steps or 8))
    write(Bundle(graph, manifest, golden, card(graph, manifest)), path)
    return read(path)
