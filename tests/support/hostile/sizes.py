"""Small bundles that declare large sizes, in `CASES`.

`tests/runtime/hostile/test_sizes.py` limits the operations and the memory of reading them, `tests/stress` the processor time.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np

from hostile.bundles import ONE, chain, described, pack
from spikelet import graph as graphs
from spikelet.bundle import Bundle, Golden, Manifest
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Output, Scale, SumPool2d

SPIKES = (16, 1, 2**20)  # (T, N, neurons) of the golden data of `golden_of_many_spikes`


def flattened_image() -> bytes:
    """Return a file of a few kilobytes with 2^28 features."""
    nodes, edges = chain(
        input=Input((1, 2**14, 2**14), ONE.astype(np.int16)), if1=IF(ONE, ONE), flat=Flatten(), output=Output()
    )
    return described(nodes, edges)


def padded_pool(pool: SumPool2d, padding: int, **changed: object) -> bytes:
    """Return a pool over an image of padding only; the step model would contain its kernel of ones as constants."""
    nodes, edges = chain(
        input=Input((1, 1, 1), ONE.astype(np.int16)),
        if1=IF(ONE, ONE),
        conv=Conv2d(np.ones((1, 1, 1, 1), np.int8), 0 * ONE, padding=(padding, padding)),
        pool=pool,
        flat=Flatten(),
        output=Output(),
    )
    golden = {
        "input": np.zeros((1, 1, 1, 1), np.int16),
        "logits": np.zeros((1, 1, 1), np.int32),
        "spikes.if1": np.zeros((1, 1, 1), np.uint8),
    }
    return described(nodes, edges, golden=golden, exact_steps=1, **changed)


def golden_of_many_spikes() -> bytes:
    """Return a valid bundle with 16 million spikes: 2 MB in the file, 16 MB as bool."""
    shape = (1, 1024, 1024)
    nodes, edges = chain(
        input=Input(shape, ONE.astype(np.int16)),
        if1=IF(ONE, ONE),
        pool=SumPool2d((1024, 1024), (1, 1)),
        flat=Flatten(),
        output=Output(),
    )
    golden = Golden(
        np.zeros((1, *shape), np.int16), np.zeros((16, 1, 1), np.int32), {"if1": np.zeros(SPIKES, np.bool_)}
    )
    return pack(Bundle(Graph(nodes, tuple(edges)), Manifest("big", bits=8, exact_steps=16), golden, "# big\n"))


def large_kernel(shape: tuple[int, int, int, int]) -> bytes:
    """Return a network with a kernel of millions of weights."""
    weight = np.zeros(shape, np.int8)
    channels = shape[1]
    nodes, edges = chain(
        input=Input((channels, *shape[2:]), np.zeros(channels, np.int16)),
        if1=IF(np.ones(channels, np.int8), np.zeros(channels, np.int8)),
        conv=Conv2d(weight, np.zeros(len(weight), np.int8)),
        flat=Flatten(),
        output=Output(),
    )
    if channels > 2**18:
        nodes.pop("if1")
        nodes["conv"], nodes["if1"] = nodes.pop("conv"), IF(ONE, ONE)
        nodes["flat"], nodes["output"] = nodes.pop("flat"), nodes.pop("output")
        edges = list(pairwise(nodes))
    neurons = int(np.prod(shape[1:])) if nodes["if1"].theta.size > 1 or (shape[0] == 1 and channels == 1) else 1
    golden = {
        "input": np.zeros((1, channels, *shape[2:]), np.int16),
        "logits": np.zeros((1, 1, len(weight)), np.int32),
        "spikes.if1": np.zeros((1, 1, -(-neurons // 8)), np.uint8),
    }
    return described(nodes, edges, golden=golden, exact_steps=1)


def many_channels() -> bytes:
    """Return a network with separate neurons everywhere, for which the proof needs the most memory per byte of the file."""
    count = graphs.MAX_CHANNELS // 8
    nodes = {"input": Input((count,), np.zeros(count, np.int16))}
    nodes |= {f"if{i}": IF(np.ones(count, np.int8), np.zeros(count, np.int8)) for i in range(5)}
    nodes |= {"scale": Scale(np.ones(count, np.int8)), "output": Output()}
    golden = {"input": np.zeros((1, count), np.int16), "logits": np.zeros((1, 1, count), np.int32)}
    golden |= {f"spikes.if{i}": np.zeros((1, 1, count // 8), np.uint8) for i in range(5)}
    return described(nodes, pairwise(list(nodes)), golden=golden, exact_steps=1)


def many_nodes(count: int = graphs.MAX_NODES) -> bytes:
    """Return a chain of `count` nodes; by default, of as many as are permitted."""
    nodes = {"input": Input((1,), ONE.astype(np.int16)), "if": IF(ONE, ONE)}
    nodes |= {f"s{i}": Scale(ONE) for i in range(count - 3)}
    nodes["output"] = Output()
    golden = {
        "input": np.zeros((1, 1), np.int16),
        "logits": np.zeros((1, 1, 1), np.int32),
        "spikes.if": np.zeros((1, 1, 1), np.uint8),
    }
    return described(nodes, pairwise(list(nodes)), golden=golden, exact_steps=1)


HALF = 150  # nodes of each half of `sums_of_sums`


def sums_of_sums(half: int = HALF) -> bytes:
    """Return a network in which every node of one half feeds every node of the other."""
    channels = 3000
    nodes = {
        "input": Input((channels,), np.zeros(channels, np.int16)),
        "if": IF(np.ones(channels, np.int8), np.zeros(channels, np.int8)),
    }
    nodes |= {f"a{i}": Scale(np.ones(channels, np.int8)) for i in range(half)}
    nodes |= {f"b{i}": Add() for i in range(half)}
    nodes |= {"all": Add(), "output": Output()}
    edges = [
        ("input", "if"),
        *(("if", f"a{i}") for i in range(half)),
        *((f"a{i}", f"b{k}") for i in range(half) for k in range(half)),
        *((f"b{k}", "all") for k in range(half)),
        ("all", "output"),
    ]
    golden = {
        "input": np.zeros((1, channels), np.int16),
        "logits": np.zeros((1, 1, channels), np.int32),
        "spikes.if": np.zeros((1, 1, channels // 8), np.uint8),
    }
    return described(nodes, edges, golden=golden, exact_steps=1)


CASES = {
    "flattened image": flattened_image,
    "pool as large as its image": partial(padded_pool, SumPool2d((16001, 16001), (1, 1)), 8000, name="x"),
    "pool whose sums stay exact": partial(padded_pool, SumPool2d((3999, 4001), (3000, 3000)), 3000),
    "golden of many spikes": golden_of_many_spikes,
    "large kernel of one channel": partial(large_kernel, (1, 1, 4096, 4096)),
    "kernel of many input channels": partial(large_kernel, (1, 2**20 - 8, 4, 4)),
    "kernel of one pixel": partial(large_kernel, (2**13, 2**10, 1, 1)),
    "many channels": many_channels,
    "many nodes": many_nodes,
    "sums of sums": sums_of_sums,
}
