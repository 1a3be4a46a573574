"""Price on spikes: the synaptic operations per time-step, as a share of those of the dense network.

Every spike is weighted with the number of additions that it causes (`spikelet.metrics.fanout`), so that a spike of a
layer in front of a wide convolution costs more than one in front of the classifier. Latency, energy and the time of an
engine that processes events follow this sum.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from spikelet.metrics.fanout import sites
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.frontends.values import node_name
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.quantiser import along_channels
from spikelet_converters.training.penalties.base import Penalty


class OperationsPrice(Penalty):
    """Synaptic operations per image and time-step, divided by those of a time-step in which every neuron fires.

    Args:
        network: Source network.
        shape: (C, H, W) of its input.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, int, int]) -> None:
        device = next(network.parameters()).device
        maps: dict[str, Tensor] = {}
        self.possible = 0
        graph = trace(deepcopy(network).cpu().eval(), shape)
        for site in sites(graph):
            self.possible += site.possible
            for name, reach in site.reach.items():
                cost = torch.from_numpy(reach).float().to(device)
                maps[name] = maps[name] + cost if name in maps else cost
        self.maps = maps

    def term(self, name: str, layer: SpikingActivation, z: Tensor, a: Tensor) -> Tensor | None:
        reach = self.maps.get(node_name(name))
        if reach is None:
            return None
        lam = layer.lam
        rate = a / along_channels(lam, a.ndim)
        return (rate * reach).sum() / (len(a) * self.possible)
