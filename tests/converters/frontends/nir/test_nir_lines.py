"""NIR networks of lines, delays of 0, several outputs, and shapes of sequences."""

import nir
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from spikelet.engines import create
from spikelet.errors import ConversionError, UsageError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.nir import from_nir

WEIGHT = np.array([[0.5, -0.25, 0.75], [0.25, 0.5, -0.5]], np.float32)


def full(value, n=2):
    return np.full(n, value, np.float32)


def nir_of(*nodes, shape=(3,)):
    """Return a NIR graph of a chain of nodes."""
    named = {"input": nir.Input({"input": np.array(shape)})}
    named |= {f"n{i}": node for i, node in enumerate(nodes)}
    named["output"] = nir.Output({"output": np.array([2])})
    names = list(named)
    return nir.NIRGraph(named, list(zip(names[:-1], names[1:], strict=True)), type_check=False)  # noqa: RUF007


def lif_of(shape):
    rng = np.random.default_rng(4)
    per_channel = np.broadcast_to(rng.uniform(0.5, 1.5, shape[0])[:, None], shape).astype(np.float32)
    return nir.LIF(full(4e-4, shape), full(3, shape), full(0, shape), per_channel, full(0, shape))


CONV1D = {
    "padding as a number": {"stride": 2, "padding": 1, "dilation": 1, "groups": 1},
    "dilation": {"stride": 1, "padding": 2, "dilation": 2, "groups": 1},
    "groups": {"stride": 1, "padding": 0, "dilation": 1, "groups": 2},
    "same": {"stride": 1, "padding": "same", "dilation": 2, "groups": 1},
    "valid": {"stride": 3, "padding": "valid", "dilation": 1, "groups": 1},
}


@pytest.mark.parametrize("form", CONV1D)
@pytest.mark.parametrize("channels", [2, 4])
def test_a_network_of_lines(form, channels):
    """Conv1d of lines (C, L), with a delay of 0, as torch computes it."""
    rng = np.random.default_rng(2)
    options = CONV1D[form]
    weight = rng.normal(0, 0.5, (4, channels // options["groups"], 3)).astype(np.float32)
    bias = rng.normal(0, 0.2, 4).astype(np.float32)
    torch_options = {**options, "bias": torch.tensor(bias)}
    current = F.conv1d(torch.zeros(1, channels, 12), torch.tensor(weight), **torch_options)
    shape = tuple(current.shape[1:])
    conv = nir.Conv1d(None, weight, options["stride"], options["padding"], options["dilation"], options["groups"], bias)
    network = nir_of(conv, nir.Delay(np.zeros(shape)), lif_of(shape), nir.Flatten({"input": np.array(shape)}, 0),
                     nir.Linear(rng.normal(size=(2, shape[0] * shape[1])).astype(np.float32)), shape=(channels, 12))  # fmt: skip
    source = from_nir(network)
    assert source.shape == (channels, 1, 12)
    assert check_graph(source, None) is not None
    inputs = rng.integers(0, 4, (20, 3, channels, 12)).astype(np.float32)
    runner = create(source.graph, "numpy", source.graph.spiking)
    runner.reset(3)
    neuron, v, total = lif_of(shape), 0.0, 0
    for x in inputs:
        i = F.conv1d(torch.tensor(x), torch.tensor(weight), **torch_options).double().numpy()
        v = v + 1e-4 / neuron.tau * (neuron.v_leak - v + neuron.r * i)
        fired = v > neuron.v_threshold
        tie = np.abs(v - neuron.v_threshold) < 1e-5
        v = np.where(fired, 0, v)
        runner.step(x[:, :, None])
        assert (np.equal(runner.spikes("n2")[:, :, 0], fired) | tie).all()
        total += fired.sum()
    assert total > 20


def test_time_steps_in_the_shape_of_features():
    """Some exporters write the shape of a sequence, (T, F)."""
    assert from_nir(nir_of(nir.Linear(WEIGHT), nir.IF(full(1), full(1)), shape=(25, 3))).shape == (3,)


def test_one_of_several_outputs():
    network = nir_of(nir.Linear(WEIGHT), nir.IF(full(1), full(1)), nir.Linear(np.eye(2, dtype=np.float32)))
    network.nodes["fc"] = nir.Linear(np.ones((5, 2), np.float32))
    network.nodes["other"] = nir.Output({"output": np.array([5])})
    network.edges += [("n1", "fc"), ("fc", "other")]
    assert from_nir(network, output="other").graph.classes == 5
    assert from_nir(network, output="output").graph.classes == 2
    with pytest.raises(UsageError, match="has 2 outputs, output, other; choose one with --output-name"):
        from_nir(network)
    with pytest.raises(UsageError, match="--output-name more: the network has the outputs output, other"):
        from_nir(network, output="more")


def test_a_conv1d_of_images_is_refused():
    conv = nir.Conv1d(None, np.ones((4, 2, 3), np.float32), 1, 0, 1, 1, np.zeros(4, np.float32))
    with pytest.raises(ConversionError, match=r"node n0 \(Conv1d\): expected an input \(C, L\), found \(2, 5, 5\)"):
        from_nir(nir_of(conv, shape=(2, 5, 5)))
