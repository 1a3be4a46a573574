"""Small bundles and helpers shared by the tests of the inspector."""

import numpy as np

from networks import Builder
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.data import DataOptions
from spikelet.data.log_mel import LogMel
from spikelet.nodes import Add, Input, Scale, SumPool2d
from spikelet.verify import record_golden
from spikelet_converters.conversion.copies import with_copies
from spikelet_gui.models.jobs import PartialProgress

LABELS = ("ant", "bee", "cat")


def bundle_of(graph, name="small", labels=LABELS):
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (4, *graph.input.shape)).astype(np.uint8)
    manifest = Manifest(name, labels, 8, exact_steps(graph), {"levels": 4})
    return Bundle(graph, manifest, record_golden(graph, inputs, 4), f"# {name}\n")


def plain_graph(seed=0, size=8, channels=3, classes=3):
    """Return a network of IF neurons with reset by subtraction, which has a source activation."""
    net = Builder((channels, size, size), np.random.default_rng(seed))
    net.conv("conv1", 4)
    net.neuron("if1", scale=1500)
    net.add("pool1", SumPool2d((2, 2), (2, 2)))
    net.conv("conv2", 5)
    net.neuron("if2")
    return net.graph(classes)


def sound_bundle():
    """Return a bundle whose inputs are log-mel features of sound, as its provenance states."""
    features = LogMel()
    net = Builder(features.shape, np.random.default_rng(0))
    net.conv("conv1", 4, kernel=(1, 3), padding=(0, 1))
    net.neuron("if1", scale=1500)
    bundle = bundle_of(net.graph(3), "sound")
    bundle.manifest.provenance.update(DataOptions(span=features.span, features=features).provenance)
    return bundle


def event_graph():
    """A network of event counts: two polarities, 8 by 8 pixels, and no spikes without events."""
    net = Builder((2, 8, 8), np.random.default_rng(0))
    net.nodes["input"] = Input((2, 8, 8), np.zeros(2, np.int16))
    net.conv("conv1", 4)
    net.neuron("if1", scale=6)
    net.conv("conv2", 5)
    net.neuron("if2")
    return net.graph(3)


def copied_graph(copies):
    """Return the network of `plain_graph` with copies of the neurons."""
    return with_copies(plain_graph(), copies)


def quiet():
    """Return a progress without listeners."""
    return PartialProgress(lambda done, total: None, lambda: None)


def residual_graph(stages=3, units=3, channels=3, size=8):
    """Return a network of residual units in stages; a unit has two layers and a shortcut, which is scaled or convolved."""
    net = Builder((channels, size, size), np.random.default_rng(0))
    net.conv("conv1", 4)
    start = net.neuron("if1", scale=1500)
    for stage in range(stages):
        for unit in range(units):
            name = f"stages.{stage}.{unit}"
            net.conv(f"{name}.conv1", 4)
            net.neuron(f"{name}.if1", scale=40)
            path = net.conv(f"{name}.conv2", 4)
            net.here = start
            if unit == 0 and stage:
                short = net.conv(f"{name}.shortcut", 4, kernel=(1, 1), padding=(0, 0))
            else:
                short = net.add(f"{name}.scale", Scale(net.integers(1, 5, 4)))
            net.add(f"{name}.add", Add(), (path, short))
            start = net.neuron(f"{name}.if2", scale=40)
    return net.graph(3)
