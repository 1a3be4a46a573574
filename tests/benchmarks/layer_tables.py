"""Tables of the time of each layer in the native engine, beside the least work of its form."""

from __future__ import annotations

import time

import numpy as np

from spikelet.benchmark.layers import layers
from spikelet.lowering.c.layer_forms import AVX512_BYTES
from spikelet.verify import record_golden

HEAD = """
### Time by layer, {title}, native engine, one thread, batch 1

"Operations" are the least operations on vector registers that the form of a layer takes for all time-steps, without the
updates of neurons. "MB" is the size of its weights; a loop that reads 32 MB in order reads {rate:.1f} GB/s here.

| copies, T | layer | form | µs | share | million operations | operations per ns | MB | GB/s |
|---|---|---|---|---|---|---|---|---|"""
REPEATS = 9
BLOCK = 2**25  # bytes


def table(title, settings, images, product_bytes, vector_bytes):
    """Print a table with a row for each layer that takes 1% of the time or more.

    settings: networks by (copies, T). product_bytes: see `LayerForms`. vector_bytes: width of a register.
    """
    print(HEAD.format(title=title, rate=read_rate()))
    for (copies, steps), graph in settings.items():
        work = layers(graph, record_golden(graph, images, steps))
        total = sum(layer["microseconds"] for layer in work)
        for layer in work:
            if layer["microseconds"] < total / 100:
                continue
            operations = least_operations(layer, steps, product_bytes, vector_bytes)
            nanoseconds, size = 1000 * layer["microseconds"], graph.nodes[layer["node"]].weight.size
            cells = [f"{copies}, {steps}", f"`{layer['node']}`", layer["form"], f"{layer['microseconds']:,.0f}"]
            cells += [
                f"{layer['microseconds'] / total:.0%}",
                f"{operations / 1e6:.2f}",
                f"{operations / nanoseconds:.1f}",
            ]
            cells += [f"{size / 1e6:.2f}", f"{size / nanoseconds:.1f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


def least_operations(layer, steps, product_bytes, vector_bytes):
    """Return the least number of operations on vector registers for all time-steps of a run.

    lists: two additions and a shift for each register of 8-bit weights. tables: one addition for 16 sums of four weights.
    counts: a product and an addition for each register, in one instruction with AVX-512 VNNI. image: a product and an
    addition for each register of 16-bit weights, once. dense: a product and an addition for each register of 32-bit weights.
    """
    dense = layer["dense"]
    return {
        "lists": 3 * steps * layer["added"] / vector_bytes,
        "tables": steps * dense / 64,
        "counts": steps * dense * (1 if product_bytes == AVX512_BYTES else 2) / product_bytes,
        "image": 2 * dense / 16,
        "dense": 2 * steps * dense * 4 / vector_bytes,
    }[layer["form"]]


def read_rate():
    """Return the rate at which memory that exceeds the second-level cache is read in order, in GB/s."""
    block, times = b"\2" * BLOCK, []  # zeros that were never written share one page
    for _ in range(REPEATS):
        started = time.perf_counter()
        block.find(b"\1")
        times.append(time.perf_counter() - started)
    return BLOCK / float(np.quantile(times, 0.25)) / 1e9
