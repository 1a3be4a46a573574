"""Vectors of neurons with copies: ir_version 2."""

from __future__ import annotations

import numpy as np

from conformance_vectors.sketch import Sketch, numbers
from conformance_vectors.vector import Members, Vector, vector

CURRENTS = np.array([[0, 1, 5, 9, 10, 11, 25, 100], [10, 20, 30, 40, 50, 60, 70, 80]])


def staggered(theta: list[int], copies: int) -> list[int]:
    """Return the initial potentials theta (2i + 1) / 2k of each copy i of each channel."""
    return [threshold * (2 * i + 1) // (2 * copies) for threshold in theta for i in range(copies)]


def row(copies: int, steps: int, **options: object) -> Vector:
    """Return a network of eight channels, each with a pixel as its current, and a readout."""
    theta = [10, 20, 30, 40, 11, 60, 70, 80]
    net = Sketch((8,), mean=[0, 0, 0, 0, 0, 0, 50, 90])
    net.neuron("spikes", theta, staggered(theta, copies), copies=copies, **options)  # type: ignore[arg-type]
    return Vector(net.readout("fc", numbers("readout", (3, 8), -9, 9), [1, 0, -1]), CURRENTS, steps)


@vector("copies-2", "Two copies of each neuron, at one time-step: 0, 1 or 2 spikes per channel")
def _two() -> Vector:
    return row(2, 1)


@vector("copies-5-time-steps", "Five copies for six time-steps: neuron c·5 + i is copy i of channel c")
def _five() -> Vector:
    return row(5, 6)


@vector("copies-255", "The largest number of copies of a neuron")
def _most() -> Vector:
    theta = [255, 100]
    net = Sketch((2,))
    net.neuron("spikes", theta, staggered(theta, 255), copies=255)
    return Vector(net.readout("fc", [[1, 2], [3, -1]]), np.array([[100, 7], [0, 255]]), 2)


@vector("copies-zero", 'Copies with reset to zero and tie ">"')
def _zero() -> Vector:
    return row(3, 6, reset="zero", tie=">")


@vector("copies-of-lif", "Copies of LIF neurons: each copy leaks by itself")
def _leaky() -> Vector:
    return row(3, 8, decay=[1, 2, 3, 4, 1, 2, 3, 4])


@vector("copies-any-potentials", "Initial potentials of copies in any order, equal to each other and beyond theta")
def _any() -> Vector:
    net = Sketch((2,))
    net.neuron("spikes", [10, 20], [35, -40, 3, 3, 19, 0], copies=3)
    return Vector(net.readout("fc", [[1, 2], [3, -1]]), np.array([[4, 9], [0, 0]]), 5)


@vector("copies-1", "An explicit copies: 1 in a file of ir_version 2, with another layer that has two")
def _one() -> Vector:
    net = Sketch((3,))
    net.neuron("first", [100, 150, 200], staggered([100, 150, 200], 2), copies=2)
    net.linear("fc1", numbers("a", (4, 3), -7, 7))
    net.neuron("second", [9, 9, 9, 9])

    def edit(members: Members) -> Members:
        text = members["manifest.json"].decode()
        plain = '"tie": ">="\n'
        assert text.count(plain) == 1
        written = text.replace(plain, '"tie": ">=",\n    "copies": 1\n')
        return members | {"manifest.json": written.encode()}

    return Vector(net.readout("fc2", numbers("b", (2, 4), -7, 7)), numbers("p", (2, 3), 0, 255), 4, edit=edit)


def _picture(net: Sketch) -> Sketch:
    """Append a convolution with groups, a residual block whose layers differ in copies, a pool, a flattening and a readout."""
    net.conv("conv1", numbers("a", (4, 1, 3, 3), -7, 7), [100, 0, -100, 50], padding=(1, 1), groups=2)
    theta = [500, 600, 700, 400]
    root = net.neuron("first", theta, staggered(theta, 3), copies=3)
    net.conv("conv2", numbers("b", (4, 2, 3, 3), -7, 7), padding=(1, 1), groups=2)
    net.scale("shortcut", [5, 6, 7, -8], (root,))
    net.add("Add", "add", {}, ("conv2", "shortcut"))
    net.neuron("second", [40, 50, 60, 70], staggered([40, 50, 60, 70], 2), copies=2)
    net.add("Add", "both", {}, ("first", "second"))
    net.pool("pool", (2, 2))
    net.neuron("third", [2, 5, 8, 11], staggered([2, 5, 8, 11], 4), copies=4)
    net.add("Flatten", "flatten", {})
    return net.readout("fc", numbers("c", (3, 16), -7, 7))


@vector(
    "copies-images",
    "Copies of the channels of images: theta of a channel, v_init of a copy, both for all pixels; convolution, groups, "
    "pool, residual block, sum of layers with different numbers of copies, flattening; a constant input and a sequence",
)
def _images() -> Vector:
    net = _picture(Sketch((2, 4, 4), mean=[60, 90]))
    return Vector(net, numbers("pixels", (2, 2, 4, 4), 0, 255), 4, frames=numbers("frames", (5, 2, 2, 4, 4), 0, 255))


@vector("copies-exact-steps", "Spikes of copies are added: a value of 0…k per channel in the proof of exact_steps")
def _proof() -> Vector:
    net = Sketch((2,))
    net.linear("fc1", np.array([[16_000, -16_000], [16_000, 0]], np.int16), [3_215, -7])
    net.neuron("spikes", [2**23, 1_000_000], [-100, 5, 70, 0, 2**22, -3], copies=3)
    net.linear("fc2", np.array([[30_000, 1], [-3, 4]], np.int16))
    net.neuron("last", [50_000, 7], [1, 20_000, 3, 4], copies=2)
    return Vector(net.readout("fc3", [[1, 2], [-3, 4]]), np.array([[255, 0], [0, 255], [255, 255]]), 2)


@vector("copies-float32", "Copies in a float32 network")
def _real() -> Vector:
    net = Sketch((2,), exact=False, high=2)
    net.linear("fc", [[3.5, -2], [1, 4.25]], [0.5, -0.25])
    net.neuron("spikes", [2, 3], [0.25, 1, 1.75, 0.5, 1.5, 2.5], copies=3)
    net.linear("fc2", [[0.5, 1], [2, -1]])
    net.neuron("late", [2, 3], [0, 0.5, 1, 0], decay=[0.5, 0.25], reset="subtract-late", copies=2)
    return Vector(net.readout("out", [[1, 2], [4, -1]]), np.array([[1, 2], [2, 0]]), 5)
