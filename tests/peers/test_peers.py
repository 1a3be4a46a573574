"""Networks of other frameworks and their imported graphs fire the same spikes on the same inputs, except at float ties.

The frameworks are optional packages. `make peers` installs them with torch in a separate environment and lists the
compared spikes and the ties.
"""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from peers_support import RAW, SAMPLES, STEPS, compare, compare_graph, need
from spikelet.engines import create
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, Input, Linear, Output
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.torch import from_module


def inputs(features=6):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 3, (STEPS, SAMPLES, features)).astype(np.float32))


def images():
    return torch.from_numpy(np.random.default_rng(0).integers(0, 2, (STEPS, SAMPLES, 2, 6, 6)).astype(np.float32))


def linear(a, b, seed=0):
    layer = nn.Linear(a, b)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(b, a, generator=generator) * 0.5)
        layer.bias.copy_(torch.rand(b, generator=generator) * 0.2)
    return layer


def convolution(seed=0):
    layer = nn.Conv2d(2, 4, 3, padding=1)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * 0.3)
        layer.bias.zero_()
    return layer


def test_a_tie_is_listed_and_another_difference_fails():
    """A single differing spike is a tie only if the recorded potential equals the threshold."""
    layer, theta = linear(6, 8), np.full(8, 2, np.float32)
    nodes = {
        "input": Input((6,), np.zeros(6, np.float32)),
        "fc": Linear(layer.weight.detach().numpy(), layer.bias.detach().numpy()),
        "if": IF(theta, 0 * theta),
        "out": Linear(np.ones((2, 8), np.float32), np.zeros(2, np.float32)),
        "output": Output(1.0),
    }
    graph = Graph(nodes, (("input", "fc"), ("fc", "if"), ("if", "out"), ("out", "output")))
    x, (name,) = inputs(), graph.spiking
    engine = create(graph, "numpy", graph.spiking)
    engine.reset(SAMPLES)
    theirs = []
    for step in x:
        engine.step(step.numpy())
        theirs.append([(torch.from_numpy(engine.spikes(name).copy()), torch.zeros(SAMPLES, 8), 2.0)])
    assert not compare_graph(graph, x, theirs, 1).ties
    fired, v, _ = theirs[3][0]
    fired[41, 5] = ~fired[41, 5]
    with pytest.raises(
        AssertionError, match=f"not a tie:\n{name}: neuron 5, time-step 4, input 41: potential 0, threshold 2"
    ):
        compare_graph(graph, x, theirs, 1)
    v[41, 5] = 2
    (line,) = compare_graph(graph, x, theirs, 1).ties
    assert line.startswith(f"{name}: neuron 5, time-step 4, input 41: potential 2, threshold 2; ")
    with pytest.raises(AssertionError, match="its framework shows no potential"):
        compare_graph(graph, x, [[(fired, None, None)] for ((fired, *_),) in theirs], 1)


