"""Recurrent NIR networks: the delay of loops, the simulation in float32 and float64, and Brian2."""

import json
import re
import warnings
from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

from networks import small_graph
from spikelet.cli import main
from spikelet.engines import create, run
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF
from spikelet_converters.exports.nir import to_nir
from spikelet_converters.frontends.nir import from_nir as to_source
from spikelet_converters.recurrent import brian2
from spikelet_converters.recurrent.comparison import compare, report
from spikelet_converters.recurrent.delays import delayed, ordered
from spikelet_converters.recurrent.reader import from_nir, read
from spikelet_converters.recurrent.simulation import check, simulate

F, HIDDEN, K, DT = 6, 9, 4, 1e-4
RNG = np.random.default_rng(7)
WEIGHTS = {
    "fc1": RNG.normal(0.15, 0.4, (HIDDEN, F)), "b1": RNG.normal(0.1, 0.1, HIDDEN),
    "rec": RNG.normal(0, 0.6, (HIDDEN, HIDDEN)), "b_rec": RNG.normal(0, 0.1, HIDDEN),
    "fc2": RNG.normal(0.2, 0.5, (K, HIDDEN)), "b2": RNG.normal(0, 0.1, K),
}  # fmt: skip


def command(*arguments):
    return main([str(argument) for argument in arguments])


def cuba(n, alpha, beta, theta=1.0, reset=0.0):
    """I = alpha I + x, v = beta v + I, as the NIR paper's networks are written."""
    full = np.ones(n)
    return nir.CubaLIF(
        tau_syn=full * DT / (1 - alpha), tau_mem=full * DT / (1 - beta), r=full / (1 - beta), v_leak=full * 0,
        v_threshold=full * theta, v_reset=full * reset, w_in=full / (1 - alpha),
    )  # fmt: skip


def ends(inputs, outputs):
    return {"input": nir.Input({"input": np.array([inputs])}), "output": nir.Output({"output": np.array([outputs])})}


def braille(nested=False):
    """The form of the Braille network of the NIR paper: Affine, recurrent CubaLIF, Affine, CubaLIF."""
    lif1, rec = cuba(HIDDEN, 0.6, 0.8), nir.Affine(WEIGHTS["rec"], WEIGHTS["b_rec"])
    loop = [("lif", "w_rec"), ("w_rec", "lif")]
    nodes = ends(F, K) | {
        "fc1": nir.Affine(WEIGHTS["fc1"], WEIGHTS["b1"]), "fc2": nir.Affine(WEIGHTS["fc2"], WEIGHTS["b2"]),
        "lif2": cuba(K, 0.5, 0.7),
    }  # fmt: skip
    edges = [("input", "fc1"), ("fc2", "lif2"), ("lif2", "output")]
    if nested:
        inner = nir.NIRGraph(
            ends(HIDDEN, HIDDEN) | {"lif": lif1, "w_rec": rec}, [("input", "lif"), *loop, ("lif", "output")],
            type_check=False,
        )  # fmt: skip
        nodes["lif1"] = inner
        return nir.NIRGraph(nodes, [*edges, ("fc1", "lif1"), ("lif1", "fc2")], type_check=False)
    nodes |= {"lif": lif1, "w_rec": rec}
    return nir.NIRGraph(nodes, [*edges, *loop, ("fc1", "lif"), ("lif", "fc2")], type_check=False)


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(1).integers(0, 2, (60, 5, F)).astype(np.float32)


