"""From torch to exact integers: the same spikes, the proven bound, and what is refused by name and place."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from networks import graphs
from spikelet.bundle import read, write
from spikelet.converters.activation import Mode, SpikingActivation, spiking_layers
from spikelet.converters.checkpoint import Checkpoint, load_checkpoint
from spikelet.converters.convert import convert
from spikelet.converters.networks import NetworkSpec, Normalise
from spikelet.converters.quantise import quantise
from spikelet.converters.residuals import NoResidual
from spikelet.converters.simulate import layer_rates
from spikelet.converters.trace import node_name, trace
from spikelet.data import ImageSet
from spikelet.engines import create
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Output, Scale
from spikelet.ranges import exact_steps
from spikelet.verify import verify

SIZES = {"vgg9": 8, "resnet20": 8, "resnet18": 8, "vgg16": 32}


def trained_like(model, size=None, seed=0):
    """A reference network whose batch norms are anything but the identity, and pixels for it."""
    torch.manual_seed(seed)
    size = size or SIZES[model]
    spec = NetworkSpec(model, (3, size, size), 5, (125, 123, 114), (63.0, 62.0, 67.0), 4, "none", 1.0)
    network = spec.build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    pixels = torch.randint(0, 256, (4, 3, size, size)).float()
    with torch.no_grad():
        for _ in range(5):
            network(pixels)
    return spec, network.eval(), pixels


def counts(graph, pixels, steps, engine="numpy"):
    runner = create(graph, engine, graph.spiking)
    runner.reset(len(pixels))
    total = dict.fromkeys(graph.spiking, 0)
    for t in range(steps):
        runner.step(pixels.numpy() if t == 0 else None)
        total = {name: total[name] + runner.spikes(name).astype(np.int64) for name in total}
    return total


@pytest.mark.parametrize("model", SIZES)
def test_a_traced_network_fires_the_spikes_of_its_simulation(model):
    """Float arithmetic on both sides, so a tie may fall either way: nearly every count is the same."""
    _, network, pixels = trained_like(model)
    steps = 3
    graph = trace(network, tuple(pixels.shape[1:]))
    rates = {node_name(k): v for k, v in layer_rates(network, pixels, Mode.SPIKES, steps).items()}
    thetas = {node_name(k): layer.lam for k, layer in spiking_layers(network).items()}
    found = counts(graph, pixels, steps, "onnx")
    assert set(found) == set(rates)
    for name in graph.spiking:
        expected = (steps * rates[name] / thetas[name]).detach().numpy()
        assert (np.abs(found[name] - expected) > 0.5).mean() < 2e-3, name
    assert 0.02 < np.mean([c.mean() for c in found.values()]) / steps < 0.6


@pytest.mark.parametrize("model", ["vgg9", "resnet20"])
def test_quantising_costs_less_the_more_bits_there_are(model):
    """Seen in the first four layers: a deep network of random weights blows any flipped spike up to noise."""
    _, network, pixels = trained_like(model)
    source = trace(network, tuple(pixels.shape[1:]))
    float_counts = counts(source, pixels, 2)
    shares = []
    for bits in (4, 8, 12):
        found = quantise(source, bits)
        assert found.graph.exact
        exact_counts = counts(found.graph, pixels, 2)
        shares.append(np.mean([(float_counts[n] != exact_counts[n]).mean() for n in source.spiking[:4]]))
        for name, node in found.graph.nodes.items():
            if isinstance(node, Conv2d | Linear):
                limit = 2 ** (bits - 1) - 1
                assert np.abs(node.weight.astype(int)).max() <= limit
                assert model != "vgg9" or np.abs(node.weight.astype(int)).max() == limit
                assert node.weight.dtype == (np.int8 if bits <= 8 else np.int16)
                assert found.weight_error[name] < 5 / limit
            elif isinstance(node, IF):
                assert np.array_equal(node.v_init, node.theta // 2)
    assert shares[0] > shares[1] >= shares[2]
    assert shares[2] < 0.02


def test_quantised_weights_are_the_nearest_multiples_of_their_scale():
    _, network, pixels = trained_like("vgg9")
    source = trace(network, tuple(pixels.shape[1:]))
    found = quantise(source, 8)
    for name, before in source.nodes.items():
        after, scale = found.graph.nodes[name], found.scales[name]
        if isinstance(before, Conv2d | Linear):
            s = scale.reshape(-1, *(1,) * (before.weight.ndim - 1))
            assert (np.abs(after.weight * s - before.weight) <= s * 0.5001).all()
            assert (np.abs(after.bias * scale - before.bias) <= scale * 0.5001).all()
        elif isinstance(before, IF):
            current = found.scales[found.graph.predecessors[name][0]]
            assert (np.abs(after.theta * current - before.theta) <= current * 0.5001).all()


def test_currents_that_meet_share_their_scale_and_logits_share_one():
    _, network, pixels = trained_like("resnet20")
    found = quantise(trace(network, tuple(pixels.shape[1:])), 8)
    graph = found.graph
    adds = [name for name, node in graph.nodes.items() if isinstance(node, Add)]
    assert len(adds) == 9
    for name in adds:
        first, second = (found.scales[source] for source in graph.predecessors[name])
        assert np.array_equal(first, second)
    assert any(isinstance(graph.nodes[p], Scale) for name in adds for p in graph.predecessors[name])
    logits = found.scales[graph.predecessors["output"][0]]
    assert (logits == logits[0]).all()
    assert graph.output.scale == logits[0]


def as_float(graph):
    """The float32 graph of an exact one, each channel with a full-scale weight and v_init = theta // 2 in it."""

    def convert_node(node):
        match node:
            case Conv2d():
                weight = node.weight.astype(np.float32)
                weight.reshape(len(weight), -1)[:, 0] = 127
                return Conv2d(weight, node.bias.astype(np.float32), node.stride, node.padding, node.groups)
            case Linear():
                weight = node.weight.astype(np.float32)
                weight[:, 0] = 127
                return Linear(weight, node.bias.astype(np.float32))
            case Scale():
                return Scale(np.full(len(node.scale), 127, np.float32))
            case IF():
                return IF(node.theta.astype(np.float32), node.theta.astype(np.float32) / 2, node.reset, node.tie)
            case Input():
                return Input(node.shape, node.mean.astype(np.float32))
        return node

    return Graph({name: convert_node(node) for name, node in graph.nodes.items()}, graph.edges)


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_what_is_whole_already_is_not_changed(graph):
    """Integers with a full-scale weight in each channel come back as they were, Adds and groups included."""
    source = as_float(graph)
    found = quantise(source, 8).graph
    for name, node in found.nodes.items():
        before = source.nodes[name]
        if isinstance(node, Conv2d | Linear):
            direct = all(isinstance(source.nodes[p], IF | Input) for p in source.predecessors[name])
            if direct:
                assert np.array_equal(node.weight, before.weight), name
                assert np.array_equal(node.bias, before.bias)


