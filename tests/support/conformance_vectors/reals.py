"""Vectors of float32 networks. Unless the name says otherwise all values are sums of few powers of two.

No operation rounds then, so that every order of summation gives the same spikes and the same logits.
"""

from __future__ import annotations

import numpy as np

from conformance_vectors.sketch import Sketch, numbers
from conformance_vectors.vector import Pixels, Vector, vector


def eighths(seed: str, shape: tuple[int, ...], least: int = -16, most: int = 16) -> Pixels:
    """Return random multiples of 1/8, float32, between least / 8 and most / 8."""
    return (numbers(seed, shape, least, most) / 8).astype(np.float32)


PIXELS = np.array([[0, 1, 5, 9, 10, 11, 25, 100], [10, 20, 30, 40, 50, 60, 70, 80]]) / np.float32(8)


def row(theta: object, v_init: object = None, steps: int = 6, **options: object) -> Vector:
    """Return a network of eight neurons, each with a pixel as its current, and a readout."""
    net = Sketch((8,), exact=False)
    net.neuron("spikes", theta, v_init, **options)  # type: ignore[arg-type]
    return Vector(net.readout("fc", eighths("a", (3, 8)), [0.5, 0, -0.25]), PIXELS, steps)


@vector("float32-if", "float32: IF, ties, potentials that are not integers")
def _if() -> Vector:
    return row([1.25, 0.125, 0.625, 1.0, 2.5, 1.5, 0.5, 10], [0.5, -1, 0, 0.25, 0, 0, 0, 0])


@vector("float32-if-tie-waits", 'float32: IF, tie ">", reset to zero')
def _tie() -> Vector:
    return row([1.25, 0.125, 0.625, 1.125, 2.5, 1.375, 3.125, 10], tie=">", reset="zero")


@vector("float32-lif", "float32: LIF, decay times v, reset by subtraction")
def _lif() -> Vector:
    return row([1.25] * 8, decay=[0.5, 0.75, 0.875, 0.25, 0.5, 0.75, 0.875, 1])


@vector("float32-lif-zero", "float32: LIF with reset to zero")
def _lif_zero() -> Vector:
    return row([1.25] * 8, decay=[0.5, 0.75, 0.875, 0.25, 0.5, 0.75, 0.875, 0.5], reset="zero")


@vector(
    "float32-lif-subtract-late", "float32: LIF, theta is subtracted after the next leak, that is theta / decay at once"
)
def _late() -> Vector:
    return row([1.25] * 8, decay=[0.5, 0.25, 0.5, 0.25, 1, 0.5, 0.25, 0.125], reset="subtract-late")


@vector("float32-lif-decay-1", "float32: a LIF of decay 1 is an IF")
def _no_leak() -> Vector:
    return row([1.25] * 8, decay=[1] * 8)


@vector("float32-li-synapse", "float32: LI between a Linear and its neurons, a current that decays; v[0] = 0")
def _synapse() -> Vector:
    net = Sketch((4,), exact=False, high=2)
    net.linear("fc1", eighths("a", (5, 4)), eighths("b", (5,)))
    net.add("LI", "current", {"decay": np.array([0.5, 0.75, 0.25, 1, 0.5], np.float32)})
    net.neuron("spikes", [1, 2, 3, 1.5, 2.5], decay=[0.5, 0.5, 0.75, 0.5, 1])
    return Vector(net.readout("fc2", eighths("c", (3, 5))), numbers("p", (3, 4), 0, 2), 6)


@vector("float32-li-readout", "float32: LI before the output: logits are its potentials")
def _readout() -> Vector:
    net = Sketch((8,), exact=False)
    net.neuron("spikes", [1.25] * 8)
    net.linear("fc", eighths("a", (3, 8)))
    net.add("LI", "potentials", {"decay": np.array([0.5, 0.75, 1], np.float32)})
    return Vector(net.output(), PIXELS, 6)


@vector("float32-li-images", "float32: LI on images, one decay per channel")
def _li_images() -> Vector:
    net = Sketch((2, 3, 3), exact=False, high=3)
    net.add("LI", "trace", {"decay": np.array([0.5, 0.25], np.float32)})
    net.neuron("spikes", [3, 2])
    net.add("Flatten", "flatten", {})
    return Vector(net.readout("fc", eighths("a", (2, 18))), numbers("p", (2, 2, 3, 3), 0, 3), 5)