class TestSnnTorch:
    def run(self, layers):
        """Return the spikes, potentials and thresholds of the two layers, by time-step."""
        first, one, second, two = layers

        def run(x):
            recorded = []
            for step in x:
                row, value = [], step
                for weights, neuron in ((first, one), (second, two)):
                    out = neuron(weights(value))
                    value = out[0] if isinstance(out, tuple) else out
                    row.append((value, neuron.mem if neuron.reset_delay else None, neuron.threshold))
                recorded.append(row)
            return recorded

        return run

    @pytest.mark.parametrize("reset", ["subtract", "zero"])
    @pytest.mark.parametrize("beta", [0.9, 1.0, 0.5])
    def test_leaky(self, reset, beta, compared):
        snn = need("snntorch")
        layers = [
            linear(6, 8),
            snn.Leaky(beta=beta, threshold=1.5, reset_mechanism=reset, init_hidden=True),
            linear(8, 5, 1),
            snn.Leaky(beta=torch.rand(5) * 0.5 + 0.4, reset_mechanism=reset, init_hidden=True),
        ]
        compared(compare(nn.Sequential(*layers), inputs(), self.run(layers), 2))

    @pytest.mark.parametrize(("reset", "delay"), [("subtract", True), ("zero", False)])
    def test_synaptic(self, reset, delay, compared):
        snn = need("snntorch")

        def neuron(alpha, beta):
            return snn.Synaptic(
                alpha=alpha, beta=beta, threshold=2.0, reset_mechanism=reset, init_hidden=True, reset_delay=delay
            )

        layers = [linear(6, 8), neuron(0.5, 0.8), linear(8, 5, 1), neuron(0.7, 0.9)]
        compared(compare(nn.Sequential(*layers), inputs(), self.run(layers), 2))

    def test_reset_at_once(self):
        """reset_delay=False: the same spikes if no step adds more than two thresholds, and a note on this condition."""
        snn = need("snntorch")
        layers = [
            linear(6, 8),
            snn.Leaky(beta=0.9, threshold=8.0, init_hidden=True, reset_delay=False),
            linear(8, 5, 1),
            snn.Leaky(beta=0.9, threshold=4.0, init_hidden=True, reset_delay=False),
        ]
        source = from_module(nn.Sequential(*layers), (6,), RAW)
        assert "takes a second threshold off a potential that stays above it" in source.notes[0]
        engine = create(source.graph, "numpy", source.graph.spiking)
        engine.reset(SAMPLES)
        with torch.no_grad():
            theirs = self.run(layers)(inputs())
        differing = 0
        for x, row in zip(inputs(), theirs, strict=True):
            engine.step(x.numpy())
            for name, (fired, *_) in zip(source.graph.spiking, row, strict=True):
                differing += int((engine.spikes(name) != (fired.numpy() > 0)).sum())
        assert differing == 0

    def test_states_as_arguments_and_results(self, compared):
        """The form of snnTorch's tutorials: forward(x, mem) -> spk, mem."""
        snn = need("snntorch")

        class Step(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc, self.lif = linear(6, 8), snn.Leaky(beta=0.8)

            def forward(self, x, mem):
                spk, mem = self.lif(self.fc(x), mem)
                return spk, mem

        network = Step()

        def run(x):
            mem, recorded = torch.zeros(SAMPLES, 8), []
            for step in x:
                spk, mem = network(step, mem)
                recorded.append([(spk, mem, 1.0)])
            return recorded

        compared(compare(network, inputs(), run, 1))

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda snn: snn.RLeaky(beta=0.9, all_to_all=False, V=1.0, init_hidden=True), "is recurrent.*use Leaky"),
            (
                lambda snn: snn.Alpha(alpha=0.9, beta=0.8, init_hidden=True),
                "alpha kernel is not supported; use Synaptic",
            ),
            (lambda snn: snn.Leaky(beta=0.9, inhibition=True, init_hidden=True), "train with inhibition=False"),
            (lambda snn: snn.Leaky(beta=0.9, reset_mechanism="none", init_hidden=True), "use 'subtract' or 'zero'"),
            (lambda snn: snn.Leaky(beta=0.0, init_hidden=True), "its potential decays to 0 within one time-step"),
            (
                lambda snn: snn.Synaptic(alpha=0.5, beta=0.9, reset_mechanism="zero", init_hidden=True),
                "use reset_delay=False, or reset_mechanism='subtract'",
            ),
        ],
    )
    def test_refusals(self, make, message):
        snn = need("snntorch")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # snnTorch warns of unstable features
            network = nn.Sequential(linear(6, 8), make(snn))
        with pytest.raises(ConversionError, match=rf"module 1 \(snntorch \w+\): .*{message}"):
            from_module(network, (6,), RAW)