def test_a_silent_channel_keeps_its_bias_and_threshold():
    """A channel whose weights are all zero still fires by its bias alone."""
    weight = np.zeros((2, 3, 3, 3), np.float32)
    weight[1] = 0.01
    nodes = {
        "input": Input((3, 8, 8), np.zeros(3, np.float32)),
        "conv": Conv2d(weight, np.array([0.25, 0], np.float32), padding=(1, 1)),
        "if": IF(np.ones(2, np.float32), np.full(2, 0.5, np.float32)),
        "fc": Conv2d(np.ones((1, 2, 8, 8), np.float32), np.zeros(1, np.float32)),
    }
    nodes |= {"flat": Flatten(), "output": Output()}
    names = list(nodes)
    source = Graph(nodes, tuple(pairwise(names)))
    found = quantise(source).graph
    spikes = counts(found, torch.zeros(1, 3, 8, 8), 8)["if"][0, 0]
    assert (spikes == 2).all(), "8 steps of 0.25 with half a threshold to start: two spikes"


@pytest.mark.parametrize("shrunk", [1e-9, 1e-30])
def test_a_channel_that_batch_norm_shrank_to_nothing_is_exact_all_the_same(shrunk):
    """In units of its own tiny weights its threshold would leave the exact range; long training makes such channels."""
    rng = np.random.default_rng(0)
    weight = rng.normal(0, 0.01, (3, 3, 3, 3)).astype(np.float32)
    weight[1] *= shrunk
    nodes = {
        "input": Input((3, 8, 8), np.zeros(3, np.float32)),
        "conv": Conv2d(weight, np.array([0, 0.25, 0], np.float32), padding=(1, 1)),
        "if": IF(np.ones(3, np.float32), np.full(3, 0.5, np.float32)),
        "flat": Flatten(),
        "fc": Linear(rng.normal(0, 1, (2, 192)).astype(np.float32), np.zeros(2, np.float32)),
        "output": Output(),
    }
    source = Graph(nodes, tuple(pairwise(nodes)))
    found = quantise(source).graph
    assert exact_steps(found) >= 32
    pixels = torch.from_numpy(rng.integers(0, 256, (1, 3, 8, 8))).float()
    exact, real = (counts(graph, pixels, 8)["if"][0] for graph in (found, source))
    assert (exact[1] == 2).all()
    assert np.abs(exact - real).max() <= 1