@vector(
    "float32-images", "float32: convolution with groups and stride, pool of area 6, residual block, a mean of float32"
)
def _images() -> Vector:
    net = Sketch((2, 7, 6), mean=[1.5, 0.25], exact=False, high=4)
    net.conv("conv1", eighths("a", (4, 1, 3, 3)), eighths("b", (4,)), stride=(1, 2), padding=(1, 1), groups=2)
    root = net.neuron("first", [1, 2, 3, 4], [0.5, 1, 1.5, 2])
    net.conv("conv2", eighths("c", (4, 4, 3, 3)), padding=(1, 1))
    net.scale("shortcut", [0.5, 1.5, -0.75, 2], (root,))
    net.add("Add", "add", {}, ("conv2", "shortcut"))
    net.neuron("second", [1, 1, 1, 1], decay=[0.5, 0.75, 0.5, 1])
    net.pool("pool", (3, 2), (2, 1))
    net.neuron("third", [2, 2.5, 3, 1])
    net.add("Flatten", "flatten", {})
    size = net.shape[0]
    return Vector(net.readout("fc", eighths("d", (3, size))), numbers("p", (2, 2, 7, 6), 0, 4), 5)


@vector("float32-integer-mean", "float32: a mean stored as integers")
def _mean() -> Vector:
    net = Sketch((4,), mean=np.array([1, -2, 3, 100], np.int16), exact=False)
    net.neuron("spikes", [1.5, 2.5, 100, 20.25])
    return Vector(net.readout("fc", eighths("a", (3, 4))), numbers("p", (3, 4), 0, 255), 5)


@vector("float32-fractional-pixels", "float32: pixels that are not whole numbers")
def _pixels() -> Vector:
    net = Sketch((4,), exact=False, low=-1, high=1)
    net.linear("fc1", eighths("a", (4, 4)))
    net.neuron("spikes", [1.5, 0.25, 1, 0.5])
    return Vector(net.readout("fc2", eighths("b", (3, 4))), eighths("p", (3, 4), -8, 8), 6)


@vector("float32-rounding", "float32: thirds and tenths; sums round, no potential is near its threshold")
def _rounding() -> Vector:
    net = Sketch((6,), mean=[0.1] * 6, exact=False, high=1)
    net.linear("fc1", numbers("a", (5, 6), -9, 9) / 10, numbers("b", (5,), 0, 9) / 30)
    net.neuron("spikes", [0.9, 1.1, 1.3, 0.7, 0.3], [0.2] * 5, decay=[0.9, 0.8, 0.95, 0.7, 0.99])
    return Vector(net.readout("fc2", numbers("c", (3, 5), -9, 9) / 10), numbers("p", (3, 6), 0, 100) / 100, 8)


@vector("float32-large", "float32: weights and thresholds of up to 2^70, close to the bound of 2^96")
def _large() -> Vector:
    net = Sketch((2,), exact=False)
    net.linear("fc1", np.array([[2.0**70, -(2.0**70)], [2.0**60, 2.0**60]]))
    net.neuron("spikes", [2.0**77, 2.0**66], [2.0**76, -(2.0**90)])
    return Vector(
        net.readout("fc2", np.array([[2.0**90, 1], [-(2.0**90), 2]])), np.array([[255, 0], [1, 200], [3, 3]]), 4
    )


@vector("float32-small", "float32: weights and thresholds of 2^-90")
def _small() -> Vector:
    net = Sketch((2,), exact=False)
    net.linear("fc1", np.array([[2.0**-90, -(2.0**-90)], [2.0**-91, 2.0**-91]]))
    net.neuron("spikes", [2.0**-83, 2.0**-84])
    return Vector(net.readout("fc2", [[1, 2], [3, 1]]), np.array([[255, 0], [1, 200], [3, 3]]), 6)


@vector("float32-equal-logits", "float32: the first of equal sums is the prediction")
def _equal() -> Vector:
    net = Sketch((2,), exact=False)
    net.neuron("spikes", [100.5, 100.5])
    return Vector(net.readout("fc", [[0, 0.5], [0.5, 0], [0.25, 0.25]]), np.array([[255, 255], [200, 255], [0, 0]]), 4)


@vector(
    "float32-sequence",
    "float32: a sequence into LIF neurons with reset subtract-late, a decaying current and a readout",
)
def _sequence() -> Vector:
    net = Sketch((6,), exact=False, high=8)
    net.linear("fc1", eighths("a", (5, 6)))
    net.add("LI", "current", {"decay": np.full(5, 0.5, np.float32)})
    net.neuron("spikes", [1, 2, 3, 1.5, 2.5], decay=[0.5, 0.5, 0.25, 0.5, 1], reset="subtract-late")
    net.linear("fc2", eighths("b", (3, 5)))
    net.add("LI", "potentials", {"decay": np.array([0.5, 0.75, 1], np.float32)})
    frames = numbers("frames", (7, 2, 6), 0, 8)
    frames[3] = 0
    return Vector(net.output(), numbers("p", (2, 6), 0, 8), 4, frames=frames)
