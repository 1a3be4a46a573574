"""Max pools in a spiking network: neurons that fire if any neuron in their window does."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from converters_support import SHAPE
from source_networks.pools import MAX_POOLS
from source_networks.relu import smooth_pixels
from spikelet import neurons
from spikelet.bundle import read, write
from spikelet.data import ImageSet
from spikelet.engines import create, run
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, Conv2d
from spikelet.verify import verify
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.conversion.copied_bundle import convert_copies
from spikelet_converters.conversion.copies import with_copies
from spikelet_converters.conversion.quantise import quantise
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.frontends.torch import from_module
from spikelet_converters.maxima import maxima

pytestmark = pytest.mark.usefixtures("nothing_compiled")


def network(pool, second=True):
    torch.manual_seed(1)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), pool]
    if second:
        layers += [nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(4)).eval()


def source_of(pool, second=True):
    built = network(pool, second)
    with torch.no_grad():
        built(torch.zeros(1, *SHAPE))
    return built, from_module(built, SHAPE)


@pytest.fixture(scope="module")
def images():
    pixels = smooth_pixels()
    built, _ = source_of(MAX_POOLS["padded"])
    with torch.no_grad():
        logits = built(torch.from_numpy(pixels).float() / 255)
        built[-1].bias -= logits.mean(0)
        logits -= logits.mean(0)
    return ImageSet(pixels, logits.argmax(1).numpy(), None, "smooth")


def network_for(images):
    """Return the network with the labels of the images, and its imported graph."""
    built, _ = source_of(MAX_POOLS["padded"])
    with torch.no_grad():
        built[-1].bias -= built(torch.from_numpy(images.images).float() / 255).mean(0)
    return built, from_module(built, SHAPE)


@pytest.fixture(scope="module")
def bundle(images):
    _, source = network_for(images)
    return convert_source(source, "small", calibration=Calibration(images, steps=8), data=[images])


def largest(pool, values):
    """Return torch's max pool of whole numbers (N, C, H, W)."""
    return pool(torch.from_numpy(values.astype(np.float32))).numpy()


@pytest.mark.parametrize(("kind", "engine", "bits"), [*product(MAX_POOLS, ["numpy"], [8, None]), *product(["plain", "padded"], ["onnx", "native"], [8])])  # fmt: skip
def test_a_neuron_fires_where_any_neuron_in_its_window_does(kind, engine, bits):
    _, source = source_of(MAX_POOLS[kind])
    graph = source.graph if bits is None else quantise(source.graph, bits).graph
    assert list(maxima(graph)) == ["2", "5"] or list(maxima(graph)) == ["n2", "n5"]
    first, pooled = graph.spiking[:2]
    runner = create(graph, engine, (first, pooled))
    pixels = np.random.default_rng(2).integers(0, 256, (1, 5, *SHAPE)).astype(np.float32)
    fired = 0
    for _ in run(runner, pixels, 6):
        assert np.array_equal(runner.spikes(pooled), largest(MAX_POOLS[kind], runner.spikes(first)))
        fired += runner.spikes(first).mean()
    assert 0.5 < fired < 5


@pytest.mark.parametrize(("kind", "copies"), [("plain", 4), ("padded", 5), ("dilated", 3)])
def test_with_copies_at_one_time_step_it_sends_the_largest_number_of_copies(kind, copies):
    """The number of copies of a channel that fire behind the pool is the maximum of those before it."""
    _, source = source_of(MAX_POOLS[kind])
    plain = quantise(source.graph, 8).graph
    copied = with_copies(plain, copies)
    assert list(maxima(copied)) == list(maxima(plain))
    first, pooled = copied.spiking[:2]
    runner = create(copied, "numpy", copied.spiking)
    pixels = np.random.default_rng(3).integers(0, 256, (6, *SHAPE)).astype(np.float32)
    runner.reset(6)
    logits = np.array(runner.step(pixels))

    def counts(layer):
        spikes = runner.spikes(layer)
        channels = plain.shapes[layer][0]
        return spikes.reshape(6, channels, copies, *spikes.shape[2:]).sum(2)

    assert np.array_equal(counts(pooled), largest(MAX_POOLS[kind], counts(first)))
    assert 0 < counts(first).mean() < copies
    # the whole network: quantisers of `copies` levels and maxima, evaluated layer by layer
    value = pixels
    for name in plain.order:
        node = plain.nodes[name]
        if name == plain.input_name:
            value = value - node.mean[:, None, None]
        elif name in maxima(plain):
            value = largest(MAX_POOLS[kind] if name == pooled else nn.MaxPool2d(2), before)  # noqa: F821
        elif name in maxima(plain).values():
            before = value  # noqa: F841
        elif node.kind == "Conv2d":
            weight = torch.from_numpy(node.weight).double()
            value = F.conv2d(torch.from_numpy(value).double(), weight, stride=node.stride, padding=node.padding).numpy()
            value = value + (copies if name != plain.order[1] else 1) * node.bias[:, None, None]
        elif node.kind == "IF":
            unit = 1 if name == first else copies  # one neuron per spike of the layer before, or per pixel value
            theta = node.theta[:, None, None].astype(float) * unit
            value = np.clip(np.floor(copies * value / theta + 0.5), 0, copies)
        elif node.kind == "Flatten":
            value = value.reshape(6, -1)
        elif node.kind == "Linear":
            value = value @ node.weight.T.astype(float) + copies * node.bias
    assert np.array_equal(logits, value)