class TestSpikingJelly:
    @pytest.mark.parametrize("v_reset", [None, 0.0, -0.25])
    @pytest.mark.parametrize("kind", ["IFNode", "LIFNode", "LIFNode, input not decayed", "ParametricLIFNode"])
    def test_neurons(self, kind, v_reset, compared):
        neuron = need("spikingjelly.activation_based.neuron")
        functional = need("spikingjelly.activation_based.functional")
        layer = need("spikingjelly.activation_based.layer")
        options = {"v_reset": v_reset}
        options |= {"decay_input": False} if "not" in kind else {}
        make = getattr(neuron, kind.partition(",")[0])
        weights = layer.Linear(6, 8)
        weights.load_state_dict(linear(6, 8).state_dict())
        nodes = [make(**options), make(v_threshold=0.75, **options)]
        network = nn.Sequential(weights, nodes[0], linear(8, 5, 1), nodes[1])

        def run(x):
            functional.reset_net(network)
            recorded = []
            for step in x:
                row, value = [], step
                for part in network:
                    if part not in nodes:
                        value = part(value)
                        continue
                    before = part.v if isinstance(part.v, torch.Tensor) else torch.full_like(value, float(part.v))
                    current, value = value, part(value)
                    row.append((value, charged(part, before, current), part.v_threshold))
                recorded.append(row)
            return recorded

        compared(compare(network, inputs(), run, 2))

    @pytest.mark.parametrize("step_mode", ["s", "m"])
    def test_layers(self, step_mode):
        """Layers that are torch's with a step mode, a dropout, and votes; the check compares with the network itself."""
        neuron, functional = (
            need("spikingjelly.activation_based.neuron"),
            need("spikingjelly.activation_based.functional"),
        )
        layer = need("spikingjelly.activation_based.layer")
        torch.manual_seed(0)
        network = nn.Sequential(
            layer.Conv2d(2, 4, 3, padding=1), layer.BatchNorm2d(4), neuron.IFNode(0.3), layer.MaxPool2d(2),
            layer.Conv2d(4, 4, 3, padding=1), neuron.SLTTLIFNode(1.5, v_threshold=0.2), layer.AdaptiveAvgPool2d(1),
            layer.Flatten(), layer.Dropout(0.5), layer.Linear(4, 7), neuron.LIFNode(1.5, v_threshold=0.1), layer.VotingLayer(3),
        )  # fmt: skip
        if step_mode == "m":
            network[5] = neuron.LIFNode(1.5, v_threshold=0.2)  # SLTT has single steps only
            functional.set_step_mode(network, "m")
        source = from_module(network.eval(), (2, 6, 6), RAW)
        assert source.graph.classes == 2
        assert len(source.graph.spiking) == 4
        assert check_graph(source, None) < 1e-3

    def test_standardised_weights_are_refused(self):
        layer, neuron = need("spikingjelly.activation_based.layer"), need("spikingjelly.activation_based.neuron")
        network = nn.Sequential(layer.WSConv2d(2, 4, 3), neuron.IFNode(), nn.Flatten(), linear(64, 3))
        with pytest.raises(ConversionError, match=r"WSConv2d\): standardises its weights; use layer.Conv2d"):
            from_module(network, (2, 6, 6), RAW)

    def test_a_reset_above_the_threshold_is_refused(self):
        network = nn.Sequential(linear(6, 8), need("spikingjelly.activation_based.neuron").IFNode(0.5, v_reset=0.7))
        with pytest.raises(ConversionError, match=r"fires above 0\.5 and resets to 0\.7; expected a reset potential"):
            from_module(network, (6,), RAW)

    @pytest.mark.parametrize("kind", ["QIFNode", "EIFNode", "IzhikevichNode"])
    def test_refusals(self, kind):
        neuron = need("spikingjelly.activation_based.neuron")
        network = nn.Sequential(linear(6, 8), getattr(neuron, kind)())
        with pytest.raises(ConversionError, match=rf"module 1 \(spikingjelly {kind}\): .* use LIFNode"):
            from_module(network, (6,), RAW)


def charged(node, v, x):
    """Return the potential of a SpikingJelly neuron before it fires, by its documented equations."""
    if "LIF" not in type(node).__name__:
        return v + x
    tau = node.tau if hasattr(node, "tau") else 1 / node.w.sigmoid()
    rest = node.v_reset or 0.0
    return v + (x - (v - rest)) / tau if node.decay_input else v - (v - rest) / tau + x


class TestSinabs:
    def layers(self, kind, reset, **options):
        sl, activation = need("sinabs.layers"), need("sinabs.activation")
        options |= {"spike_fn": activation.SingleSpike, "spike_threshold": torch.tensor(0.4)}
        options["reset_fn"] = activation.MembraneReset() if reset == "zero" else activation.MembraneSubtract()
        return getattr(sl, kind)(**options), getattr(sl, kind)(**options)

    @pytest.mark.parametrize("reset", ["subtract", "zero"])
    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            ("IAF", {}),
            ("LIF", {"tau_mem": 6.0}),
            ("LIF", {"tau_mem": 6.0, "norm_input": False}),
            ("LIF", {"tau_mem": 6.0, "tau_syn": 3.0}),
        ],
    )
    def test_neurons(self, kind, options, reset, compared):
        one, two = self.layers(kind, reset, **options)
        network = nn.Sequential(linear(6, 8), one, linear(8, 5, 1), two)

        def run(x):
            for neuron in (one, two):
                neuron.reset_states()
                neuron.record_states = False
            recorded = []
            for step in x:
                row, value = [], step[:, None]  # (N, T = 1, F)
                for part in network:
                    value = part(value)
                    if part in (one, two):
                        # the potential before the reset follows from the spikes with reset by subtraction only
                        after = part.v_mem
                        row.append((value[:, 0], after + value[:, 0] * 0.4 if reset == "subtract" else after, 0.4))
                recorded.append(row)
            return recorded

        compared(compare(network, inputs(), run, 2))

    def test_images(self, compared):
        sl, activation = need("sinabs.layers"), need("sinabs.activation")
        iaf = sl.IAFSqueeze(batch_size=SAMPLES, spike_fn=activation.SingleSpike)
        network = nn.Sequential(convolution(), iaf, sl.SumPool2d(2), nn.Flatten(), linear(36, 5))

        def run(x):
            iaf.reset_states()
            recorded = []
            for step in x:
                fired = iaf(network[0](step))
                recorded.append([(fired, iaf.v_mem.reshape(fired.shape) + fired, 1.0)])
            return recorded

        compared(compare(network, images(), run, 1))

    def test_refusals(self):
        sl = need("sinabs.layers")
        network = nn.Sequential(linear(6, 8), sl.IAF())
        with pytest.raises(ConversionError, match=r"module 1 \(sinabs IAF\): .*spike_fn=sinabs.activation.SingleSpike"):
            from_module(network, (6,), RAW)
        activation = need("sinabs.activation")
        bounded = nn.Sequential(linear(6, 8), sl.IAF(spike_fn=activation.SingleSpike, min_v_mem=-1.0))
        with pytest.raises(ConversionError, match="min_v_mem=-1 bounds the potential below; use min_v_mem=None"):
            from_module(bounded, (6,), RAW)


