"""RTS: threshold shift (Deng & Gu, ICLR 2021).

With v_init = 0 a spike count is rounded down, but the activation of the source network is rounded to nearest. The bias
of each layer is raised by theta/2T, which adds half a threshold over T time-steps. At T = 1 the result equals that of
v_init = theta/2. At larger T neurons fire as often under constant input, but later, so that deep layers fire too rarely
(`docs/method.md` has figures).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from spikelet.graph import Graph
from spikelet_converters.baselines.base import Images, Recalibration
from spikelet_converters.calibration.layers import with_bias, with_potential


@dataclass(frozen=True)
class RTS(Recalibration):
    """Threshold shift, without options."""

    name = "rts"
    about = "v(0) = 0 and biases raised by theta/2T (Deng & Gu, ICLR 2021)"

    def recalibrate(self, source: Graph, network: nn.Module, images: Images, steps: int) -> Graph:
        graph = source
        for layer in source.spiking:
            node = source.neuron(layer)
            graph = with_bias(with_potential(graph, layer, 0 * node.theta), layer, node.theta / (2 * steps))
        return graph
