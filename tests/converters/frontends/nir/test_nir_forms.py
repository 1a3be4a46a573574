"""Forms of NIR graphs that other programs write: padded pools, shapes of parameters, constants, nested graphs, files."""

import h5py
import nir
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from spikelet.engines import create
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.nir import from_nir, read

STEP = 1e-4


def full(value, *shape):
    return np.full(shape, value, np.float32)


def weights(*shape):
    return np.random.default_rng(3).normal(0, 0.6, shape).astype(np.float32)


def fires(*shape):
    return nir.IF(full(1, *shape), full(0.7, *shape))


def lif(n, rest=0.0, reset=0.0, r=2.0, theta=0.7):
    return nir.LIF(full(5e-4, n), full(r, n), full(rest, n), full(theta, n), full(reset, n))


def graph(shape, nodes, edges=None):
    """Return a graph, by default a chain."""
    named = {"input": nir.Input(np.array(shape)), **nodes, "output": nir.Output({"output": np.array([2])})}
    names = list(named)
    return nir.NIRGraph(named, edges or list(zip(names, names[1:])), type_check=False)  # noqa: B905, RUF007


def spikes(source, inputs, name):
    """Return the spikes of a layer of the imported graph, (T, N, …)."""
    runner = create(source.graph, "numpy", source.graph.spiking)
    runner.reset(inputs.shape[1])
    rows = []
    for x in inputs:
        runner.step(x.reshape(inputs.shape[1], *source.shape))
        rows.append(runner.spikes(name).copy())
    return np.stack(rows)


def inputs_of(shape, steps=12):
    return np.random.default_rng(1).integers(0, 3, (steps, 3, *shape)).astype(np.float32)


@pytest.mark.parametrize("kind", [nir.SumPool2d, nir.AvgPool2d])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [((2, 2), (2, 2), (1, 1)), ((3, 2), (1, 2), (1, 0))])
def test_a_padded_pool(kind, kernel, stride, padding):
    nodes = {"fire": fires(2, 5, 6), "pool": kind(*(np.array(sizes) for sizes in (kernel, stride, padding)))}
    divisor = 1 if kind is nir.SumPool2d else None
    pooled = F.avg_pool2d(torch.zeros(1, 2, 5, 6), kernel, stride, padding, divisor_override=divisor).shape[1:]
    features = int(np.prod(pooled))
    nodes |= {"flat": nir.Flatten(np.array(pooled), 0), "fc": nir.Linear(weights(4, features)), "last": fires(4)}
    source = from_nir(graph((2, 5, 6), nodes))
    assert check_graph(source, None) is not None
    inputs, v, total = inputs_of((2, 5, 6)), 0.0, 0
    before, last = spikes(source, inputs, "fire"), spikes(source, inputs, "last")
    for x, fired in zip(before, last, strict=True):
        image = F.avg_pool2d(torch.tensor(x).double(), kernel, stride, padding, divisor_override=divisor)
        v = v + image.flatten(1).numpy() @ weights(4, features).T.astype(np.float64)
        assert np.array_equal(v > 0.7, fired)
        v = np.where(v > 0.7, 0, v)
        total += fired.sum()
    assert total > 10


@pytest.mark.parametrize("padding", ["same", b"same"])
def test_a_kernel_of_an_even_size_has_an_additional_zero_after_the_image(padding):
    kernel = weights(2, 1, 2, 4)
    conv = nir.Conv2d(None, kernel, 1, "same", (1, 2), 1, full(0.1, 2))
    conv.padding = padding
    nodes = {"conv": conv, "fire": fires(2, 5, 6), "flat": nir.Flatten(np.array([2, 5, 6]), 0)}
    source = from_nir(graph((1, 5, 6), nodes | {"fc": nir.Linear(weights(2, 60))}))
    assert check_graph(source, None) is not None
    inputs = inputs_of((1, 5, 6), 1)
    padded = F.pad(torch.tensor(inputs[0]), (3, 3, 0, 1))
    current = F.conv2d(padded, torch.tensor(kernel), full_tensor(0.1, 2), dilation=(1, 2)).numpy()
    assert np.array_equal(spikes(source, inputs, "fire")[0], current > 0.7)


