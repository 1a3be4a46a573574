"""Metrics equal those that NeuroBench computes for the same network in torch.

Needs `pip install --no-deps neurobench snntorch` beside torch; skipped without.
"""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("neurobench")
pytest.importorskip("snntorch")

import snntorch
import torch
from hypothesis import HealthCheck, given, settings
from neurobench.metrics.static import ConnectionSparsity, Footprint
from neurobench.metrics.utils.layers import single_layer_MACs
from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates, SynapticOperations
from neurobench.models import TorchModel
from torch import nn

from networks import graphs, small_graph
from spikelet import neurons
from spikelet.metrics.fanout import sites
from spikelet.metrics.neurobench import neurobench
from spikelet.metrics.operations import operations
from spikelet.metrics.tally import tally
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

STEPS = 3


class Neuron(snntorch.SpikingNeuron):
    """A neuron of spikelet as a neuron of snnTorch, which NeuroBench recognises."""

    def __init__(self, node, batch, shape):
        super().__init__(init_hidden=True)
        for name in list(self._buffers):  # parameters of snnTorch, such as its threshold, do not belong to this network
            self._buffers.pop(name)
        self.node = node
        self.mem = torch.from_numpy(neurons.initial_potential(node, batch, shape))
        for field in node.tensors:
            self.register_buffer(f"own_{field}", torch.from_numpy(getattr(node, field).copy()))

    def forward(self, current):
        v, fired = neurons.step(self.node, self.mem.numpy(), current.numpy())
        self.mem = torch.from_numpy(v)
        return torch.from_numpy(fired.astype(np.float32))


def weighted(node, shape):
    """Return a Conv2d, Linear or Scale as torch's layer: weights and biases, in float32."""
    if isinstance(node, Linear):
        layer = nn.Linear(node.weight.shape[1], node.weight.shape[0])
        weight = node.weight
    elif isinstance(node, Conv2d):
        channels = node.weight.shape[1] * node.groups
        kernel = node.weight.shape[2:]
        layer = nn.Conv2d(channels, len(node.weight), kernel, node.stride, node.padding, groups=node.groups)
        weight = node.weight
    else:
        layer = nn.Conv2d(shape[0], shape[0], 1, groups=shape[0], bias=False)
        weight = node.scale.reshape(-1, 1, 1, 1)
    layer.weight.data = torch.from_numpy(weight.astype(np.float32))
    if layer.bias is not None:
        layer.bias.data = torch.from_numpy(node.bias.astype(np.float32))
    return layer.requires_grad_(False)


class Network(nn.Module):
    """The graph as a torch module; a call is a time-step."""

    def __init__(self, graph, batch):
        super().__init__()
        self.graph = graph
        self.parts = nn.ModuleDict()
        for name, node in graph.nodes.items():
            if isinstance(node, IF):
                self.parts[name] = Neuron(node, batch, graph.shapes[name])
            elif isinstance(node, Conv2d | Linear | Scale):
                self.parts[name] = weighted(node, graph.shapes[graph.predecessors[name][0]])

    def forward(self, pixels):
        values = {}
        for name in self.graph.order:
            node = self.graph.nodes[name]
            inputs = [values[source] for source in self.graph.predecessors[name]]
            if name in self.parts:
                values[name] = self.parts[name](inputs[0])
            elif isinstance(node, Input):
                mean = torch.from_numpy(neurons.per_channel(node.mean, pixels.ndim - 1))
                values[name] = pixels - mean
            elif isinstance(node, SumPool2d):
                area = node.kernel[0] * node.kernel[1]
                values[name] = nn.functional.avg_pool2d(inputs[0], node.kernel, node.stride) * area
                values[name] = values[name].round()
            elif isinstance(node, Add):
                values[name] = sum(inputs)
            elif isinstance(node, Flatten):
                values[name] = inputs[0].flatten(1)
            else:
                assert isinstance(node, Output)
                values[name] = inputs[0]
        return values[self.graph.output_name]


def judged(graph, images):
    """Return the metrics of NeuroBench by name."""
    net = Network(graph, len(images))
    model = TorchModel(net)
    model.add_activation_module(snntorch.SpikingNeuron)
    model.register_hooks()
    pixels = torch.from_numpy(images.astype(np.float32))
    with torch.no_grad():
        for _ in range(STEPS):
            model(pixels)
    data = (pixels, None)
    with torch.no_grad():
        results = SynapticOperations()(model, None, data)
    results["activation_sparsity"] = ActivationSparsity()(model, None, data)
    results["membrane_updates"] = MembraneUpdates()(model, None, data)
    results["connection_sparsity"] = ConnectionSparsity()(model)
    results["footprint"] = Footprint()(model)
    model.cleanup_hooks()
    return results


def images_for(graph, count=3):
    return np.random.default_rng(1).integers(0, 256, (count, *graph.input.shape)).astype(np.uint8)


@given(graph=graphs())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_all_metrics_equal_neurobenchs(graph):
    images = images_for(graph)
    ours, theirs = neurobench(graph, images, STEPS, "numpy"), judged(graph, images)
    assert ours.effective_macs == theirs["Effective_MACs"]
    assert ours.effective_acs == theirs["Effective_ACs"]
    assert ours.dense == theirs["Dense"]
    assert ours.activation_sparsity == theirs["activation_sparsity"]
    assert ours.membrane_updates == theirs["membrane_updates"]
    if ours.connection_sparsity != theirs["connection_sparsity"]:  # NeuroBench divides in float32, before it rounds
        connections = [getattr(node, "weight", getattr(node, "scale", None)) for node in graph.nodes.values()]
        connections = np.concatenate([weight.reshape(-1) for weight in connections if isinstance(weight, np.ndarray)])
        zeros, weights = (connections == 0).sum(), connections.size
        assert ours.connection_sparsity == round(zeros / weights, 4)
        assert round(float(np.float32(zeros) / np.float32(weights)), 4) == theirs["connection_sparsity"]


def test_footprint_differs_by_the_types_of_torch():
    # torch's layers take float32 weights: the same parameters, four bytes each instead of one for int8
    graph = small_graph()
    extra = sum(
        getattr(node, field).size * (3 if getattr(node, field).dtype == np.int8 else 0)
        for node in graph.nodes.values()
        for field in node.tensors
    )
    mean = graph.input.mean.nbytes  # the Input node of spikelet contains it, the torch network subtracts a constant
    assert (
        judged(graph, images_for(graph))["footprint"]
        == neurobench(graph, images_for(graph), STEPS, "numpy").footprint - mean + extra
    )


def test_where_spikes_are_summed_our_accumulates_are_neurobenchs_macs():
    """The only difference: after a pool NeuroBench counts values as MACs, spikelet counts each spike as an accumulate."""
    graph, images = small_graph(), images_for(small_graph())
    all_sites = sites(graph)
    ops = operations(graph, all_sites, tally(graph, all_sites, images, STEPS, "numpy"))
    theirs = judged(graph, images)
    n = len(images)
    direct = sum(row.acs for row in ops.rows if row.kind == "spikes")
    assert round(direct * n) == round(theirs["Effective_ACs"] * n)
    net = Network(graph, n)
    mean = torch.from_numpy(neurons.per_channel(graph.input.mean, 3))
    analog, spiking = single_layer_MACs(torch.from_numpy(images.astype(np.float32)) - mean, net.parts["conv1"])
    assert not spiking
    values = round(theirs["Effective_MACs"] * n) - analog * STEPS
    summed = round(sum(row.acs for row in ops.rows if row.kind == "counts") * n)
    assert 0 < values < summed  # a value of several spikes is one MAC
