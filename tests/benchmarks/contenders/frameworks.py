"""The same network in other frameworks, with weights in units of the threshold, so that all thresholds are 1."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch
from torch import nn

from spikelet.nodes import IF, Conv2d, Flatten, Input, Linear, Output, SumPool2d


class Mean(nn.Module):
    def __init__(self, mean):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(-1, 1, 1))

    def forward(self, x):
        return x - self.mean


def modules(graph, neuron):
    """Return a chain of modules; `neuron()` creates each spiking layer."""
    layers, order = [], graph.order
    for index, name in enumerate(order):
        match graph.nodes[name]:
            case Input() as node:
                layers.append(Mean(node.mean))
            case Conv2d() | Linear() as node:
                after = graph.nodes[order[index + 1]]
                theta = after.theta if isinstance(after, IF) else np.ones(len(node.bias))
                layers.append(synapse(node, theta.astype(np.float64)))
            case SumPool2d() as node:
                layers += [nn.AvgPool2d(node.kernel, node.stride), Times(node.kernel[0] * node.kernel[1])]
            case Flatten():
                layers.append(nn.Flatten())
            case IF():
                layers.append(neuron())
            case Output():
                pass
    return layers


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


def synapse(node, theta):
    if isinstance(node, Conv2d):
        shape = node.weight.shape
        layer = nn.Conv2d(shape[1], shape[0], shape[2:], node.stride, node.padding)
    else:
        layer = nn.Linear(node.weight.shape[1], len(node.weight))
    scale = theta.reshape(-1, *(1,) * (node.weight.ndim - 1))
    layer.weight.data = torch.tensor(node.weight / scale, dtype=torch.float32)
    layer.bias.data = torch.tensor(node.bias / theta, dtype=torch.float32)
    return layer


def spikingjelly_single(graph):
    from spikingjelly.activation_based import functional, neuron

    net = nn.Sequential(*modules(graph, lambda: neuron.IFNode(v_threshold=1.0, v_reset=None))).eval()

    def run(x, steps):
        functional.reset_net(net)
        return sum(net(x) for _ in range(steps))

    return run


def spikingjelly_multi(graph):
    from spikingjelly.activation_based import functional, layer, neuron

    net = nn.Sequential(
        *(
            module if isinstance(module, neuron.IFNode) else layer.SeqToANNContainer(module)
            for module in modules(graph, lambda: neuron.IFNode(v_threshold=1.0, v_reset=None, step_mode="m"))
        )
    ).eval()

    def run(x, steps):
        functional.reset_net(net)
        return net(x.unsqueeze(0).repeat(steps, *(1,) * x.ndim)).sum(0)

    return run


def snntorch(graph):
    import snntorch as snn

    parts = modules(graph, lambda: snn.Leaky(beta=1.0, threshold=1.0, reset_mechanism="subtract"))

    def run(x, steps):
        state = {index: part.init_leaky() for index, part in enumerate(parts) if isinstance(part, snn.Leaky)}
        total = 0
        for _ in range(steps):
            value = x
            for index, part in enumerate(parts):
                if index in state:
                    value, state[index] = part(value, state[index])
                else:
                    value = part(value)
            total = total + value
        return total

    return run


def sinabs(graph):
    from sinabs import layers, reset_states
    from sinabs.activation import SingleSpike

    networks = {}

    def run(x, steps):
        if steps not in networks:
            make = lambda: layers.IAFSqueeze(num_timesteps=steps, spike_fn=SingleSpike, min_v_mem=None)  # noqa: E731
            networks[steps] = nn.Sequential(*modules(graph, make)).eval()
        reset_states(networks[steps])
        out = networks[steps](x.repeat_interleave(steps, 0))
        return out.reshape(len(x), steps, -1).sum(1)

    return run


def norse(graph):
    from norse.torch import SequentialState
    from norse.torch.module.iaf import IAFCell

    net = SequentialState(*modules(graph, IAFCell)).eval()

    def run(x, steps):
        state, total = None, 0
        for _ in range(steps):
            value, state = net(x, state)
            total = total + value
        return total

    return run


PEERS = {
    "SpikingJelly, single-step": ("spikingjelly", spikingjelly_single),
    "SpikingJelly, multi-step": ("spikingjelly", spikingjelly_multi),
    "snnTorch": ("snntorch", snntorch),
    "sinabs": ("sinabs", sinabs),
    "Norse": ("norse", norse),
}


def title(name):
    """Return the name of a framework with its version."""
    try:
        return f"{name} {version(PEERS[name][0])}"
    except PackageNotFoundError:
        return name
