"""Per-layer report of a conversion: differences between source network and spiking network.

For every layer the activation a of the source network, in units of lambda, is compared with the spike rate of the exact
network on the same images. At T a neuron over-fires if its spike count exceeds T a by more than half a spike, and
under-fires if it is lower by more than half a spike. Rounding alone explains half a spike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spikelet.data.images import ImageSet
from spikelet.engines import Engine, create, run
from spikelet.files.decoded import Document
from spikelet.graph import Graph
from spikelet.metrics.accuracy import order_of_labels

REPORTED_STEPS = (1, 2, 4, 8)
REPORT_BATCH = 25

Counts = npt.NDArray[np.uint16]  # spike counts, (N, *shape)


@dataclass
class _LayerSums:
    """Running sums over neurons and images for each T of the report."""

    steps: tuple[int, ...]
    count: int = 0
    a: float = 0.0
    aa: float = 0.0
    sums: dict[int, npt.NDArray[np.float64]] = field(default_factory=dict)  # rate, rate², a·rate, over, under

    def add(self, a: npt.NDArray[np.float32], counts: dict[int, Counts]) -> None:
        a = a.ravel()
        self.count += a.size
        self.a += float(a.sum(dtype=np.float64))
        self.aa += float(np.dot(a, a))
        for t in self.steps:
            n = counts[t].ravel().astype(np.float32)
            over, under = np.count_nonzero(n > t * a + 0.5), np.count_nonzero(n < t * a - 0.5)
            sums = [n.sum(dtype=np.float64) / t, np.dot(n, n) / t**2, np.dot(a, n) / t, over, under]
            self.sums[t] = self.sums.get(t, np.zeros(5)) + sums

    def summary(self) -> Document:
        n = self.count
        by_step = []
        for t in self.steps:
            rate, squares, product, over, under = self.sums[t] / n
            spread = np.sqrt(max(self.aa / n - (self.a / n) ** 2, 0) * max(squares - rate**2, 0))
            covariance = product - self.a / n * rate
            by_step.append(
                {
                    "steps": t,
                    "spike_rate": float(rate),
                    "over_firing": float(over),
                    "under_firing": float(under),
                    "correlation": float(covariance / spread) if spread > 0 else None,
                    "rms_residual": float(np.sqrt(max(squares - 2 * product + self.aa / n, 0))),
                }
            )
        return {"activation": self.a / n, "by_step": by_step}


Reference = Callable[[ImageSet], tuple[npt.NDArray[np.int64], Mapping[str, npt.NDArray[np.float32]]]]
"""From images to the predictions of a source network, (N,), and by layer its activations in units of lambda, (N, …)."""


def conversion_report(
    reference: Reference,
    source: Graph,
    converted: Graph,
    data: ImageSet,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    steps: tuple[int, ...] = REPORTED_STEPS,
) -> tuple[list[Document], Document]:
    """Measure a conversion on a set of images.

    Args:
        reference: The source network.
        source: Its float32 graph.
        converted: The graph of the bundle.
        data: Images. Without labels the result has no accuracies.
        on_progress: Called with the number of images done and the total.
        steps: Numbers of time-steps T in the report.

    Returns:
        (layers, result): one entry per layer, and the accuracies.
    """
    engine = create(converted, "auto", converted.spiking, steps=max(steps))
    unquantised_engine = engine if source is converted else create(source)
    steps = tuple(t for t in steps if engine.step_limit is None or t <= engine.step_limit)
    layers = {name: _LayerSums(steps) for name in converted.spiking}
    of_source: list[npt.NDArray[np.int64]] = []  # predictions, (N,)
    unquantised: list[npt.NDArray[np.int64]] = []  # (T, N)
    spiking: list[npt.NDArray[np.int64]] = []  # (T, N)
    size = min(engine.fitting(REPORT_BATCH), unquantised_engine.fitting(REPORT_BATCH))
    for start in range(0, len(data), size):
        batch = data.take(slice(start, start + size))
        predictions, rates = reference(batch)
        counts, after = _simulate(engine, batch, steps)
        for name, layer in layers.items():
            layer.add(rates[name], counts[name])
        of_source.append(predictions)
        unquantised.append(after if source is converted else _simulate(unquantised_engine, batch, steps)[1])
        spiking.append(after)
        on_progress(min(start + size, len(data)), len(data))
    expected, before, after = np.concatenate(of_source), np.hstack(unquantised), np.hstack(spiking)
    result: Document = {
        "data": data.name,
        "digest": data.digest,
        "images": len(data),
        "steps": max(steps),
        "engine": engine.name,
        "agreement_with_float": float((after[-1] == expected).mean()),
        "distinct_answers": len(np.unique(expected)),
    }
    if data.labels is not None:
        result["float_accuracy"] = float((expected == data.labels).mean())
        result["accuracy_before_quantisation"] = (before == data.labels).mean(1).tolist()
        result["accuracy"] = (after == data.labels).mean(1).tolist()
    note = order_of_labels(after[-1], data.labels)
    result.update({"note_on_labels": note} if note else {})
    return [{"layer": name, **layer.summary()} for name, layer in layers.items()], result


def _simulate(
    engine: Engine, data: ImageSet, steps: tuple[int, ...]
) -> tuple[dict[str, dict[int, Counts]], npt.NDArray[np.int64]]:
    """Return spike counts by recorded layer at each T of `steps`, and predictions after every time-step, (T, N)."""
    total = {name: np.zeros((len(data), *engine.graph.shapes[name]), np.uint16) for name in engine.record}
    kept: dict[str, dict[int, Counts]] = {name: {} for name in engine.record}
    logits = np.zeros((len(data), engine.graph.classes))
    predictions = []
    for t, output in run(engine, data.images[None], max(steps)):
        logits += output
        predictions.append(logits.argmax(1))
        for name in engine.record:
            total[name] += engine.spikes(name)
            if t + 1 in steps:
                kept[name][t + 1] = total[name].copy()
    return kept, np.stack(predictions)
