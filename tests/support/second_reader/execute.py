"""Section "What each node computes", node by node and not optimised."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from second_reader.network import Network
from second_reader.nodes import Node, copies

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Run:
    """Result of an execution.

    Attributes:
        logits: (T, N, K) of each single time-step.
        spikes: By layer, (T, N, neurons) bool.
        potentials: By IF, LIF or LI, (T, N, neurons) after the reset.
        distances: By layer, (T, N, neurons), |v - theta| before the reset, relative to theta + the largest |v| + the largest
            |current|.
    """

    logits: Values
    spikes: dict[str, npt.NDArray[np.bool_]]
    potentials: dict[str, Values]
    distances: dict[str, npt.NDArray[np.float64]]


def execute(network: Network, inputs: Values, steps: int, wide: bool = False) -> Run:
    """Run a network.

    Args:
        network: The network.
        inputs: (1, N, *shape) for a constant input, or (T, N, *shape) with an input for each time-step.
        steps: T.
        wide: Compute a float32 network in float64.
    """
    kind = np.dtype(np.int64 if network.exact else np.float64 if wide else np.float32)
    samples = inputs.shape[1]
    # (N, …) of every stateful node
    states = {
        name: _start(node, (samples, *network.population(name)), kind)
        for name, node in network.nodes.items()
        if node.kind in ("IF", "LIF", "LI")
    }
    record: dict[str, list[Values]] = {}
    for t in range(steps):
        values: dict[str, Values] = {}
        for name, node in network.nodes.items():
            inputs_of_node = [values[source] for source in network.sources[name]]
            if node.kind == "Input":
                mean = _channels(node.arrays["mean"].astype(kind), len(network.shapes[name]))
                values[name] = inputs[t if len(inputs) > 1 else 0].astype(kind) - mean
            elif name in states:
                fired, states[name], distance = _neuron(node, states[name], inputs_of_node[0])
                values[name] = _output(node, fired)
                _record(record, f"s {name}", fired != 0)
                _record(record, f"v {name}", states[name])
                _record(record, f"d {name}", distance)
            else:
                values[name] = _stateless(node, inputs_of_node, network.shapes[name])
        _record(record, "logits", values[network.output])
    stacked = {key: np.stack(parts) for key, parts in record.items()}
    return Run(
        stacked["logits"],
        {name: stacked[f"s {name}"].astype(bool) for name in network.spiking},
        {name: stacked[f"v {name}"] for name in states},
        {name: stacked[f"d {name}"].astype(np.float64) for name in network.spiking},
    )


def answers(run: Run) -> npt.NDArray[np.int64]:
    """Return (T, N) predictions: the first class with the largest sum of logits up to a time-step, before any scale."""
    wide = np.int64 if run.logits.dtype.kind == "i" else np.float64
    sums = np.cumsum(run.logits.astype(wide), axis=0)
    result = np.zeros(sums.shape[:2], np.int64)
    for k in range(1, sums.shape[2]):
        best = np.take_along_axis(sums, result[..., None], 2)[..., 0]
        result[sums[..., k] > best] = k
    return result


def _record(record: dict[str, list[Values]], key: str, value: Values) -> None:
    record.setdefault(key, []).append(value.reshape(len(value), -1).copy())


def _channels(values: Values, axes: int) -> Values:
    """Reshape (C,) values to broadcast against (N, C, …) with `axes` axes after N."""
    return values.reshape(-1, *(1,) * (axes - 1))


def _start(node: Node, shape: tuple[int, ...], kind: np.dtype[np.generic]) -> Values:
    potential = np.zeros(shape, kind)
    return potential + _channels(node.arrays["v_init"].astype(kind), len(shape) - 1) if node.kind != "LI" else potential


def _neuron(node: Node, v: Values, current: Values) -> tuple[Values, Values, Values]:
    """Return (spikes of all copies, potential after the reset, distance from the threshold) of a time-step."""
    current = np.repeat(current, copies(node), axis=1)
    array = {
        field: _channels((a if field == "v_init" else np.repeat(a, copies(node))).astype(v.dtype), v.ndim - 1)
        for field, a in node.arrays.items()
    }
    if "decay" in array:
        v = v - (v >> array["decay"]) if v.dtype.kind == "i" else v * array["decay"]
    v = v + current
    if node.kind == "LI":
        return v, v, np.zeros(v.shape)
    theta = array["theta"]
    fired = v >= theta if node.attributes["tie"] == ">=" else v > theta
    largest = np.abs(v).max(initial=0) + np.abs(current).max(initial=0)
    distance = np.abs(v.astype(np.float64) - theta) / (theta.astype(np.float64) + largest)
    match node.attributes["reset"]:
        case "zero":
            v = np.where(fired, np.zeros_like(v), v)
        case "subtract":
            v = v - theta * fired
        case _:
            drop = node.arrays["theta"] / node.arrays["decay"]  # in float32, as docs/bundle.md states
            v = v - _channels(np.repeat(drop, copies(node)).astype(v.dtype), v.ndim - 1) * fired
    return fired.astype(v.dtype), v, distance


def _output(node: Node, fired: Values) -> Values:
    """Return the output (N, C, …) of a layer: the number of copies of a neuron that fired, or the value of an LI."""
    return np.add.reduceat(fired, np.arange(0, fired.shape[1], copies(node)), axis=1, dtype=fired.dtype)


def _stateless(node: Node, inputs: list[Values], shape: tuple[int, ...]) -> Values:
    x = inputs[0]
    match node.kind:
        case "Conv2d":
            return _convolution(node, x, shape)
        case "Linear":
            return _product(x, node.arrays["weight"].astype(x.dtype)) + node.arrays["bias"].astype(x.dtype)
        case "SumPool2d":
            kernel, stride = node.attributes["kernel"], node.attributes["stride"]
            assert isinstance(kernel, tuple)
            assert isinstance(stride, tuple)
            parts = [_window(x, (u, w), stride, shape) for u in range(kernel[0]) for w in range(kernel[1])]
            return sum(parts[1:], parts[0])
        case "Scale":
            return x * _channels(node.arrays["scale"].astype(x.dtype), x.ndim - 1)
        case "Add":
            return sum(inputs[1:], x)
        case "Flatten":
            return x.reshape(len(x), math.prod(x.shape[1:]))
    return x


def _product(x: Values, weight: Values) -> Values:
    """Return (N, O), x (N, F) times weight (O, F). float32 is summed in the order of the features, on every machine."""
    if x.dtype.kind == "i":
        return x @ weight.T
    total = np.zeros((len(x), len(weight)), x.dtype)
    for f in range(x.shape[1]):
        total += x[:, f, None] * weight[:, f]
    return total


def _convolution(node: Node, x: Values, shape: tuple[int, ...]) -> Values:
    weight = node.arrays["weight"].astype(x.dtype)
    groups, stride, (down, right) = (node.attributes[key] for key in ("groups", "stride", "padding"))
    assert isinstance(groups, int)
    assert isinstance(stride, tuple)
    outputs, channels, height, width = weight.shape
    padded = np.zeros((*x.shape[:2], x.shape[2] + 2 * down, x.shape[3] + 2 * right), x.dtype)
    padded[:, :, down : down + x.shape[2], right : right + x.shape[3]] = x
    y = np.zeros((len(x), *shape), x.dtype)
    y += _channels(node.arrays["bias"].astype(x.dtype), 3)
    for o in range(outputs):
        first = o // (outputs // groups) * channels
        for c in range(channels):
            for u in range(height):
                for w in range(width):
                    window = _window(padded[:, first + c : first + c + 1], (u, w), stride, shape)
                    y[:, o] += weight[o, c, u, w] * window[:, 0]
    return y


def _window(x: Values, corner: tuple[int, int], stride: tuple[int, int], shape: tuple[int, ...]) -> Values:
    """Return the pixels that one element of a kernel meets, (N, C, H', W')."""
    rows, columns = (slice(corner[i], corner[i] + (shape[1 + i] - 1) * stride[i] + 1, stride[i]) for i in range(2))
    return x[:, :, rows, columns]