def by_hand(frames):
    """The spikes of both layers: the recurrent input is the output of the time-step before."""
    w = WEIGHTS
    i1 = v1 = s1 = np.zeros((frames.shape[1], HIDDEN))
    i2 = v2 = np.zeros((frames.shape[1], K))
    first, second = [], []
    for x in frames.astype(np.float64):
        i1 = 0.6 * i1 + x @ w["fc1"].T + w["b1"] + s1 @ w["rec"].T + w["b_rec"]
        v1 = 0.8 * v1 + i1
        s1 = (v1 > 1).astype(float)
        v1 = v1 * (1 - s1)
        i2 = 0.5 * i2 + s1 @ w["fc2"].T + w["b2"]
        v2 = 0.7 * v2 + i2
        s2 = (v2 > 1).astype(float)
        v2 = v2 * (1 - s2)
        first.append(s1)
        second.append(s2)
    return np.stack(first), np.stack(second)


def test_the_network_of_the_paper_by_hand(frames):
    network = from_nir(braille())
    assert network.loops == [("lif", "lif")]
    check(network)
    expected = by_hand(frames)
    assert 0.1 < expected[0].mean() < 0.9
    for dtype in (np.float32, np.float64):
        spikes = simulate(network, frames, dtype).outputs
        assert spikes["lif"].dtype == dtype
        assert np.array_equal(spikes["lif"], expected[0])
        assert np.array_equal(spikes["lif2"], expected[1])


def test_a_nested_graph_is_the_same_network(frames):
    flat, nested = (simulate(from_nir(braille(nested)), frames) for nested in (False, True))
    assert np.array_equal(flat.outputs["lif"], nested.outputs["lif1.lif"])
    assert np.array_equal(flat.outputs["output"], nested.outputs["output"])


def test_brian2_fires_the_same_spikes(frames):
    network = from_nir(braille())
    compared = compare(network, frames)
    assert compared.ok
    assert [(layer.differing_spikes, layer.drifts) for layer in compared.layers] == [(0, 0), (0, 0)]
    assert all(layer.spikes > 100 for layer in compared.layers)
    assert compared.predictions == by_hand(frames)[1].sum(0).argmax(1).tolist()
    theirs, ours = brian2.simulate(network, frames), simulate(network, frames, np.float64)
    assert np.abs(theirs.before["lif"] - ours.before["lif"]).max() < 1e-12


