"""Networks, data and helpers shared by the tests of the converters."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.data import ImageSet
from spikelet.engines import create
from spikelet.errors import ConversionError
from spikelet.verify import record_golden
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import images
from spikelet_converters.frontends.windows import averages
from spikelet_converters.source_model.networks import NetworkSpec

SHAPE = (3, 8, 8)
PATTERN_SHAPE = (1, 28, 28)
COLOURS = ("red", "green", "blue")
DIFFERENT_OUTPUTS = "the imported graph (computes other outputs|gives other predictions) "
SIZES = {"vgg9": 8, "resnet20": 8, "resnet18": 8, "vgg16": 32}


def colours(count, name="colours"):
    """Return images (count, 3, 8, 8) of three classes: in each class another colour is bright."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 100, (count, 3, 8, 8))
    images[np.arange(count), labels] += 120
    return ImageSet(images.astype(np.uint8), labels, COLOURS, name)


def patterns(count=40):
    """Return bright images with a pattern for each of four classes."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 4
    images = rng.integers(0, 60, (count, *PATTERN_SHAPE))
    for k in range(4):
        images[labels == k, :, 7 * k : 7 * k + 7] += 190
    return ImageSet(images.astype(np.uint8), labels, None, "patterns")


def onnx_file(path, nodes, weights, shape=SHAPE, output="y", batch="N"):
    """Write an ONNX model of some nodes, from `x` to `output`."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", "K"])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def trained_like(model, size=None, seed=0):
    """Return the settings of a reference network, the network with random batch norms, and pixels (4, 3, size, size)."""
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
    """Return the spike count of every neuron over a number of time-steps, by layer."""
    runner = create(graph, engine, graph.spiking)
    runner.reset(len(pixels))
    total = dict.fromkeys(graph.spiking, 0)
    for t in range(steps):
        runner.step(pixels.numpy() if t == 0 else None)
        total = {name: total[name] + runner.spikes(name).astype(np.int64) for name in total}
    return total


def bundle_of(graph, steps=8):
    """Return a bundle of a graph with three random golden inputs."""
    rng = np.random.default_rng(0)
    inputs = rng.integers(graph.input.low, graph.input.high + 1, (3, *graph.input.shape)).astype(np.float32)
    exact = exact_steps(graph) if graph.exact else None
    manifest = Manifest("small", bits=8 if graph.exact else None, exact_steps=exact)
    return Bundle(graph, manifest, record_golden(graph, inputs, steps), "")


def spikes_of(graph, inputs, steps):
    """Return the spikes of every layer at each time-step."""
    runner = create(graph, "numpy", graph.spiking)
    runner.reset(len(inputs))
    spikes = []
    for t in range(steps):
        runner.step(inputs if t == 0 else None)
        spikes.append({name: runner.spikes(name) for name in graph.spiking})
    return spikes


def misread(source, changed):
    """Return a source with the outputs of `source` and the imported graph of `changed`."""
    return replace(changed, predict=source.predict, logits=source.logits, simulate=source.simulate, loop=source.loop)


def misread_averages(monkeypatch):
    """Import averages with a wrong first weight, until the patch is undone."""

    def with_wrong_weight(*arguments, **options):
        windows = averages(*arguments, **options)
        return replace(windows, weights=np.where(np.arange(len(windows.weights)) == 0, 1.06, 1) * windows.weights)

    monkeypatch.setattr(images, "averages", with_wrong_weight)


def smooth_images(shape, count=12):
    """Return smooth images of a shape."""
    rng = np.random.default_rng(5)
    x = np.clip(rng.integers(0, 200, (count, shape[0], 1, 1)) + rng.integers(0, 60, (count, *shape)), 0, 255)
    return ImageSet(x.astype(np.uint8), None, None, "images")


def is_refused(source, data=None):
    """Return whether the comparison refuses the imported graph."""
    try:
        check_graph(source, data)
    except ConversionError as error:
        return re.match(DIFFERENT_OUTPUTS, str(error)) is not None
    return False


def assert_misreading_is_refused(source, changed, data=None):
    """Assert that the comparison accepts the source, and refuses it with the graph of the changed source."""
    assert check_graph(source, data) is not None
    assert is_refused(misread(source, changed), data)
