"""Comparison of two networks without common layers: sizes, activity and predictions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.display import number_of
from spikelet.nodes import Weighted
from spikelet_gui.models.activity.compare import Comparison, Side, Survey
from spikelet_gui.models.activity.trace import Trace

Row = tuple[str, str, str]


def summary(comparison: Comparison, survey: Survey | None, time: int) -> list[Row]:
    """Return (property, first network, second network): sizes, activity up to `time`, and accuracy if measured."""
    sides, traces = comparison.sides, comparison.traces
    columns = [_column(side, trace, min(time, trace.steps)) for side, trace in zip(sides, traces, strict=True)]
    rows: list[Row] = [(name, columns[0][name], columns[1][name]) for name in columns[0]]
    if survey is not None and survey.accuracy:
        step = min(time, len(survey.agreement)) - 1
        first, second = (f"{survey.accuracy[side][step]:.1%}" for side in (0, 1))
        rows.append((f"accuracy, {number_of(survey.images, 'image')}", first, second))
    return rows


def _column(side: Side, trace: Trace, time: int) -> dict[str, str]:
    """Describe one network and its run on the image."""
    graph, manifest = side.bundle.graph, side.bundle.manifest
    neurons = graph.neuron_count
    spikes = sum(int(trace.counts(name, time).sum(dtype=np.int64)) for name in graph.spiking)
    weights = sum(node.weights.size for node in graph.nodes.values() if isinstance(node, Weighted))
    prediction = trace.prediction(time)
    return {
        "spiking layers": f"{len(graph.spiking):,}",
        "neurons": f"{neurons:,}",
        "weights": f"{weights:,}",
        "proven time-steps": "–" if manifest.exact_steps is None else f"{manifest.exact_steps:,}",
        f"spikes to t = {time}": f"{spikes:,}",
        "mean spike rate": f"{spikes / (neurons * time):.1%}",
        "prediction": manifest.labels[prediction] if manifest.labels else str(prediction),
        "softmax": f"{trace.probabilities[time - 1, prediction]:.1%}",
        "margin": f"{trace.margins[time - 1]:.2f}",
    }


def rates_by_depth(trace: Trace, time: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return depth (0: first spiking layer, 1: last) and spike rate of every spiking layer up to `time`."""
    names = trace.graph.spiking
    depth = np.linspace(0.0, 1.0, len(names)) if len(names) > 1 else np.zeros(1)
    return depth, np.array([trace.rate(name, min(time, trace.steps)) for name in names])
