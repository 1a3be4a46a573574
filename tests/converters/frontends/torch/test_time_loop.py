"""Networks with the loop over time in `forward`: one time-step of them is imported, with the spikes of the whole loop."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mutation.mutants import mutants_of
from source_networks.time_loops import (
    STEPS,
    AddedInPlace,
    Assigned,
    AssignedTwice,
    Averaged,
    BatchFirst,
    CurrentOutside,
    F,
    FeedBack,
    FirstSpikes,
    HalfOfTheFrames,
    Joined,
    LargestPotential,
    Last,
    LastStepOnly,
    Named,
    Negative,
    OverTheBatch,
    Potentials,
    Readout,
    Restarted,
    Reversed,
    Sequence,
    SizeOfTheInput,
    Softmax,
    SoftmaxLayer,
    SoftmaxOfMean,
    SoftmaxOfTheBatch,
    Stacked,
    StackedSum,
    Unequal,
    Weighted,
    snn,
)
from spikelet.engines import create
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.frameworks import snntorch
from spikelet_converters.frontends.torch import from_module, time_loop, totals


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 4, (STEPS, 30, F)).astype(np.float32)


def total_spikes(output):
    """Return the total spikes of the output layer from the result of a network, in any of its forms."""
    output = output[0] if isinstance(output, tuple) else output
    return output.sum(0) if output.ndim == 3 else output


LOOPS = [Stacked, StackedSum, Averaged, AddedInPlace, CurrentOutside, Sequence]


@pytest.mark.parametrize("kind", LOOPS)
def test_the_spikes_are_those_of_the_loop(kind, frames):
    network = kind().eval()
    source = from_module(network, (F,), Preprocessing(scale=1.0))
    assert source.notes == (f"the loop over {STEPS} time-steps in forward was reduced to one time-step",)
    inputs = frames if kind is Sequence else np.repeat(frames[:1], STEPS, 0)
    engine = create(source.graph, "numpy")
    engine.reset(inputs.shape[1])
    spikes = sum(engine.step(frame) for frame in inputs)
    with torch.no_grad():
        expected = total_spikes(network(torch.from_numpy(inputs if kind is Sequence else inputs[0]))).numpy()
    expected = expected * STEPS if kind in (Averaged, CurrentOutside) else expected
    assert np.allclose(spikes, expected, atol=1e-4)
    assert 0 < expected.mean() < STEPS


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (HalfOfTheFrames, "the loop reads 12 frames in 12 time-steps; pass a module that computes one time-step"),
        (LastStepOnly, "the output collects 2 of 12 time-steps"),
        (FeedBack, "module lif1: is called with another input at time-step 2 than at the first"),
        (Restarted, "module lif1: its state is not that of the call before"),
        (AssignedTwice, r"`setitem_1`: assigns .* to position 0 of zeros, .* append the spikes to a list"),
        (SoftmaxOfTheBatch, "`.*`: takes the outputs of all time-steps; .* leave out a softmax at the end"),
        (Unequal, "module lif2: is called 1 times, others 2 times"),
        (Negative, "the output of the loop is divided or multiplied by -12; expected a number above 0"),
        (
            Potentials,
            "the network: takes a potential of a neuron, .* expected its spikes, or a linear layer at the end",
        ),
        (LargestPotential, "`stack` at node .*: takes a potential of a neuron"),
        (SizeOfTheInput, "SizeOfTheInput.forward: cannot be traced .* without the loop over time"),
    ],
)
def test_other_loops_get_the_way_to_one_time_step(kind, message):
    with pytest.raises(ConversionError, match=message):
        from_module(kind().eval(), (F,), Preprocessing(scale=1.0))


def test_a_network_is_traced_once(monkeypatch):
    """Each time, the user's `forward` runs through all time-steps of its loop."""
    runs, forward = [], Stacked.forward
    monkeypatch.setattr(Stacked, "forward", lambda self, x: runs.append(1) or forward(self, x))
    from_module(Stacked(), (F,), Preprocessing(scale=1.0))
    assert len(runs) == 1


@pytest.mark.parametrize("kind", [*LOOPS, Weighted])
def test_the_whole_loop_is_compared(kind):
    """The source runs its own loop, and the sums of the imported time-steps are those."""
    source = from_module(kind().eval(), (F,), Preprocessing(scale=1.0))
    assert (source.loop.steps, source.loop.frames) == (STEPS, kind is Sequence)
    assert check_graph(source, None) == 0
    doubled = replace(source, loop=replace(source.loop, outputs=lambda x: 2 * source.loop.outputs(x)))
    with pytest.raises(ConversionError, match="computes other outputs than the network"):
        check_graph(doubled, None)


@pytest.mark.parametrize(
    ("kind", "ending"), [(Softmax, "log_softmax"), (SoftmaxOfMean, "softmax"), (SoftmaxLayer, "log_softmax")]
)
def test_a_softmax_of_the_sum_over_time_is_left_out(kind, ending):
    source = from_module(kind().eval(), (F,), Preprocessing(scale=1.0))
    assert source.loop.ending == ending
    assert any(note.startswith(f"{ending} of the sum over time was left out") for note in source.notes)
    assert check_graph(source, None) < 1e-5
    other = replace(source, loop=replace(source.loop, divisor=3 * source.loop.divisor))
    with pytest.raises(ConversionError, match="computes other outputs than the network"):
        check_graph(other, None)


@pytest.mark.parametrize("kind", [BatchFirst, Readout, Assigned, Joined, FirstSpikes])
def test_other_ways_to_write_the_loop(kind):
    source = from_module(kind().eval(), (F,), Preprocessing(scale=1.0))
    assert (source.loop.steps, source.loop.frames) == (STEPS, kind is BatchFirst)
    assert check_graph(source, None) < 1e-6


