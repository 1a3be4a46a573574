"""NIR files with the annotation of spikelet are imported as the exported bundle."""

import json
from dataclasses import replace

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle_changes import make
from converters_support import bundle_of
from hostile.names import NAMES, renamed
from networks import graphs, small_graph
from spikelet import shipped
from spikelet.bundle import SUFFIX, write
from spikelet.bundle import read as load
from spikelet.cli import main
from spikelet.copies import expand
from spikelet.errors import ConversionError, UsageError
from spikelet.graph import Graph
from spikelet.nodes import LI, LIF, Linear
from spikelet.verify import verify, verify_step
from spikelet_converters.conversion.source import convert_source
from spikelet_converters.exports.nir import export, to_nir
from spikelet_converters.frontends.nir import from_nir, read


@settings(max_examples=40, deadline=None)
@given(graph=graphs(copies=(1, 1, 3)))
def test_every_node_comes_back_from_nir_as_it_was(graph):
    """Copies of neurons come back as channels. Files, which take most of the time, are tested below."""
    imported, graph = from_nir(to_nir(graph)).graph, expand(graph)
    assert dict(imported.nodes) == dict(graph.nodes)
    assert set(imported.edges) == set(graph.edges)


def round_trip(bundle, folder):
    """Return the bundle that is converted from the NIR file of a bundle."""
    export(bundle, folder / "a.nir")
    write(convert_source(read(folder / "a.nir"), "again", bits=None), folder / "a.snnb")
    return load(folder / "a.snnb")


def assert_same_network(bundle, again):
    """Assert equal networks with equal spikes and logits of the golden inputs."""
    assert dict(again.graph.nodes) == dict(bundle.graph.nodes)
    assert set(again.graph.edges) == set(bundle.graph.edges)
    assert again.graph.exact == bundle.graph.exact
    assert again.manifest.bits == bundle.manifest.bits
    assert again.manifest.exact_steps == bundle.manifest.exact_steps
    assert again.manifest.labels == bundle.manifest.labels
    assert verify(replace(again, golden=bundle.golden), "numpy").ok
    if bundle.graph.exact:
        assert verify_step(again).ok


@pytest.mark.parametrize(
    "path", [path for path in shipped.files() if path.suffix == SUFFIX], ids=lambda path: path.stem
)
def test_every_shipped_bundle_is_the_same_after_a_round_trip_through_nir(path, tmp_path):
    bundle = load(path)
    assert_same_network(bundle, round_trip(bundle, tmp_path))


def with_leaks(graph, rng):
    """Return a float32 network with leaky integrators after its first weighted layer and with late resets."""
    nodes, edges = dict(graph.nodes), list(graph.edges)
    for name, node in graph.nodes.items():
        if isinstance(node, LIF) and node.reset == "subtract" and rng.random() < 0.5:
            nodes[name] = replace(node, reset="subtract-late")
    first = next(name for name in graph.order if isinstance(nodes[name], Linear))
    decay = rng.choice(np.array([0.25, 0.9, 1.0], np.float32), graph.shapes[first][0])
    nodes["leak"] = LI(decay)
    edges = [("leak" if a == first else a, b) for a, b in edges] + [(first, "leak")]
    return Graph(nodes, tuple(edges))


@settings(max_examples=25, deadline=None)
@given(data=st.data(), exact=st.booleans(), order=st.permutations(NAMES), seed=st.integers(0, 99))
def test_every_bundle_comes_back_from_nir(data, exact, order, seed, tmp_path_factory):
    """Every kind of node under any name: exact networks stay exact, with their leaks by shifts."""
    graph = data.draw(graphs(exact=exact))
    if not exact:
        graph = with_leaks(graph, np.random.default_rng(seed))
    bundle = make(renamed(graph, order), exact)
    bundle = replace(bundle, manifest=replace(bundle.manifest, labels=tuple(map(str, range(graph.classes)))))
    assert_same_network(bundle, round_trip(bundle, tmp_path_factory.mktemp("nir")))


def test_bits_below_those_of_an_exact_network_are_refused():
    source = from_nir(to_nir(small_graph()))
    assert convert_source(source, "a", bits=None).manifest.bits == 4
    assert convert_source(source, "a", bits=8).manifest.bits == 8
    with pytest.raises(UsageError, match="of integers with weights of 4 bits, which are kept: omit --bits"):
        convert_source(source, "a", bits=3)


def test_the_commands_keep_an_exact_network(tmp_path, capsys):
    """Its leaks are shifts, which a quantised source network cannot have."""
    bundle = bundle_of(small_graph())
    write(bundle, tmp_path / "a.snnb")
    source, target = str(tmp_path / "a.nir"), str(tmp_path / "b.snnb")
    assert main(["export", "nir", str(tmp_path / "a.snnb"), source]) == 0
    assert main(["convert", source, "-o", target, "--float32"]) == 2
    assert "is a network of integers, which is exact; omit --float32" in capsys.readouterr().err
    for options in ([], ["--bits", "8"]):
        assert main(["convert", source, "-o", target, *options]) == 0
        assert dict(load(tmp_path / "b.snnb").graph.nodes) == dict(bundle.graph.nodes)


def test_an_annotation_of_version_1_is_read():
    """Its NIR nodes have a dot in place of the colon."""
    graph = small_graph()
    network = to_nir(graph, version=1)
    assert {"input.mean", "output.scale"} <= set(network.nodes)
    assert dict(from_nir(network).graph.nodes) == dict(graph.nodes)


def test_names_that_collided_in_version_1():
    graph = renamed(small_graph(), ["a", "a.mean", *(f"n{i}" for i in range(20))][: len(small_graph().nodes)])
    assert dict(from_nir(to_nir(graph)).graph.nodes) == dict(graph.nodes)
    with pytest.raises(
        ConversionError, match=r"node a\.mean: two NIR nodes are called 'a\.mean'; export the bundle again"
    ):
        to_nir(graph, version=1)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.pop("graph"),
        lambda note: note.update(version=3),
        lambda note: note.update(graph=[]),
        lambda note: note["values"].update({"if1.theta": [2**40] * 4}),
        lambda note: note["values"].update({"if1.theta": "text"}),
        lambda note: note["dtypes"].update({"if1.theta": "no type"}),
        lambda note: note["dtypes"].update({"none.weight": "int8"}),
        lambda note: note.update(dt="soon"),
        lambda note: note.update(labels=7),
    ],
)
def test_damaged_annotations(change):
    network = to_nir(small_graph())
    note = json.loads(network.metadata["spikelet"])
    change(note)
    network.metadata["spikelet"] = json.dumps(note)
    with pytest.raises(ConversionError, match="the annotation of this NIR file is damaged"):
        from_nir(network)


@pytest.mark.parametrize("exact", [True, False])
def test_a_changed_file_is_read_without_its_annotation(exact, tmp_path):
    graph = small_graph(exact=exact)
    path = tmp_path / "a.nir"
    differences = export(bundle_of(graph), path)
    assert "other readers reset these neurons to zero instead of subtracting" in differences[0]
    assert dict(read(path).graph.nodes) == dict(graph.nodes)
    changed = nir.read(path, type_check=False)
    changed.nodes["if1"].v_threshold *= 2
    source = from_nir(changed)
    assert source.notes[0].startswith("the file was changed after spikelet wrote it")
    assert source.graph.nodes["if1"].reset == "zero"
    assert np.allclose(source.graph.nodes["if1"].theta, 2 * graph.nodes["if1"].theta.astype(float))