class TestNorse:
    @pytest.mark.parametrize("kind", ["IAFCell", "LIFBoxCell", "LIFCell"])
    def test_cells(self, kind, compared):
        norse = need("norse.torch")
        cells = [getattr(norse, kind)() for _ in range(2)]
        if kind != "IAFCell":
            parameters = need(f"norse.torch.functional.{'lif_box' if 'Box' in kind else 'lif'}")
            make = parameters.LIFBoxParameters if "Box" in kind else parameters.LIFParameters
            cells = [getattr(norse, kind)(make(v_th=torch.as_tensor(0.3)), dt=0.004) for _ in range(2)]
        network = norse.SequentialState(linear(6, 8), cells[0], linear(8, 5, 1), cells[1])

        def run(x):
            states, recorded = [None, None], []
            for step in x:
                row, value = [], step
                for i, cell in enumerate(cells):
                    value = network[2 * i](value)
                    value, states[i] = cell(value, states[i])
                    row.append((value, None, None))
                recorded.append(row)
            return recorded

        compared(compare(network, inputs(), run, 2))

    @pytest.mark.parametrize(("v_leak", "v_reset"), [(0.0, 0.0), (0.1, -0.2)])
    @pytest.mark.parametrize("suffix", ["", "Cell"])
    def test_networks_over_time(self, suffix, v_leak, v_reset):
        """LIF and LI take a time axis that their cells have not; the check runs the modules step by step."""
        norse = need("norse.torch")
        torch.manual_seed(0)
        leak, reset = torch.tensor(v_leak), torch.tensor(v_reset)
        theta = torch.rand(8) * 0.2 + 0.2
        network = norse.SequentialState(
            linear(6, 8),
            getattr(norse, f"LIF{suffix}")(norse.LIFParameters(v_th=theta, v_leak=leak, v_reset=reset), dt=0.002),
            linear(8, 5, 1),
            getattr(norse, f"LI{suffix}")(norse.LIParameters(v_leak=leak)),
        )
        assert check_graph(from_module(network, (6,), RAW), None) < 1e-3

    def test_a_leak_of_more_than_the_potential_is_refused(self):
        norse = need("norse.torch")
        cell = norse.LIFBoxCell(norse.LIFBoxParameters(tau_mem_inv=torch.tensor(600.0)), dt=0.002)
        with pytest.raises(ConversionError, match=r"dt times tau_mem_inv is 1\.2; expected 0 or more, and less"):
            from_module(norse.SequentialState(linear(6, 8), cell), (6,), RAW)

    def test_a_synaptic_current_that_does_not_leak(self):
        norse = need("norse.torch")
        parameters = norse.LIFParameters(tau_syn_inv=torch.tensor(0.0))
        network = norse.SequentialState(linear(6, 8), norse.LIFCell(parameters), linear(8, 5, 1), norse.LICell())
        assert check_graph(from_module(network, (6,), RAW), None) < 1e-3

    def test_refusals(self):
        norse = need("norse.torch")
        network = norse.SequentialState(linear(6, 8), norse.LIFRecurrentCell(8, 8))
        with pytest.raises(ConversionError, match=r"\(norse LIFRecurrentCell\): is recurrent, .*; use LIFCell"):
            from_module(network, (6,), RAW)