def test_copies_of_a_pool_follow_those_of_the_layer_before():
    _, source = source_of(MAX_POOLS["plain"])
    graph = quantise(source.graph, 8).graph
    first, pooled = graph.spiking[:2]
    with pytest.raises(ConversionError, match=f"{pooled} takes maxima, and has as many copies as the layer before it"):
        with_copies(graph, {pooled: 3})
    one = with_copies(graph, {first: 3})
    assert [one.shapes[name][0] for name in one.spiking] == [12, 12, 4, 4]
    assert with_copies(graph, 1).shapes == graph.shapes


def test_a_network_with_max_pools_is_converted_and_reported(bundle, images, tmp_path):
    """The report has the error of every max pool over time-steps; corrections leave the neurons as they are."""
    manifest = bundle.manifest
    pools = list(maxima(bundle.graph))
    assert len(pools) == 2
    for layer in manifest.conversion["layers"]:
        if layer["layer"] in pools:
            rates = [entry["spike_rate"] for entry in layer["by_step"]]
            assert rates[-1] > layer["activation"], "over time-steps they fire more often than the maximum"
            assert layer["by_step"][-1]["over_firing"] > layer["by_step"][-1]["under_firing"]
    assert sum("fire if any neuron in their window does" in note for note in manifest.conversion["notes"]) == 2
    result = manifest.results[0]
    assert result["float_accuracy"] == 1
    write(bundle, tmp_path / "a.snnb")
    assert verify(read(tmp_path / "a.snnb"), "numpy").ok


def test_a_network_converted_for_copies_is_exact_at_one_time_step(bundle, images, tmp_path):
    """Biases are not corrected for errors of max pools over time-steps."""
    _, source = network_for(images)
    for_copies = convert_source(source, "small", calibration=Calibration(images, steps=8, copies=True), data=[images])
    copied = convert_copies(for_copies, 8, data=[images])
    assert copied.manifest.results[0]["accuracy"][0] > 0.75
    assert bundle.manifest.results[0]["accuracy"][-1] < 0.6, "over time-steps the maxima of this network are poor"
    assert copied.manifest.conversion["steps"] == 1
    write(copied, tmp_path / "b.snnb")
    assert verify(read(tmp_path / "b.snnb"), "numpy").ok


def test_a_constant_image_is_exact_at_one_time_step(bundle):
    """The pooled rates of the source, quantised to one level, are the spikes at T = 1."""
    graph = bundle.graph
    first, pooled = graph.spiking[:2]
    runner = create(graph, "numpy", graph.spiking)
    pixels = np.random.default_rng(5).integers(0, 256, (4, *SHAPE)).astype(np.float32)
    runner.reset(4)
    runner.step(pixels)
    node = graph.neuron(first)
    current = runner.potentials(first) + node.theta[:, None, None] * runner.spikes(first) - node.v_init[:, None, None]
    assert np.array_equal(runner.spikes(pooled), largest(MAX_POOLS["padded"], current) + node.v_init[:, None, None] >= node.theta[:, None, None])  # fmt: skip


def test_evaluation_with_rectifiers_is_that_of_the_source(images):
    built, source = source_of(MAX_POOLS["dilated"])
    analog = Analog(source.graph)
    pixels = torch.from_numpy(images.images[:8]).float()
    with torch.no_grad():
        expected = built(pixels / 255).numpy()
    assert np.allclose(analog(pixels, analog.rectifier(source.relus)), expected, atol=1e-5)


@pytest.mark.parametrize("change", ["theta", "v_init", "weight", "reset", "tie", "copies"])
def test_other_neurons_are_no_maxima(change):
    """Any layer equal to a max pool is recognised as one; others are ordinary layers."""
    _, source = source_of(MAX_POOLS["padded"], second=False)
    graph = quantise(source.graph, 8).graph
    (layer, pool) = next(iter(maxima(graph).items()))
    node, counts = graph.nodes[layer], graph.nodes[pool]
    assert isinstance(node, IF)
    assert isinstance(counts, Conv2d)
    weight = counts.weight.copy()
    weight[1, 0, 1, 1] -= 1
    changed = {
        "theta": {layer: replace(node, theta=node.theta + 1)}, "v_init": {layer: replace(node, v_init=node.v_init + 1)},
        "weight": {pool: replace(counts, weight=weight)}, "reset": {layer: replace(node, reset="subtract")},
        "tie": {layer: replace(node, tie=">")},
        "copies": {layer: replace(node, copies=2, v_init=np.repeat(node.v_init, 2))},
    }[change]  # fmt: skip
    assert maxima(Graph({**graph.nodes, **changed}, graph.edges)) == {}
    assert neurons.layer_output(node, np.ones((1, 4, 1, 1), bool)).max() == 1