@pytest.mark.parametrize("bits", [3, 13])
def test_bits_out_of_range(bits):
    _, network, pixels = trained_like("vgg9")
    with pytest.raises(ConversionError, match=f"bits: expected 4…12, got {bits}"):
        quantise(trace(network, tuple(pixels.shape[1:])), bits)


def test_an_exact_leak_is_asked_for():
    one = np.ones(3, np.float32)
    nodes = {"input": Input((3,), np.zeros(3, np.float32)), "fc": Linear(np.eye(3, dtype=np.float32), 0 * one)}
    from spikelet.nodes import Output

    nodes |= {"lif": LIF(one, 0 * one, decay=one / 2), "out": Linear(np.eye(3, dtype=np.float32), 0 * one)}
    nodes["output"] = Output()
    names = list(nodes)
    with pytest.raises(ConversionError, match="neuron lif: an exact LIF leaks by a shift; convert with --float32"):
        quantise(Graph(nodes, tuple(pairwise(names))))


# --- what is refused -------------------------------------------------------------------------------------------------


def act():
    return SpikingActivation(4, NoResidual(), 1.0)


class Net(nn.Module):
    """conv - act - whatever the test puts in - classifier."""

    def __init__(self, middle=None, forward=None):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.act = act()
        self.middle = middle or nn.Identity()
        self.act2 = act()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flat = nn.Flatten()
        self.fc = nn.Linear(4, 2)
        self.more = forward

    def forward(self, x):
        x = self.middle(self.act(self.conv(x)))
        if self.more is not None:
            x = self.more(self, x)
        return self.fc(self.flat(self.pool(x)))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Net(nn.MaxPool2d(2)), r"module middle \(MaxPool2d\): train with average pooling instead"),
        (Net(nn.ReLU()), r"module middle \(ReLU\): use a SpikingActivation module"),
        (Net(nn.GELU()), r"module middle \(GELU\): it has no exact spiking form here"),
        (Net(nn.Sequential(nn.Identity(), nn.Sigmoid())), r"module middle\.1 \(Sigmoid\)"),
        (Net(nn.BatchNorm2d(4)), r"module middle: batch norm folds into a convolution .* found IF act"),
        (Net(nn.Conv2d(4, 4, 3, padding=2, dilation=2)), r"module middle \(Conv2d\): dilation \(2, 2\)"),
        (Net(nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")), r"\(circular\); expected dilation 1"),
        (Net(nn.Conv2d(4, 4, 2, padding="same")), "expected dilation 1 and a number of zeros as padding"),
        (Net(nn.AvgPool2d(2, padding=1)), r"module middle \(AvgPool2d\): padding, ceil_mode"),
        (Net(nn.AvgPool2d(3, ceil_mode=True)), r"module middle \(AvgPool2d\): padding, ceil_mode"),
        (Net(nn.AdaptiveAvgPool2d(2)), r"module middle \(AdaptiveAvgPool2d\): expected output size 1"),
        (Net(nn.Conv2d(5, 4, 3)), "module middle: takes 5 channels, its input has 4"),
        (Net(nn.ConvTranspose2d(4, 4, 3)), r"module middle \(ConvTranspose2d\)"),
        (Net(nn.LayerNorm([4, 8, 8])), r"module middle \(LayerNorm\)"),
        (Net(nn.Upsample(2)), r"module middle \(Upsample\)"),
        (Net(forward=lambda net, x: torch.relu(x)), r"`relu` at node relu .*: use a SpikingActivation module"),
        (Net(forward=lambda net, x: nn.functional.relu(x)), r"`relu` at node relu"),
        (Net(forward=lambda net, x: x.relu()), r"`relu` at node relu"),
        (Net(forward=lambda net, x: nn.functional.max_pool2d(x, 2)), "train with average pooling instead"),
        (Net(forward=lambda net, x: torch.cat([x, x], 1)), r"`cat` at node cat .*: a concatenation of layers has no"),
        (Net(forward=lambda net, x: x * 2), r"`mul` at node mul"),
        (Net(forward=lambda net, x: x + 1), r"`add` at node add"),
        (Net(forward=lambda net, x: x - x), r"`sub` at node sub"),
        (Net(forward=lambda net, x: torch.softmax(x, 1)), r"`softmax` at node softmax"),
        (Net(forward=lambda net, x: x.mean()), r"`mean` at node mean"),
        (Net(forward=lambda net, x: net.act(x)), "module act: is used twice; a spiking neuron has a state"),
        (Net(forward=lambda net, x: x if x.sum() > 0 else -x), "cannot be traced .*; it may not branch on values"),
        (Net(forward=lambda net, x: nn.functional.interpolate(x, 4)), "`interpolate` at node interpolate"),
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), "expected one IF or LIF node or more, found none"),
        (
            nn.Sequential(nn.Conv2d(3, 4, 1), Normalise([0] * 4, [1.0] * 4), act(), nn.Flatten(), nn.Linear(256, 2)),
            "module 1: the input is normalised first, before any other layer",
        ),
        (
            nn.Sequential(Normalise([0], [1.0]), act(), nn.Flatten(), nn.Linear(192, 2)),
            "has 1 channels, the input has 3",
        ),
    ],
)
def test_what_has_no_spiking_form_is_refused_by_name_and_place(network, message):
    with pytest.raises(ConversionError, match=message):
        trace(network, (3, 8, 8))