def doubled(layer, inputs, output):
    return output * 2


@pytest.mark.parametrize("layer", ["1", ""])
def test_hooks_of_spiking_networks(layer):
    torch.manual_seed(0)
    neurons = [snn.Leaky(0.5, init_hidden=True, threshold=0.5) for _ in range(2)]
    network = nn.Sequential(nn.Linear(F, 8), neurons[0], nn.Linear(8, 4), neurons[1]).eval()
    plain = from_module(network, (F,), Preprocessing(scale=1.0))
    network.get_submodule(layer).register_forward_hook(doubled)
    network[1].register_forward_hook(lambda layer, inputs, output: print(float(output.mean())))
    source = from_module(network, (F,), Preprocessing(scale=1.0))
    assert check_graph(source, None) < 1e-6
    with pytest.raises(ConversionError, match="computes other outputs"):
        check_graph(replace(source, graph=plain.graph), None)


def test_one_of_several_outputs_is_compared():
    source = from_module(Named().eval(), (F,), Preprocessing(scale=1.0), output="spikes")
    assert check_graph(source, None) == 0


@pytest.mark.parametrize("kind", [Reversed, OverTheBatch])
def test_what_the_loop_computes_in_another_way_is_refused(kind):
    with pytest.raises(ConversionError):
        check_graph(from_module(kind().eval(), (F,), Preprocessing(scale=1.0)), None)


def test_the_output_of_the_last_time_step_is_named():
    source = from_module(Last().eval(), (F,), Preprocessing(scale=1.0))
    with pytest.raises(
        ConversionError, match=r"the output of the last of its 12 time-steps; .*stack\(outputs\).sum\(0\)"
    ):
        check_graph(source, None)


FAULTS = {
    "additions are not recognised": (totals, "node.target in _ADD"),
    "additions of two values are not recognised": (totals, "len(node.args) == 2"),
    "the sum does not begin with 0": (totals, "value == 0"),
    "totals are returned as they are": (time_loop, "value not in self.totals"),
}


@pytest.mark.parametrize(("module", "expression"), FAULTS.values(), ids=FAULTS)
def test_a_fault_in_the_reduction_is_refused(module, expression):
    """The comparison with one time-step alone would reduce the loop by the same fault."""
    path = Path(module.__file__)
    (mutant,) = [mutant for mutant in mutants_of(path) if mutant.change.endswith(f": {expression}")]
    with mutant.applied(), pytest.raises(ConversionError):
        check_graph(from_module(AddedInPlace().eval(), (F,), Preprocessing(scale=1.0)), None)
    assert check_graph(from_module(AddedInPlace().eval(), (F,), Preprocessing(scale=1.0)), None) == 0


def test_another_reset_is_refused_where_sums_equal_thresholds():
    """Weights and thresholds of the network are multiples of 1/16, so ties alone explain large differences."""
    (mutant,) = [
        mutant for mutant in mutants_of(Path(snntorch.__file__)) if "reset_mechanism == 'zero'" in mutant.change
        and mutant.function == "_reset"
    ]  # fmt: skip
    with mutant.applied():
        source = from_module(Stacked().eval(), (F,), Preprocessing(scale=1.0))
        with pytest.raises(ConversionError, match="other outputs than the network on random currents of lif1"):
            check_graph(source, None)


class IFNode(nn.Module):
    """SpikingJelly's neuron, in multi-step mode at first: v >= 1 fires and subtracts 1."""

    v_threshold, v_reset, step_mode, v = 1.0, None, "m", 0.0

    def reset(self):
        self.v = 0.0

    def forward(self, x):
        if self.step_mode == "m":
            return torch.stack([self.fire(current) for current in x])
        return self.fire(x)

    def fire(self, current):
        charged = self.v + current
        spikes = (charged >= 1).float()
        self.v = charged - spikes
        return spikes


IFNode.__module__ = "spikingjelly.activation_based.neuron"


class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(F, 16), IFNode(), nn.Linear(16, 4))

    def forward(self, x):
        return self.net(x.unsqueeze(0).repeat(STEPS, 1, 1)).mean(0)


def test_a_network_that_repeats_its_input(frames):
    network = Repeated().eval()
    with torch.no_grad():
        for layer in (network.net[0], network.net[2]):
            layer.weight.copy_((layer.weight * 64).round() / 64)
            layer.bias.copy_((layer.bias * 64).round() / 64)
    source = from_module(network, (F,), Preprocessing(scale=1.0))
    engine = create(source.graph, "numpy")
    engine.reset(30)
    logits = sum(engine.step(frames[0]) for _ in range(STEPS))
    with torch.no_grad():
        expected = network(torch.from_numpy(frames[0])).numpy() * STEPS
    assert np.allclose(logits, expected, atol=1e-3)
    assert np.ptp(expected) > 1
    assert check_graph(source, None) < 1e-3


def test_a_rectifier_among_spiking_neurons():
    layers = (
        nn.Linear(F, 4),
        nn.ReLU(),
        snn.Leaky(0.5, init_hidden=True),
        nn.Linear(4, 3),
        snn.Leaky(0.5, output=True),
    )
    with pytest.raises(
        ConversionError, match="is a rectifier in a network of spiking neurons; expected one of the two"
    ):
        from_module(nn.Sequential(*layers), (F,))


def test_a_failing_forward_is_no_traceback():
    class Broken(nn.Module):
        def forward(self, x):
            return {}["weights"]

    with pytest.raises(ConversionError, match="Broken.forward: cannot be traced .*weights"):
        from_module(Broken(), (F,))
