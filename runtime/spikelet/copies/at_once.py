"""The spike count of all copies of a neuron in one time-step, in closed form.

Copies have the initial potentials v_i = floor((i theta + r) / k), i = 0…k-1, and an integer current x. Copy i fires if
v_i + x >= theta, that is if k x + r >= (k - i) theta, since floor(a / k) >= m exactly if a >= k m. Therefore

    count = clip(floor((k x + r) / theta), 0, k)

copies fire, for every kind of reset. `spikelet_converters.conversion.copies` sets such potentials.

In float32 the count is exact. The current is first clipped to low…high; no copy fires at low, and all fire at high.
Then a = k x + r is an integer below 2^24. If a / theta is less than an integer m, the difference is at least
1 / theta = m / (m theta) >= m / 2^24. The largest float32 number below m differs from m by no more than that, so the
quotient is not rounded up to m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.bounds.ranges import EXACT_LIMIT
from spikelet.copies.staggered import Whole, staggered
from spikelet.graph import Graph
from spikelet.neurons import per_channel
from spikelet.nodes import IF, is_float

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Counts:
    """Parameters of the closed form for one layer.

    Attributes:
        copies: Number of copies k.
        offset: (C,) r.
        low, high: (C,) currents at and below which no copy fires, and at and above which all do.
        theta: (C,) thresholds.
    """

    copies: int
    offset: Whole
    low: Whole
    high: Whole
    theta: Whole

    def __call__(self, current: Float) -> Float:
        """Return the number of copies that fire, (N, C, …) float32, for integer currents (N, C, …)."""
        ndim = current.ndim - 1
        count = np.clip(current, per_channel(self.low, ndim), per_channel(self.high, ndim))
        count *= np.float32(self.copies)
        count += per_channel(self.offset, ndim)
        count /= per_channel(self.theta, ndim)
        np.floor(count, out=count)
        return np.clip(count, np.float32(0), np.float32(self.copies), out=count)


def counts_at_once(node: IF) -> Counts | None:
    """Return the closed form of a layer with copies, or None if it has none.

    The closed form requires copies, integers, no leak, and staggered initial potentials.
    """
    if node.copies == 1 or node.kind != "IF" or is_float(node.theta):
        return None
    k, theta = node.copies, node.theta.astype(np.int64)
    limits = staggered(node)
    if limits is None:
        return None
    # an integer potential lies above the threshold exactly if the integer below it reaches the threshold
    offset = limits[1] - k * (node.tie == ">")
    low, high = -(offset // k) - 1, -((offset - k * theta) // k)
    largest = max(int(np.abs(k * limit + offset).max()) for limit in (low, high))
    parts = max(int(np.abs(values).max()) for values in (offset, k * low, k * high))
    return None if max(largest, parts) >= EXACT_LIMIT else Counts(k, offset, low, high, theta)


def layers_at_once(graph: Graph) -> dict[str, Counts]:
    """Return the closed forms of the layers that have one, by name."""
    forms = {name: counts_at_once(graph.neuron(name)) for name in graph.spiking}
    return {name: form for name, form in forms.items() if form is not None}