def full_tensor(value, n):
    return torch.tensor(full(value, n))


def test_an_even_kernel_of_a_line_has_an_additional_zero_after_it():
    conv = nir.Conv1d(None, weights(2, 1, 4), 1, "same", 1, 1, full(0.1, 2))
    nodes = {
        "conv": conv,
        "fire": fires(2, 6),
        "flat": nir.Flatten(np.array([2, 6]), 0),
        "fc": nir.Linear(weights(2, 12)),
    }
    source = from_nir(graph((1, 6), nodes))
    assert check_graph(source, None) is not None
    inputs = inputs_of((1, 6), 1)
    current = F.conv1d(F.pad(torch.tensor(inputs[0]), (1, 2)), torch.tensor(weights(2, 1, 4)), full_tensor(0.1, 2))
    assert np.array_equal(spikes(source, inputs, "fire")[0, :, :, 0], current.numpy() > 0.7)


def test_a_potential_that_leaks_elsewhere_after_neurons():
    """Its constant current is a layer of its own, since no weights precede it."""
    neuron = lif(3, rest=0.9, reset=-0.3, theta=0.6)
    nodes = {"fc": nir.Linear(weights(3, 4)), "fire": fires(3), "leaky": neuron, "out": nir.Linear(weights(2, 3))}
    source = from_nir(graph((4,), nodes))
    assert check_graph(source, None) is not None
    inputs, v, total = inputs_of((4,), 40), np.zeros((3, 3)), 0
    before, after = spikes(source, inputs, "fire"), spikes(source, inputs, "leaky")
    for x, fired in zip(before, after, strict=True):
        v = v + STEP / neuron.tau * (neuron.v_leak - v + neuron.r * x)
        assert np.array_equal(v > neuron.v_threshold, fired)
        v = np.where(fired, neuron.v_reset, v)
        total += fired.sum()
    assert 20 < total < 340


@pytest.mark.parametrize("kind", [nir.LI, nir.CubaLI])
def test_a_readout_that_leaks_to_a_constant(kind):
    times = (full(4e-4, 2),) if kind is nir.LI else (full(3e-4, 2), full(4e-4, 2))
    nodes = {"fc": nir.Linear(weights(2, 4)), "fire": fires(2), "out": kind(*times, full(-2, 2), full(0.5, 2))}
    assert check_graph(from_nir(graph((4,), nodes)), None) is not None


@pytest.mark.parametrize("neuron", [nir.IF(full(-1.5, 3), full(1, 3)), lif(3, r=-3), lif(3, 0.2, 0.1, -3)])
def test_a_negative_factor_on_the_current(neuron):
    nodes = {"fc": nir.Linear(weights(3, 4)), "fire": fires(3), "fc2": nir.Linear(weights(3, 3)), "inverse": neuron}
    source = from_nir(graph((4,), nodes | {"out": nir.Linear(weights(2, 3))}))
    assert check_graph(source, None) is not None
    assert spikes(source, inputs_of((4,)), "inverse").any()


PARAMETERS = {
    "one number": full(0.7),
    "one in an axis": full(0.7, 1),
    "one per channel": np.array([0.7, 0.9], np.float32),
    "a batch": full(0.7, 1, 2, 3, 3),
    "a batch of channels": np.array([[0.7, 0.9]], np.float32),
    "axes of 1": np.array([0.7, 0.9], np.float32).reshape(2, 1, 1),
    "one axis of 1": np.array([0.7, 0.9], np.float32).reshape(2, 1),
}


@pytest.mark.parametrize("form", PARAMETERS)
def test_shapes_of_thresholds(form):
    theta = PARAMETERS[form]
    nodes = {"fire": nir.IF(np.ones_like(theta), theta), "flat": nir.Flatten(np.array([2, 3, 3]), 0)}
    source = from_nir(graph((2, 3, 3), nodes | {"fc": nir.Linear(weights(2, 18))}))
    assert check_graph(source, None) is not None
    expected = theta.ravel() if theta.size == 2 else 0.7
    assert np.allclose(source.graph.nodes["fire"].theta, expected)


