"""Networks that a plan times: the engine evaluates them as it evaluates the bundles that a user converts."""

from dataclasses import replace

import numpy as np

from networks import Builder
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.data import ImageSet
from spikelet.verify import record_golden
from spikelet_converters.conversion.copied_bundle import convert_copies
from spikelet_converters.planning import measure
from spikelet_converters.planning.plan import plan


def test_the_timed_networks_have_the_activity_of_converted_bundles(monkeypatch, tmp_path):
    net = Builder((2, 4, 4), np.random.default_rng(1), exact=True)
    net.conv("conv", 3)
    net.neuron("if1", scale=900)
    net.nodes["if1"] = replace(net.nodes["if1"], v_init=net.nodes["if1"].theta // 2)
    graph, networks = net.graph(), {}
    pixels = np.random.default_rng(0).integers(0, 256, (2, *graph.input.shape)).astype(np.uint8)
    bundle = Bundle(graph, Manifest("network", bits=8, exact_steps=64), record_golden(graph, pixels, 4), "")

    def counted(graph, copies, *arguments):
        networks[copies] = graph
        return measure.count(graph, copies, *arguments)

    monkeypatch.setattr("spikelet_converters.planning.plan.count", counted)
    images = ImageSet(pixels, np.zeros(2, np.int64), None, "random")
    plan(bundle, images, copies=[2, 4], steps=1, timed=True, engine="numpy")
    assert list(networks) == [2, 4]
    for copies, graph in networks.items():
        path = tmp_path / f"{copies}.snnb"
        write(convert_copies(bundle, copies), path)
        assert dict(graph.activity) == dict(read(path).graph.activity)
