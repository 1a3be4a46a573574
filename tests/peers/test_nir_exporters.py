"""NIR graphs written by the frameworks' exporters fire the same spikes as the frameworks.

NIR has only reset to a value, so these neurons reset to zero. With nir 1.0.8 some exporters' graphs cannot be written to
a file (sinabs 3.1.3 leaves shapes open, Norse 1.1.0 writes numbers where nir expects arrays); these are imported directly.
"""

import numpy as np
import pytest
import torch
from torch import nn

from peers_support import SAMPLES, STEPS, compare_graph, need
from spikelet_converters.frontends.nir import from_nir, read

nir = pytest.importorskip("nir")


def events(*shape):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 3, (STEPS, SAMPLES, *shape)).astype(np.float32))


def stepped(x, modules, neurons):
    """Return the spikes at every time-step of modules that keep their state."""
    recorded = []
    for step in x:
        row, value = [], step
        for module in modules:
            value = module(value)
            if module in neurons:
                row.append((value, None, None))
        recorded.append(row)
    return recorded


def through_a_file(graph, tmp_path, **options):
    nir.write(tmp_path / "a.nir", graph)
    return read(tmp_path / "a.nir", **options)


@pytest.mark.parametrize("decay_input", [True, False])
def test_spikingjelly(decay_input, tmp_path, compared):
    """IF with r = 1/dt, AvgPool2d, LIF."""
    exchange = need("spikingjelly.activation_based.nir_exchange")
    neuron, functional = (need(f"spikingjelly.activation_based.{name}") for name in ("neuron", "functional"))
    torch.manual_seed(0)
    neurons = [
        neuron.IFNode(v_threshold=0.3, v_reset=0.0),
        neuron.LIFNode(v_threshold=0.15, v_reset=0.0, decay_input=decay_input),
    ]
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3), neurons[0], nn.AvgPool2d(2), nn.Flatten(), nn.Linear(100, 5), neurons[1]
    )
    source = through_a_file(exchange.export_to_nir(network, torch.zeros(1, 2, 12, 12)), tmp_path)
    assert "r = 1/dt" in source.notes[0]
    functional.reset_net(network)
    x = events(2, 12, 12)
    with torch.no_grad():
        compared(compare_graph(source.graph, x, stepped(x, network, neurons), 2))


def test_sinabs(compared):
    """A convolutional network of IAFs, as in the NIR paper's second experiment."""
    sl, activation = need("sinabs.layers"), need("sinabs.activation")
    to_nir = need("sinabs.nir").to_nir
    options = {"spike_fn": activation.SingleSpike, "reset_fn": activation.MembraneReset()}
    torch.manual_seed(0)
    neurons = [sl.IAFSqueeze(batch_size=1, **options) for _ in range(3)]
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), neurons[0], sl.SumPool2d(2), nn.Conv2d(4, 4, 3), neurons[1], nn.Flatten(),
        nn.Linear(64, 5), neurons[2],
    )  # fmt: skip
    source = from_nir(to_nir(network, torch.zeros(1, 2, 12, 12)))
    for neuron in neurons:
        neuron.batch_size = SAMPLES
        neuron.reset_states()
    x = events(2, 12, 12)
    with torch.no_grad():
        compared(compare_graph(source.graph, x, stepped(x, network, neurons), 3))


def test_norse(tmp_path, compared):
    """LIFBoxCells; Norse writes tau = dt / tau_mem_inv, so that a share of 0.1 a step is --dt 1e-6."""
    norse = need("norse.torch")
    parameters = need("norse.torch.functional.lif_box").LIFBoxParameters

    def cell(size, theta):
        return norse.LIFBoxCell(
            parameters(torch.full((size,), 100.0), torch.zeros(size), torch.full((size,), theta), torch.zeros(size))
        )

    torch.manual_seed(0)
    network = norse.SequentialState(nn.Linear(6, 8), cell(8, 0.1), nn.Linear(8, 5), cell(5, 0.02))
    source = through_a_file(norse.to_nir(network, torch.zeros(1, 6)), tmp_path, dt=1e-6)
    x, states, recorded = events(6), [None, None], []
    with torch.no_grad():
        for step in x:
            row, value = [], step
            for i in range(2):
                value, states[i] = network[2 * i + 1](network[2 * i](value), states[i])
                row.append((value, None, None))
            recorded.append(row)
        compared(compare_graph(source.graph, x, recorded, 2))


def test_snntorch(tmp_path, compared):
    """Leaky as LIF, Synaptic as CubaLIF."""
    snn = need("snntorch")
    export = need("snntorch.export_nir").export_to_nir
    torch.manual_seed(0)
    options = {"init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}
    neurons = [
        snn.Leaky(beta=torch.full((8,), 0.9), threshold=torch.ones(8), **options),
        snn.Leaky(beta=torch.full((5,), 0.8), threshold=torch.full((5,), 0.5), **options),
    ]
    network = nn.Sequential(nn.Linear(6, 8), neurons[0], nn.Linear(8, 5), neurons[1])
    source = through_a_file(export(network, torch.zeros(6)), tmp_path)
    for neuron in neurons:
        neuron.reset_mem()
    x = events(6)
    with torch.no_grad():
        compared(compare_graph(source.graph, x, stepped(x, network, neurons), 2))