FAULTS = {
    "no recurrence": lambda c: replace(c, weight=c.weight * 0) if c.delayed else c,
    "transposed": lambda c: replace(c, weight=c.weight.T) if c.delayed else c,
    "one weight": lambda c: replace(c, weight=c.weight + 0.01 * np.eye(HIDDEN)) if c.delayed else c,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_real_difference(fault, frames):
    network = from_nir(braille())
    layers = [replace(layer, inputs=tuple(map(FAULTS[fault], layer.inputs))) for layer in network.layers]
    wrong = replace(network, layers=tuple(layers))
    compared = report(network, frames, simulate(wrong, frames), simulate(network, frames, np.float64), "", 1e-5)
    assert not compared.ok
    assert compared.layers[0].real + compared.layers[0].drifts > 0
    with pytest.raises(ConversionError, match="the layers compute other outputs than the nodes of the file"):
        check(wrong)


def test_ties_and_what_follows_them_are_not_real():
    """0.2, as a float32, added five times is 1 in float32 and above it in float64."""
    one = np.ones(1)
    nodes = ends(1, 1) | {"if": nir.IF(one, one), "rec": nir.Linear(np.array([[0.3]]))}
    edges = [("input", "if"), ("if", "rec"), ("rec", "if"), ("if", "output")]
    compared = compare(
        from_nir(nir.NIRGraph(nodes, edges, type_check=False)), np.full((40, 2, 1), 0.2, np.float32), 1e-5
    )
    (layer,) = compared.layers
    assert (layer.ties, layer.real, layer.drifts) == (2, 0, 0)
    assert layer.after_ties > 0
    assert compared.ok


def test_the_expressed_export_fires_the_spikes_of_the_bundle():
    """Reset by subtraction as feedback: the recurrent form that `export nir --form expressed` writes."""
    graph = small_graph(1)
    leaky = graph.nodes["if3"]
    graph = Graph(
        {**graph.nodes, "if3": IF(leaky.theta, leaky.v_init, leaky.reset, leaky.tie)}, graph.edges
    )  # fmt: skip
    network = from_nir(to_nir(graph, "expressed"), dt=DT)
    assert network.loops
    inputs = np.random.default_rng(2).integers(graph.input.low, graph.input.high + 1, (1, 3, *graph.input.shape))
    engine = create(graph, "numpy")
    expected = np.stack([logits.copy() for _, logits in run(engine, inputs.astype(np.float32), 12)])
    traces = simulate(network, np.repeat(inputs, 12, 0), np.float64)
    assert np.array_equal(traces.outputs[network.layers[-1].name], expected * graph.output.scale)


def edges_of(*names):
    return [(text[0], text[1]) for text in names]


def test_the_edge_that_closes_a_loop_is_late():
    names = list("iabcdwo")
    assert delayed(names, edges_of("ia", "aw", "wa", "ao"), "a", "i") == {("a", "w")}
    assert delayed(names, edges_of("ia", "aa", "ao"), "a", "i") == {("a", "a")}
    two = edges_of("ia", "ab", "bw", "wa", "bo")
    assert delayed(names, two, "ab", "i") == {("b", "w")}
    mutual = edges_of("ia", "ib", "ab", "ba", "ao", "bo")
    assert delayed(names, mutual, "ab", "i") == {("a", "b"), ("b", "a")}
    assert ordered("iaw", edges_of("ia", "aw", "wa"), {("a", "w")}).index("i") < 2
    for order in (two, two[::-1]):
        assert delayed(names, order, "ba", "i") == {("b", "w")}


def test_loops_without_one_delay_are_refused():
    with pytest.raises(ConversionError, match="form a loop without a neuron"):
        delayed("iavwo", edges_of("iv", "vw", "wv", "wa", "ao"), "a", "i")
    with pytest.raises(ConversionError, match=r"edge b -> w: leads back to a and on to c, so that it has no single"):
        delayed("iabcwo", edges_of("ia", "ab", "bw", "wa", "wc", "cb", "co"), "abc", "i")


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ({"c": nir.IF(np.ones(F), np.ones(F)), "d": nir.Linear(np.ones((F, F)))}, ["ic", "co", "dd"], "d .* not connected|d form a loop"),
        ({"c": nir.Delay(np.ones(F))}, ["ic", "co"], r"node c \(Delay\): only a delay of 0 is read"),
        ({"c": nir.LIF(np.ones(F) * 1e-5, np.ones(F), np.zeros(F), np.ones(F))}, ["ic", "cc", "co"], "node c .LIF.: a time constant of 1e-05 s"),
        ({"c": nir.IF(np.ones(F), np.ones(F)), "d": nir.Linear(np.ones((3, F)))}, ["ic", "cd", "dc", "co"], "node c: its inputs have the shapes"),
        ({"c": nir.IF(np.ones(2), np.ones(2))}, ["ic", "cc", "co"], "node c .IF.: a parameter is missing or damaged"),
        ({"c": nir.Input(np.array([F]))}, ["io", "co"], "the network has 2 inputs; expected one Input node"),
    ],
)  # fmt: skip
def test_what_has_no_form_is_named(nodes, edges, message):
    names = {"i": "input", "o": "output"}
    network = nir.NIRGraph(
        ends(F, F) | nodes, [(names.get(a, a), names.get(b, b)) for a, b in edges], type_check=False
    )  # fmt: skip
    with pytest.raises(ConversionError, match=message):
        from_nir(network)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("nir") / "braille.nir"
    nir.write(path, braille())
    return path