def test_a_refusal_shows_the_line():
    with pytest.raises(ConversionError, match=r"test_conversion\.py"):
        trace(Net(forward=lambda net, x: torch.relu(x)), (3, 8, 8))


@pytest.mark.parametrize(
    "network",
    [
        Net(),
        Net(nn.Sequential(nn.Conv2d(4, 4, 3, 2, 1, groups=2), act())),
        Net(nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4, affine=False), act(), nn.Dropout(0.5))),
        Net(nn.Sequential(nn.AvgPool2d((2, 1), (1, 2)), nn.Conv2d(4, 4, 1), act())),
        Net(nn.Sequential(nn.Conv2d(4, 4, 1), nn.AvgPool2d(2), act())),  # the pool before the neuron
    ],
)
def test_variants_convert_to_the_same_spikes(network):
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (2, 3, 8, 8)).float()
    network = nn.Sequential(Normalise([120] * 3, [60.0] * 3), network)
    with torch.no_grad():
        network(pixels)
    graph = trace(network.eval(), (3, 8, 8))
    found = counts(graph, pixels, 4)
    layers = {node_name(k): v for k, v in spiking_layers(network).items() if node_name(k) in graph.nodes}
    rates = {node_name(k): v for k, v in layer_rates(network, pixels, Mode.SPIKES, 4).items()}
    for name, layer in layers.items():
        expected = (4 * rates[name] / layer.lam).detach().numpy()
        assert (np.abs(found[name] - expected) > 0.5).mean() < 0.01, name
    assert quantise(graph).graph.exact


@pytest.fixture(scope="module")
def checkpoint():
    spec, network, _ = trained_like("vgg9")
    return Checkpoint(spec, network.state_dict(), {"data": "random", "seed": 0})


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return ImageSet(rng.integers(0, 256, (30, 3, 8, 8)).astype(np.uint8), rng.integers(0, 5, 30), None, "random")


