"""A window of time-steps that ONNX Runtime evaluates in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from spikelet.engines.onnx_session import Float, Session
from spikelet.graph import Graph
from spikelet.lowering.onnx.names import INPUT, LOGITS, name_of

Number = TypeVar("Number", bound=np.generic)
Counts = npt.NDArray[np.int64]


class OnnxWindow:
    """Runs the model of a window and counts spikes.

    Args:
        graph: The network.
        steps: Number of time-steps T.
        session: The model, of `lowering.onnx.totals` or `lowering.onnx.window`.
        most: Largest number of samples in one call of ONNX Runtime; None for no limit.
    """

    def __init__(self, graph: Graph, steps: int, session: Session, most: int | None) -> None:
        self._graph, self._steps, self._session, self._most = graph, steps, session, most
        self._outputs = [output.name for output in session.get_outputs()]
        means = {name: name_of("n", name) for name in graph.spiking}
        self._means = {name: mean for name, mean in means.items() if mean in self._outputs}
        self._spikes = {name: [name_of("s", name, t) for t in range(steps)] for name in graph.spiking}

    def run(self, pixels: Float) -> tuple[dict[str, Float], dict[str, Counts]]:
        """Return the logits, (N, T, K), and values of recorded layers by name; and by layer, spike counts (N, T)."""
        most = self._most or len(pixels)
        parts = [self._run(pixels[first : first + most]) for first in range(0, len(pixels), most)]
        return _joined([values for values, _ in parts]), _joined([counts for _, counts in parts])

    def _run(self, pixels: Float) -> tuple[dict[str, Float], dict[str, Counts]]:
        values = dict(zip(self._outputs, self._session.run(self._outputs, {INPUT: pixels}), strict=True))
        values[LOGITS] = values[LOGITS].reshape(self._steps, len(pixels), -1).swapaxes(0, 1)
        counts = {}
        for name in self._graph.spiking:
            if name in self._means:
                channels, *image = self._graph.shapes[name]  # the mean over an image's pixels
                share = values.pop(self._means[name]).reshape(len(pixels), self._steps, channels)
                counts[name] = np.rint(share * np.float32(np.prod(image))).sum(2).astype(np.int64)
            else:
                counts[name] = _counts([values.pop(spikes) for spikes in self._spikes[name]])
        return values, counts


def _counts(spikes: Sequence[npt.NDArray[np.generic]]) -> Counts:
    """Return the number of spikes of a layer, (N, T), from the spikes of each time-step: T arrays (N, …)."""
    return np.array([[np.count_nonzero(step[row]) for step in spikes] for row in range(len(spikes[0]))], np.int64)


def _joined(parts: Sequence[Mapping[str, npt.NDArray[Number]]]) -> dict[str, npt.NDArray[Number]]:
    """Return arrays by name, joined along the batch."""
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
