"""Sections "exact_steps" and "Arithmetic": bounds within which numbers are exact or finite."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from second_reader.network import Network
from second_reader.nodes import NEURONS, Node, Shape, copies
from second_reader.refused import require

LIMIT = 2**24
BEYOND = 2**30  # larger than LIMIT: sums of values clipped to it stay within int64
MOST_STEPS = 2**31 - 1
Whole = npt.NDArray[np.int64]
Range = tuple[Whole, Whole]


def proven_steps(network: Network, bits: int) -> int:
    """Return the proven number of time-steps of an exact network; refuse weights beyond `bits` bits."""
    ranges: dict[str, Range] = {}
    for name, node in network.nodes.items():
        for field in ("weight", "scale"):
            if field in node.arrays:
                least, most = node.arrays[field].min().item(), node.arrays[field].max().item()
                fits = -(2 ** (bits - 1)) <= least and most < 2 ** (bits - 1)
                require(fits, "exactness", f"{name}.{field}: {least} … {most} in {bits} bits")
        inputs = [ranges[source] for source in network.sources[name]]
        shapes = [network.shapes[source] for source in network.sources[name]]
        ranges[name] = _range(node, inputs, shapes)
        require(bool((_largest(ranges[name]) <= LIMIT).all()), "exactness", f"{name} can leave 2^24 in one time-step")
    steps = MOST_STEPS
    for name, node in network.nodes.items():
        if node.kind in NEURONS or node.kind == "Output":
            added = _largest(ranges[network.sources[name][0]])
            spare = np.full(len(added), LIMIT, np.int64)
            if node.kind in NEURONS:
                spare -= np.abs(_whole(node, "v_init")).reshape(-1, copies(node)).max(1) + _whole(node, "theta")
            endless = (added == 0) & (spare >= 0)
            by_channel = np.where(endless, MOST_STEPS, spare // np.maximum(added, 1))
            steps = min(steps, int(by_channel.min()))
    require(steps >= 1, "exactness", "not one time-step is exact")
    return steps


def _range(node: Node, inputs: list[Range], shapes: list[Shape]) -> Range:
    match node.kind:
        case "Input":
            mean, (low, high) = _whole(node, "mean"), (node.attributes["low"], node.attributes["high"])
            assert isinstance(low, int)
            assert isinstance(high, int)
            return np.minimum(np.minimum(low - mean, low), 0), np.maximum(np.maximum(high - mean, high), 0)
        case "Conv2d" | "Linear":
            return _weighted(node, *inputs[0])
        case "Scale":
            scale, (low, high) = _whole(node, "scale"), inputs[0]
            return np.minimum(scale * low, scale * high), np.maximum(scale * low, scale * high)
        case "SumPool2d":
            kernel = node.attributes["kernel"]
            assert isinstance(kernel, tuple)
            area = min(math.prod(kernel), BEYOND)
            return inputs[0][0] * area, inputs[0][1] * area
        case "Add":
            low, high = zip(*inputs, strict=True)
            return np.sum(low, axis=0), np.sum(high, axis=0)
        case "Flatten":
            repeats = shapes[0][1] * shapes[0][2]
            return np.repeat(inputs[0][0], repeats), np.repeat(inputs[0][1], repeats)
        case "IF" | "LIF":
            channels = len(node.arrays["theta"])
            return np.zeros(channels, np.int64), np.full(channels, copies(node), np.int64)
    return inputs[0]


def _weighted(node: Node, low: Whole, high: Whole) -> Range:
    weight, bias = node.arrays["weight"], _whole(node, "bias")
    groups = node.attributes.get("groups", 1)
    assert isinstance(groups, int)
    lows, highs = np.minimum(bias, 0), np.maximum(bias, 0)
    outputs, channels = weight.shape[:2]
    for rows in _portions(outputs, math.prod(weight.shape[1:])):
        values = weight[rows].reshape(-1, channels, math.prod(weight.shape[2:]))
        # [w]⁺ and [w]⁻, summed over the kernel, for each input channel; |w| < 2^16 and 2^28 weights: below 2^44
        positive = np.minimum(np.maximum(values, 0).sum(2, dtype=np.int64), BEYOND)
        negative = np.minimum(-np.minimum(values, 0).sum(2, dtype=np.int64), BEYOND)
        group = np.arange(outputs)[rows] // (outputs // groups)
        columns = group[:, None] * channels + np.arange(channels)
        lows[rows] -= _clipped_sum(positive * -low[columns]) + _clipped_sum(negative * high[columns])
        highs[rows] += _clipped_sum(positive * high[columns]) + _clipped_sum(negative * -low[columns])
    return lows, highs


def _clipped_sum(terms: Whole) -> Whole:
    """Sum of terms of 0 or more over the last axis; clipped far beyond 2^24."""
    sums: Whole = np.minimum(terms, BEYOND).sum(-1)
    return sums


def _portions(rows: int, width: int) -> Iterator[slice]:
    """Yield slices of rows with about 2^16 elements."""
    portion = max(1, 2**16 // width)
    yield from (slice(start, start + portion) for start in range(0, rows, portion))


def _whole(node: Node, field: str) -> Whole:
    return node.arrays[field].astype(np.int64)


def _largest(bounds: Range) -> Whole:
    return np.maximum(-bounds[0], bounds[1])


def check_numbers(network: Network) -> None:
    """Refuse a float32 network whose values could overflow: for each node, an exponent e bounds |value| by 2^e."""
    exponents: dict[str, int] = {}
    for name, node in network.nodes.items():
        inputs = [exponents[source] for source in network.sources[name]]
        exponents[name] = _exponent(node, inputs)
        require(exponents[name] <= 96, "numbers", f"{name}: 2^{exponents[name]}")
        if node.kind in NEURONS:
            theta, v_init = node.arrays["theta"], node.arrays["v_init"]
            with np.errstate(over="ignore"):
                late = node.attributes["reset"] == "subtract-late"
                drops = [theta, theta / node.arrays["decay"]] if late else [theta]
            within = all(drop.min() >= 2.0**-96 and drop.max() <= 2.0**96 for drop in drops)
            require(within and bool(np.abs(v_init).max() <= 2.0**96), "numbers", f"{name}: theta, v_init")


def _exponent(node: Node, inputs: list[int]) -> int:
    match node.kind:
        case "Input":
            return 17
        case "Conv2d" | "Linear":
            weight = node.arrays["weight"]
            summed = inputs[0] + _log(weight) + _ceil_log2(math.prod(weight.shape[1:]))
            return 1 + max(summed, _log(node.arrays["bias"]))
        case "Scale":
            return inputs[0] + _log(node.arrays["scale"])
        case "SumPool2d":
            kernel = node.attributes["kernel"]
            assert isinstance(kernel, tuple)
            return inputs[0] + _ceil_log2(math.prod(kernel))
        case "Add":
            return max(inputs) + _ceil_log2(len(inputs))
        case "LI":
            return inputs[0] + 30
        case "IF" | "LIF":
            return _ceil_log2(copies(node))
    return inputs[0]


def _log(array: npt.NDArray[np.generic]) -> int:
    """Return the smallest whole number L with max |a| <= 2^L; -149 if all elements are 0."""
    largest = max(-float(array.min()), float(array.max()))
    mantissa, exponent = math.frexp(largest)
    return -149 if largest == 0 else exponent - (mantissa == 0.5)


def _ceil_log2(count: int) -> int:
    return (count - 1).bit_length()