@pytest.mark.parametrize("shape", [(2, 4, 4), (3, 3), (2, 3), (2, 3, 1, 3)])
def test_a_threshold_of_another_shape(shape):
    nodes = {"fire": fires(*shape), "flat": nir.Flatten(np.array([2, 3, 3]), 0), "fc": nir.Linear(weights(2, 18))}
    with pytest.raises(ConversionError, match=r"fire \(IF\): r has shape .*, its input \(2, 3, 3\); expected one num"):
        from_nir(graph((2, 3, 3), nodes))


def test_weights_take_features():
    """A linear layer of torch takes the last axis of an image, one of NIR the features."""
    nodes = {"fire": fires(2, 3, 3), "fc": nir.Linear(weights(2, 3))}
    with pytest.raises(
        ConversionError, match=r"fc \(Linear\): expected an input of shape \(3,\), found \(2, 3, 3\); flatten"
    ):
        from_nir(graph((2, 3, 3), nodes))


@pytest.mark.parametrize(
    ("shape", "first", "expected"),
    [
        ((4, 5), nir.Scale(full(1, 4, 5)), (4, 1, 5)),
        ((5, 6), nir.Conv2d(None, weights(2, 1, 3, 3), 1, 1, 1, 1, full(0, 2)), (1, 5, 6)),
        ((1, 5), nir.Scale(full(1, 5)), (5,)),
    ],
)
def test_an_input_of_two_axes(shape, first, expected):
    features = 60 if isinstance(first, nir.Conv2d) else int(np.prod(shape))
    flat = nir.Flatten({"input": None}, 0)
    nodes = {"first": first, "flat": flat, "fc": nir.Linear(weights(3, features)), "fire": fires(3)}
    source = from_nir(graph(shape, nodes | {"out": nir.Linear(weights(2, 3))}))
    assert source.shape == expected
    assert check_graph(source, None) is not None


def small():
    return {"fc": nir.Linear(weights(3, 4)), "fire": fires(3), "out": nir.Linear(weights(2, 3))}


CHAIN = [("input", "fc"), ("fc", "fire"), ("fire", "out"), ("out", "output")]


def test_nodes_that_lead_to_no_output_are_left_out():
    source = from_nir(graph((4,), small() | {"probe": lif(3)}, [*CHAIN, ("fire", "probe")]))
    assert source.notes == ("nodes that lead to no output were left out: probe",)
    assert source.graph.spiking == ("fire",)
    assert check_graph(source, None) is not None


