"""Pages of networks with copies: the page runs each copy as a channel."""

from dataclasses import replace

import numpy as np
import pytest

from networks import small_graph
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.deploy.web.payload import payload
from spikelet.graph import Graph
from spikelet.lowering.c import HostProgram
from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import costs
from spikelet.nodes import IF
from spikelet.verify import record_golden


@pytest.fixture
def copied():
    graph = small_graph()
    nodes = {
        name: replace(node, copies=3, v_init=np.repeat(node.v_init, 3)) if isinstance(node, IF) else node
        for name, node in graph.nodes.items()
    }
    graph = Graph(nodes, graph.edges)
    golden = record_golden(graph, np.random.default_rng(0).integers(0, 256, (2, 3, 6, 6)).astype(np.float32), 4)
    return Bundle(graph, Manifest("copied", ("ant", "bee", "cat"), 8, exact_steps(graph)), golden, "# copied\n")


def test_layers_and_costs_are_those_of_all_copies(copied):
    graph, program = copied.graph, HostProgram(copied.graph)
    data = payload(copied, program, None)
    layers = data.facts["layers"]
    assert {layer["name"]: tuple(layer["shape"]) for layer in layers} == {
        name: graph.population(name) for name in graph.spiking
    }
    start, by_layer = 0, costs(graph, sites(graph))
    for layer in layers:
        cost, size = by_layer[layer["name"]], graph.neurons(layer["name"])
        assert np.array_equal(data.tensors["costs"][start : start + size], np.moveaxis(cost, 0, -1).reshape(-1))
        start += size
    assert start == len(data.tensors["costs"])


def test_a_page_replays_the_golden_inputs(browser, write, copied):
    browser.open(write(copied, "copied"))
    assert browser.evaluate("(await spikelet, document.documentElement.dataset.golden)") == "pass"
    assert "neurons (k = 3 copies), 8-bit" in browser.evaluate("document.getElementById('facts').textContent")
