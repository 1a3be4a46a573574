"""Vectors of stateful nodes in exact networks (reset, tie, leak, initial potentials), and of the predicted class."""

from __future__ import annotations

import numpy as np

from conformance_vectors.sketch import Sketch, numbers
from conformance_vectors.vector import Vector, vector

CURRENTS = np.array([[0, 1, 5, 9, 10, 11, 25, 100], [10, 20, 30, 40, 50, 60, 70, 80]])


def row(theta: object, v_init: object = None, steps: int = 6, **options: object) -> Vector:
    """Return a network of eight neurons, each with a pixel as its current, and a readout."""
    net = Sketch((8,), mean=[0, 0, 0, 0, 0, 0, 50, 90])
    net.neuron("spikes", theta, v_init, **options)  # type: ignore[arg-type]
    return Vector(net.readout("fc", numbers("readout", (3, 8), -9, 9), [1, 0, -1]), CURRENTS, steps)


@vector("if-subtract", "IF, reset by subtraction: the excess over theta is kept")
def _subtract() -> Vector:
    return row([10] * 8)


@vector("if-zero", "IF, reset to zero: the excess over theta is lost")
def _zero() -> Vector:
    return row([10] * 8, reset="zero")


@vector("if-tie-fires", 'IF, tie ">=": a potential equal to theta fires')
def _tie() -> Vector:
    return row([10, 2, 5, 9, 20, 11, 1, 10], tie=">=")


@vector("if-tie-waits", 'IF, tie ">": a potential equal to theta does not fire')
def _no_tie() -> Vector:
    return row([10, 2, 5, 9, 20, 11, 1, 10], tie=">")


@vector("if-tie-waits-zero", 'IF, tie ">" with reset to zero')
def _no_tie_zero() -> Vector:
    return row([10, 2, 5, 9, 20, 11, 1, 10], tie=">", reset="zero")


@vector(
    "if-initial-potential",
    "v_init below 0, 0, below theta, equal to theta and above it: at most one spike per time-step",
)
def _initial() -> Vector:
    return row([10] * 8, [-40, -1, 0, 9, 10, 11, 35, 70])


@vector("if-initial-potential-zero", "As if-initial-potential, with reset to zero")
def _initial_zero() -> Vector:
    return row([10] * 8, [-40, -1, 0, 9, 10, 11, 35, 70], reset="zero")


@vector("if-channels", "theta and v_init of a channel apply to each of its pixels")
def _channels() -> Vector:
    net = Sketch((3, 2, 3))
    net.neuron("spikes", [100, 200, 300], [50, -100, 299])
    net.add("Flatten", "flatten", {})
    return Vector(net.readout("fc", numbers("a", (2, 18), -5, 5)), numbers("pixels", (2, 3, 2, 3), 0, 255), 5)


@vector(
    "if-into-if", "Spikes of a layer as the current of the next, without a synapse between them, in the same time-step"
)
def _chain() -> Vector:
    net = Sketch((8,))
    net.neuron("first", [10] * 8)
    net.neuron("second", [1, 1, 2, 2, 3, 3, 2, 1], [0, 0, 1, 0, 1, 0, 0, 0])
    return Vector(net.readout("fc", numbers("a", (2, 8), -5, 5)), CURRENTS, 6)


@vector(
    "lif-shifts", "LIF with shifts of 1…24; potentials of both signs: v - floor(v / 2^k) rounds towards minus infinity"
)
def _shifts() -> Vector:
    net = Sketch((8,), mean=[5] * 8)
    net.neuron("spikes", [13] * 8, [-1, -2, -77, 5, 100, -1000, 12, -1], decay=[1, 2, 3, 1, 4, 5, 23, 24])
    return Vector(net.readout("fc", numbers("a", (2, 8), -5, 5)), np.array([[0, 5, 9, 13, 5, 6, 5, 4], [5] * 8]), 12)


@vector("lif-zero", "LIF with reset to zero")
def _lif_zero() -> Vector:
    return row([13] * 8, decay=[1, 2, 3, 4, 1, 2, 3, 4], reset="zero", steps=8)


@vector("lif-tie-waits", 'LIF, tie ">": ties are reached after the leak')
def _lif_tie() -> Vector:
    return row([10, 1, 5, 9, 15, 11, 1, 15], [20, 0, 0, 0, 10, 0, 0, 10], decay=[1] * 8, tie=">", steps=8)


@vector("lif-order", "LIF: leak, add, compare, reset, in this order; a different order gives different spikes")
def _lif_order() -> Vector:
    return row([17] * 8, [16, 16, 12, 33, 7, 40, 17, 18], decay=[1] * 8, steps=8)


@vector("no-spikes", "A layer that never fires: logits are the bias at each time-step")
def _silent() -> Vector:
    return row([1000] * 8, steps=4)


@vector("all-spikes", "A layer that fires at every time-step")
def _saturated() -> Vector:
    net = Sketch((4,), low=10, high=255)
    net.neuron("spikes", [1, 2, 3, 10])
    return Vector(net.readout("fc", [[1, 2, 3, 4], [4, 3, 2, 0]]), np.array([[10, 10, 10, 10], [255, 20, 30, 40]]), 4)


@vector("one-time-step", "T = 1: the prediction after the first time-step")
def _one_step() -> Vector:
    return row([10] * 8, [5] * 8, steps=1)