class TestConvert:
    def test_the_whole_way(self, checkpoint, images, tmp_path):
        bundle = convert(checkpoint, "small", data=[images], command="spikelet convert x")
        write(bundle, tmp_path / "a.snnb")
        found = read(tmp_path / "a.snnb")
        assert all(verify(found, engine).ok for engine in ("numpy", "onnx"))
        result = found.manifest.results[0]
        assert result["images"] == 30
        assert result["digest"] == images.digest
        assert len(result["accuracy"]) == len(result["accuracy_before_quantisation"]) == 8
        assert 0 <= result["float_accuracy"] <= 1
        layers = found.manifest.conversion["layers"]
        assert [entry["layer"] for entry in layers] == list(found.graph.spiking)
        first = layers[0]["by_step"]
        assert [entry["steps"] for entry in first] == [1, 2, 4, 8]
        # T = L and constant input: the first layer is right but for what quantising its weights moved
        assert first[2]["over_firing"] + first[2]["under_firing"] < 0.03
        assert first[2]["correlation"] > 0.98
        assert "| if1 |" in found.card

    def test_the_same_checkpoint_gives_the_same_bytes(self, checkpoint, images, tmp_path):
        for name in ("a", "b"):
            write(convert(checkpoint, "small", data=[images]), tmp_path / f"{name}.snnb")
        assert (tmp_path / "a.snnb").read_bytes() == (tmp_path / "b.snnb").read_bytes()

    def test_float32(self, checkpoint, images, tmp_path):
        bundle = convert(checkpoint, "small", float32=True, data=[images])
        write(bundle, tmp_path / "a.snnb")
        found = read(tmp_path / "a.snnb")
        assert found.manifest.exact_steps is None
        assert found.manifest.results[0]["accuracy"] == found.manifest.results[0]["accuracy_before_quantisation"]

    def test_without_images_nothing_is_claimed(self, checkpoint):
        bundle = convert(checkpoint, "small")
        assert bundle.manifest.results == []
        assert "by_step" not in bundle.manifest.conversion["layers"][0]
        assert bundle.manifest.conversion["layers"][0]["weight_error"] > 0

    def test_the_report_counts_what_the_engine_fires(self, checkpoint, images):
        """Over- and under-firing of one layer, counted again the plain way."""
        bundle = convert(checkpoint, "small", data=[images])
        network = checkpoint.network()
        pixels = torch.from_numpy(images.images).float()
        a = layer_rates(network, pixels, Mode.RATE, 1)["if3"] / network.get_submodule("if3").lam
        n = counts(bundle.graph, pixels, 2)["if3"]
        excess = n - 2 * a.detach().numpy()
        entry = bundle.manifest.conversion["layers"][2]["by_step"][1]
        assert entry["over_firing"] == pytest.approx((excess > 0.5).mean(), abs=1e-6)
        assert entry["under_firing"] == pytest.approx((excess < -0.5).mean(), abs=1e-6)
        assert entry["spike_rate"] == pytest.approx(n.mean() / 2)
        assert entry["correlation"] == pytest.approx(np.corrcoef(a.detach().numpy().ravel(), n.ravel())[0, 1], abs=1e-4)


class TestCheckpoint:
    def test_round_trip(self, tmp_path):
        spec, network, pixels = trained_like("vgg9")
        Checkpoint(spec, network.state_dict(), {"seed": 1}).save(tmp_path / "a.pt")
        found = load_checkpoint(tmp_path / "a.pt")
        assert found.spec == spec
        assert found.provenance == {"seed": 1}
        assert torch.equal(found.network()(pixels), network(pixels))

    def test_what_is_no_checkpoint(self, tmp_path):
        with pytest.raises(ConversionError, match="no such checkpoint file"):
            load_checkpoint(tmp_path / "a.pt")
        (tmp_path / "a.pt").write_bytes(b"junk")
        with pytest.raises(ConversionError, match="not a checkpoint that torch can read safely"):
            load_checkpoint(tmp_path / "a.pt")
        torch.save({"weights": 1}, tmp_path / "a.pt")
        with pytest.raises(ConversionError, match="not a spikelet checkpoint; expected the file `best.pt`"):
            load_checkpoint(tmp_path / "a.pt")
        torch.save({"spikelet_checkpoint": 9}, tmp_path / "a.pt")
        with pytest.raises(ConversionError, match="checkpoint format 9, this version reads format 1"):
            load_checkpoint(tmp_path / "a.pt")
        torch.save({"spikelet_checkpoint": 1, "spec": {"model": 1}}, tmp_path / "a.pt")
        with pytest.raises(ConversionError, match="damaged checkpoint"):
            load_checkpoint(tmp_path / "a.pt")

    def test_a_pickle_that_calls_something_calls_nothing(self, tmp_path):
        class Evil:
            def __reduce__(self):
                import os

                return os.mkdir, (str(tmp_path / "called"),)

        torch.save(Evil(), tmp_path / "a.pt")
        with pytest.raises(ConversionError, match="not a checkpoint that torch can read safely"):
            load_checkpoint(tmp_path / "a.pt")
        assert not (tmp_path / "called").exists()