def nested(*extra):
    """Return a nested graph with a neuron and further nodes."""
    nodes = {"input": nir.Input(np.array([3])), "fire": fires(3), "output": nir.Output({"output": np.array([3])})}
    more = {f"end{i}": node for i, node in enumerate(extra)}
    edges = [("input", "fire"), ("fire", "output"), *(("fire", name) for name in more)]
    return nir.NIRGraph(nodes | more, edges, type_check=False)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (graph((4,), small(), [*CHAIN, CHAIN[1]]), "edge fc -> fire: is listed twice; expected once"),
        (
            graph((4,), small(), [*CHAIN, ("fc", "input")]),
            r"fc -> input: ends at node input \(Input\); expected another",
        ),
        (graph((4,), small(), [*CHAIN, ("output", "fc")]), r"output -> fc: begins at node output \(Output\); expected"),
        (
            graph((4,), small() | {"fire": nested(nir.Output({"output": np.array([3])}))}, CHAIN),
            r"node fire \(NIRGraph\): the nested graph has 2 Output nodes, fire\.output, fire\.end0; expected one",
        ),
        (
            graph((4,), small() | {"fire": nested(), "fire.fire": lif(3)}, [*CHAIN, ("fc", "fire.fire")]),
            r"node fire\.fire: has the name of a node of the nested graph fire; expected different names; rename",
        ),
        (graph((4,), small() | {"fire": nested()}, [*CHAIN[:1], *CHAIN[2:]]), r"node fire \(NIRGraph\): has no input"),
        (
            graph((-4,), small()),
            r"takes inputs of shape \(-4,\); expected .* write the shape of one input into the Input",
        ),
        (graph((4.0, np.inf), small()), "the Input node has no shape"),
        (
            graph((4,), small() | {"fire": nir.IF(full(1, 3), full(0.5, 3), full(0.5, 3))}),
            r"node fire \(IF\): fires above 0\.5 and resets to 0\.5; expected a reset potential below",
        ),
        (
            graph((4,), small() | {"fire": lif(3, 0.5, 0.1, 0)}),
            r"fire \(LIF\): multiplies its input by 0 \(r or w_in\)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_graph_that_has_no_meaning_is_refused(network, message):
    with pytest.raises(ConversionError, match=message):
        from_nir(network)


def test_a_graph_without_an_output():
    network = graph((4,), small())
    del network.nodes["output"], network.edges[-1]
    with pytest.raises(ConversionError, match="the network has no Output node; expected one; write it again with an"):
        from_nir(network)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("stride", (1, 2, 1), "stride is 1, 2, 1; expected one number, or 2, whole and at least 1"),
        ("stride", 1.5, r"stride is 1\.5; expected one number"),
        ("stride", 0, "stride is 0; expected"),
        ("stride", (), "stride is empty; expected"),
        *(("stride", value, "a parameter is missing or damaged") for value in (None, "wide")),
        *(("stride", value, f"stride is {value}; expected one number, or 2, whole") for value in (np.inf, np.nan)),
        ("dilation", -1, "dilation is -1; expected"),
        ("padding", (0, 1, 0, 1), "padding is 0, 1, 0, 1; expected one number, or 2, whole and at least 0"),
        ("padding", "full", "padding is 'full' with a stride of 1; expected numbers"),
        ("groups", 0, "groups is 0; expected one number, whole and at least 1"),
        ("groups", 2, "has 3 output channels in 2 groups; expected a multiple"),
        ("weight", weights(3, 3, 3), r"weights of shape \(3, 3, 3\); expected \(C_out, C_in / groups, kh, kw\)"),
    ],
)
def test_sizes_of_windows_that_have_no_meaning(field, value, message):
    conv = nir.Conv2d(None, weights(3, 2, 3, 3), 1, 0, 1, 1, full(0, 3))
    setattr(conv, field, value)
    with pytest.raises(ConversionError, match=rf"node conv \(Conv2d\): .*{message}"):
        from_nir(graph((2, 5, 5), {"conv": conv, "fire": fires(3, 3, 3)}))


def saved(path, change):
    """Write a file of two nested graphs with a convolution, and change its entries."""
    conv = nir.Conv2d((5, 5), weights(3, 2, 3, 3), 1, 0, 1, 1, full(0.1, 3))
    inner = nir.NIRGraph.from_list(conv, fires(3, 3, 3), type_check=False)
    nodes = {"inner": inner, "flat": nir.Flatten(np.array([3, 3, 3]), 0), "fc": nir.Linear(weights(2, 27))}
    nir.write(path, graph((2, 5, 5), nodes))
    with h5py.File(path, "a") as file:
        change(file["node/nodes"])
    return path


def test_a_convolution_without_its_input_shape_and_bias(tmp_path):
    def change(nodes):
        del nodes["inner/nodes/conv2d/input_shape"], nodes["inner/nodes/conv2d/bias"]

    source = read(saved(tmp_path / "a.nir", change))
    assert not source.graph.nodes["inner.conv2d"].bias.any()
    assert check_graph(source, None) is not None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fc/weight", None, r"node fc \(Linear\): has no weight; expected weight; write the file again"),
        ("fc/gain", 3.0, r"node fc \(Linear\): has an entry 'gain', which NIR does not define; expected weight"),
        ("output/shape", None, r"node output \(Output\): has no shape; expected shape"),
        (
            "inner/nodes/if/r",
            full(1, 2),
            r"node if \(IF\): .*must have the same shape.*; found r \(2,\), v_reset \(3, 3, 3\)",
        ),
    ],
)
def test_entries_of_a_file(name, value, message, tmp_path):
    def change(nodes):
        if name in nodes:
            del nodes[name]
        if value is not None:
            nodes[name] = value

    with pytest.raises(ConversionError, match=message):
        read(saved(tmp_path / "a.nir", change))