@vector("equal-logits", "Classes with equal sums: the first of them is predicted, at every time-step")
def _equal() -> Vector:
    net = Sketch((2,))
    net.neuron("spikes", [100, 100])
    net.readout("fc", [[0, 0], [3, 1], [1, 3], [3, 1], [1, 3]], [-1, 0, 0, 0, 0])
    return Vector(net, np.array([[255, 0], [0, 255], [255, 255], [100, 50]]), 4)


@vector("equal-logits-in-the-end", "Sums that differ at first and are equal after T time-steps")
def _equal_in_the_end() -> Vector:
    net = Sketch((2,))
    net.neuron("spikes", [100, 100])
    net.readout("fc", [[0, 6], [2, 0], [0, 3]])
    return Vector(net, np.array([[100, 34], [100, 50], [100, 99]]), 6)


@vector("answer-before-scale", "Output.scale of 2^-64: the prediction is that of the sums, before the scale is applied")
def _tiny_scale() -> Vector:
    case = row([10] * 8)
    case.sketch.nodes[-1]["scale"] = 2.0**-64
    return case


@vector("answer-before-scale-large", "Output.scale of 2^64, sums of both signs")
def _huge_scale() -> Vector:
    case = row([10] * 8)
    case.sketch.nodes[-1]["scale"] = 2.0**64
    return case


@vector("one-class", "One class: the prediction is 0")
def _one_class() -> Vector:
    net = Sketch((3,))
    net.neuron("spikes", [100, 150, 200])
    return Vector(net.readout("fc", [[1, -2, 3]]), numbers("pixels", (2, 3), 0, 255), 4)


@vector("spikes-17-neurons", "17 neurons in 3 bytes: neuron 0 is the highest bit, 7 bits are padding")
def _seventeen() -> Vector:
    net = Sketch((17,))
    net.neuron("spikes", [60 + 20 * i for i in range(17)])
    return Vector(net.readout("fc", numbers("a", (2, 17), -5, 5)), numbers("pixels", (3, 17), 0, 255), 5)


@vector("exact-to-the-limit", "Bounds close to 2^24: golden inputs up to the last proven time-step, the second")
def _limit() -> Vector:
    net = Sketch((2,))
    net.linear("fc1", np.array([[16_000, -16_000], [16_000, 0]], np.int16), [3_215, -7])
    net.neuron("spikes", [2**23, 1_000_000], [-100, 5])
    return Vector(net.readout("fc2", [[1, 2], [-3, 4]]), np.array([[255, 0], [0, 255], [255, 255]]), 2)


@vector("exact-steps-fewer", "exact_steps below the proven number: a runtime stops there")
def _fewer() -> Vector:
    case = row([10] * 8, steps=3)
    return Vector(case.sketch, case.inputs, 3, exact_steps=3)


@vector("large-potentials", "Thresholds and logits beyond 16 bits")
def _large() -> Vector:
    net = Sketch((3,))
    net.linear("fc1", numbers("a", (3, 3), -127, 127), [70_000, 100_000, -50_000])
    net.neuron("spikes", [150_000, 250_001, 99_999])
    return Vector(
        net.readout("fc2", numbers("b", (2, 3), -127, 127), [1_000_000, 999_990]), numbers("p", (3, 3), 0, 255), 9
    )


@vector("sequence-if", "A sequence: another frame at each time-step, into IF neurons")
def _sequence() -> Vector:
    case = row([10] * 8, [5] * 8)
    return Vector(case.sketch, CURRENTS, 6, frames=numbers("frames", (7, 3, 8), 0, 40))


@vector("sequence-lif", "A sequence with frames of zeros, into LIF neurons: the leak continues")
def _sequence_lif() -> Vector:
    case = row([13] * 8, decay=[1, 2, 3, 4, 1, 2, 3, 4])
    frames = numbers("frames", (9, 2, 8), 0, 60)
    frames[[2, 3, 6]] = 0
    return Vector(case.sketch, CURRENTS, 6, frames=frames)


@vector("sequence-images", "A sequence of images: convolution, mean, pool, residual block")
def _sequence_images() -> Vector:
    net = Sketch((2, 4, 4), mean=[60, 90])
    net.conv("conv1", numbers("a", (3, 2, 3, 3), -7, 7), [100, 0, -100], padding=(1, 1))
    root = net.neuron("first", [500, 600, 700], [250, 300, 350])
    net.conv("conv2", numbers("b", (3, 3, 3, 3), -7, 7), padding=(1, 1))
    net.scale("shortcut", [5, 6, 7], (root,))
    net.add("Add", "add", {}, ("conv2", "shortcut"))
    net.neuron("second", [9, 9, 9], decay=[2, 3, 4])
    net.pool("pool", (2, 2))
    net.neuron("third", [2, 2, 2], reset="zero", tie=">")
    net.add("Flatten", "flatten", {})
    net.readout("fc", numbers("c", (3, 12), -7, 7))
    return Vector(net, numbers("pixels", (2, 2, 4, 4), 0, 255), 4, frames=numbers("frames", (6, 2, 2, 4, 4), 0, 255))


@vector("sequence-longer-than-golden", "A sequence of more time-steps than the golden inputs have")
def _sequence_long() -> Vector:
    case = row([10] * 8, steps=1)
    return Vector(case.sketch, CURRENTS, 1, frames=numbers("frames", (20, 1, 8), 0, 40))