class TestCommand:
    def test_on_an_input(self, file, tmp_path, frames, capsys):
        np.save(tmp_path / "x.npy", frames)
        assert command("validate", file, tmp_path / "x.npy", "--json", "-o", tmp_path / "r.json") == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts == json.loads((tmp_path / "r.json").read_text())
        assert facts["loops"] == [["lif", "lif"]]
        assert facts["outputs"] == by_hand(frames)[1].sum(0).tolist()
        assert (facts["steps"], facts["samples"]) == (60, 5)

    def test_on_random_spikes(self, file, capsys):
        assert command("validate", file, "--images", 2, "--steps", 10) == 0
        text = capsys.readouterr().out
        assert "2 samples, 10 time-steps of 0.0001 s" in text
        assert "recurrent connections, one time-step late: lif -> lif" in text
        assert "spikes: no differences except at ties" in text

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--neurons", 3], "--neurons: is an option for bundles"),
            (["-o", "a.html"], "the report of a NIR file is written as .json"),
            (["--dt", 0], "--dt: expected a number above 0"),
            (["--dt", 1], "a time constant of .* s does not fit time-steps of 1 s"),
        ],
    )
    def test_refusals(self, file, options, message, capsys):
        assert command("validate", file, *options) != 0
        assert re.search(message, capsys.readouterr().err)

    def test_other_arrays(self, file, tmp_path, frames, capsys):
        np.save(tmp_path / "x.npy", frames[..., :3])
        assert command("validate", file, tmp_path / "x.npy") != 0
        assert "an array of shape (60, 5, 3); the network takes time-steps (T, N, 6) or (T, 6)" in (
            capsys.readouterr().err
        )
        np.save(tmp_path / "y.npy", frames[:, 0])
        assert command("validate", file, tmp_path / "y.npy", "--json") == 0
        assert json.loads(capsys.readouterr().out)["samples"] == 1


def test_a_bundle_has_no_recurrence():
    with pytest.raises(ConversionError, match=r"`spikelet validate FILE.nir` simulates it in float32 and in Brian2"):
        to_source(braille())


def test_the_spikes_of_snntorch(frames):
    """The neurons of snnTorch, whose spikes a linear layer returns to them at the next time-step.

    RSynaptic is not used: with `reset_delay=False` it resets the state that it was given, not the new one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import snntorch
    reset = {"reset_mechanism": "zero", "reset_delay": False}
    first, second = snntorch.Synaptic(alpha=0.6, beta=0.8, **reset), snntorch.Synaptic(alpha=0.5, beta=0.7, **reset)
    w = {name: torch.from_numpy(values).float() for name, values in WEIGHTS.items()}
    spikes, current, potential = (torch.zeros(frames.shape[1], HIDDEN) for _ in range(3))
    current2 = potential2 = torch.zeros(frames.shape[1], K)
    outputs = []
    for x in torch.from_numpy(frames):
        total = x @ w["fc1"].T + w["b1"] + spikes @ w["rec"].T + w["b_rec"]
        spikes, current, potential = first(total, current, potential)
        spikes2, current2, potential2 = second(spikes @ w["fc2"].T + w["b2"], current2, potential2)
        outputs.append(spikes2.numpy())
    assert np.array_equal(simulate(from_nir(braille()), frames).outputs["lif2"], np.stack(outputs))


def test_a_file_is_checked_before_it_is_read(tmp_path, monkeypatch):
    """As `convert` does: the sizes that the file declares are compared with what it stores."""
    h5py = pytest.importorskip("h5py")
    nir.write(tmp_path / "a.nir", braille())
    with h5py.File(tmp_path / "a.nir", "r+") as file:
        file.create_dataset("node/extra", shape=(1 << 20, 1 << 20), dtype="f4", chunks=(1024, 1024), compression="gzip")
    monkeypatch.setattr(nir, "read", None)
    with pytest.raises(ConversionError, match="declares 4,398,046,511,104 bytes, of which 0 are stored"):
        read(tmp_path / "a.nir")
    (tmp_path / "b.nir").write_bytes(b"junk")
    with pytest.raises(ConversionError, match=r"b\.nir: not a NIR file that can be read"):
        read(tmp_path / "b.nir")
