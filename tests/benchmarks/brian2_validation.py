"""Time of validation in Brian2: the demo bundle, a random network of the size of vgg16, and two small whole networks.

python tests/benchmarks/brian2_validation.py [BUNDLE]
"""

import sys
from pathlib import Path

import numpy as np

from networks import Builder
from spikelet import bundle as bundles
from spikelet import shipped
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.nodes import IF, Conv2d, Flatten, Linear, SumPool2d
from spikelet_converters.brian2 import validate

VGG16 = (64, 64, "P", 128, 128, "P", 256, 256, 256, "P", 512, 512, 512, "P", 512, 512, 512, "P")
DEMO = Path(__file__).parents[2] / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb"


def network(plan, hidden, size=32, seed=0):
    """Return a random bundle with weights of -60…60, and thresholds with which some of the neurons fire.

    plan: widths of 3x3 convolutions, with "P" for a 2x2 pool. hidden: widths of the linear layers.
    """
    rng = np.random.default_rng(seed)
    net = Builder((3, size, size), rng)
    synapses = 27 * 60**2  # number of terms of a sum times their mean square

    def neuron():
        theta = np.full(net.shape[0], max(1, int(30 * np.sqrt(synapses))), np.int32)
        net.add(f"if{len(net.nodes)}", IF(theta, theta // 2))

    for item in plan:
        if item == "P":
            net.add(f"pool{len(net.nodes)}", SumPool2d((2, 2), (2, 2)))
            continue
        weight = rng.integers(-60, 61, (item, net.shape[0], 3, 3)).astype(np.int8)
        net.add(f"conv{len(net.nodes)}", Conv2d(weight, np.zeros(item, np.int32), padding=(1, 1)))
        neuron()
        synapses = 0.2 * 9 * item
    for width in hidden:
        if len(net.shape) == 3:
            net.add("flatten", Flatten())
        weight = rng.integers(-60, 61, (width, net.shape[0])).astype(np.int8)
        net.add(f"fc{len(net.nodes)}", Linear(weight, np.zeros(width, np.int32)))
        neuron()
        synapses = 0.2 * width
    graph = net.graph(10)
    return Bundle(graph, Manifest("random", bits=8, exact_steps=exact_steps(graph)), None, "")


def report(name, bundle, images, **options):
    validation = validate(bundle, images, steps=8, **options)
    layers = [layer for layer in validation.layers if layer.sample.theta is not None]
    rate = validation.total("spikes") / sum(layer.neurons * validation.images * 8 for layer in layers)
    potential = max(layer.max_potential_difference for layer in validation.layers)
    print(
        f"{name:<28} {validation.mode:<8} {validation.images:>3} images, {sum(layer.neurons for layer in validation.layers):>7,} neurons, "
        f"{validation.total('spikes'):>8,} spikes ({rate:.0%}), {validation.total('differing_spikes')} differing, "
        f"{potential:g} potential difference: {validation.seconds:.1f} s",
        flush=True,
    )
    assert validation.ok


def main():
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO
    demo = bundles.read(path)
    pictures = shipped.images_for(demo.graph.input.shape, demo.manifest.labels).images
    report(path.stem, demo, pictures[:20], neurons=256)
    report("vgg16, random weights", network(VGG16, (4096, 4096)), pictures[:2], neurons=256)
    small = pictures[:4, :, ::4, ::4]
    report("fully connected, --all", network((), (64, 32), 8), small, neurons="all")
    report("convolutions, --all", network((8, "P", 16), (16,), 8), small, neurons="all")


if __name__ == "__main__":
    main()
