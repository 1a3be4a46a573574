"""NIR networks that are incomplete or damaged end in an error that names the node, never in a stack trace."""

import copy

import numpy as np
import pytest

from spikelet.errors import ConversionError, SpikeletError
from spikelet_converters.frontends.nir import from_nir
from spikelet_converters.frontends.nir.files import load

nir = pytest.importorskip("nir")


def lif(n):
    ones = np.ones(n)
    return nir.LIF(tau=ones * 1e-3, r=ones, v_leak=ones * 0, v_threshold=ones, v_reset=ones * 0)


def network():
    """Return a network: input, linear layer, a nested graph with a neuron, linear layer, output."""
    inner = nir.NIRGraph(
        {"input": nir.Input({"input": np.array([3])}), "lif": lif(3), "output": nir.Output({"output": np.array([3])})},
        [("input", "lif"), ("lif", "output")],
        type_check=False,
    )
    nodes = {
        "input": nir.Input({"input": np.array([4])}),
        "fc1": nir.Affine(np.ones((3, 4)), np.zeros(3)),
        "inner": inner,
        "fc2": nir.Linear(np.ones((2, 3))),
        "output": nir.Output({"output": np.array([2])}),
    }
    edges = [("input", "fc1"), ("fc1", "inner"), ("inner", "fc2"), ("fc2", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def test_the_whole_network_is_read():
    assert from_nir(network()).graph.classes == 2


@pytest.mark.parametrize("name", ["input", "fc1", "inner", "fc2", "output"])
def test_an_absent_node_is_named(name):
    damaged = network()
    del damaged.nodes[name]
    with pytest.raises(ConversionError, match=rf"edge .*there is no node {name}; expected one of|has 0 inputs"):
        from_nir(damaged)


@pytest.mark.parametrize("name", ["input", "output"])
def test_an_absent_end_of_a_nested_graph_is_named(name):
    damaged = network()
    inner = damaged.nodes["inner"]
    del inner.nodes[name]
    inner.edges = [edge for edge in inner.edges if name not in edge]
    with pytest.raises(ConversionError, match=rf"node inner \(NIRGraph\): the nested graph has no {name.title()} node"):
        from_nir(damaged)


PARAMETERS = [("fc1", "weight"), ("fc1", "bias"), ("inner.lif", "tau"), ("inner.lif", "r"), ("inner.lif", "v_leak")]
PARAMETERS += [("inner.lif", "v_threshold"), ("inner.lif", "v_reset"), ("fc2", "weight"), ("input", "input_type")]


@pytest.mark.parametrize("value", [None, "text", np.zeros(0), np.ones(7), np.full(3, np.nan), {}, np.ones((2, 2, 2))])
@pytest.mark.parametrize(("name", "field"), PARAMETERS)
def test_damaged_parameters(name, field, value):
    damaged = network()
    node = damaged
    for part in name.split("."):
        node = node.nodes[part]
    setattr(node, field, copy.deepcopy(value))
    if not (field == "bias" and value is None):  # a linear layer without bias is one
        with pytest.raises(SpikeletError):
            from_nir(damaged)
    vars(node).pop(field)
    if field != "bias":
        with pytest.raises(SpikeletError):
            from_nir(damaged)


def test_every_missing_edge():
    for index in range(4):
        damaged = network()
        del damaged.edges[index]
        with pytest.raises(SpikeletError):
            from_nir(damaged)


def changed(path, name, value):
    h5py = pytest.importorskip("h5py")
    nir.write(str(path), network())
    with h5py.File(path, "a") as file:
        if name in file:
            del file[name]
        if value is not None:
            file[name] = value


@pytest.mark.parametrize(("name", "value", "message"), [
    ("fc1/type", "Foo", "node fc1: has the type Foo, which NIR does not define"),
    ("fc1/type", 3, "node fc1: has the type of a number"),
    ("fc1/type", None, "node fc1: has no type; write the file again"),
    ("a/b/type", "IF", "node a: has no type; a name must not contain '/', as in a/b"),
    ("fc1/weight", np.ones((3, 4), np.complex64), "node fc1: weight has values of type complex64; expected real numbers"),
    ("fc1/weight", "abc", "node fc1: weight is text; expected numbers"),
    ("inner/edges", np.ones((2, 2)), r"node inner: edges have the shape \(2, 2\) and type float64; expected \(E, 2\)"),
    ("inner/edges", None, "node inner: has no edges"),
])  # fmt: skip
def test_a_damaged_file_names_the_node(name, value, message, tmp_path):
    changed(tmp_path / "a.nir", f"node/nodes/{name}", value)
    with pytest.raises(ConversionError, match=f"a\\.nir: {message}"):
        load(tmp_path / "a.nir")


def test_parameters_that_are_not_numbers():
    broken = network()
    broken.nodes["inner"].nodes["lif"].tau = np.full(3, np.nan)
    with pytest.raises(ConversionError, match=r"tau contains NaN or infinity; expected finite numbers"):
        from_nir(broken)
