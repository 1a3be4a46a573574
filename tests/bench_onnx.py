"""How much slower than its float network a spiking one is, in the same runtime: VGG-16 shapes, batch 1, T = 4.

Both run in ONNX Runtime on one thread, alternating, in one process; medians and their ratio are printed.
The weights are random and the thresholds chosen for plausible spike rates: neither changes the time of a dense
engine. `make bench` runs it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from itertools import pairwise

import numpy as np
import onnxruntime

from spikelet.engines.onnx import OnnxEngine, open_session
from spikelet.graph import Graph
from spikelet.lowering.onnx import rate_model
from spikelet.nodes import IF, Conv2d, Flatten, Input, Linear, Output, SumPool2d

PLAN = (64, 64, "P", 128, 128, "P", 256, 256, 256, "P", 512, 512, 512, "P", 512, 512, 512, "P")
STEPS = 4


def vgg16(hidden: int = 4096) -> Graph:
    """VGG-16 for 3x32x32 with linear layers of 512-4096-4096-10, random 8-bit weights."""
    rng = np.random.default_rng(0)
    nodes = {"input": Input((3, 32, 32), np.array([125, 123, 114], np.int16))}
    channels, spread = 3, 75.0  # of the inputs: pixels about their mean

    def layer(name, weight, make):
        nodes[name] = make(weight, np.zeros(len(weight), np.int32))
        # one standard deviation of the current: about one neuron in seven fires
        theta = np.full(len(weight), int(74 * spread * np.sqrt(weight[0].size)), np.int32)
        nodes[f"if_{name}"] = IF(theta, theta // 2)

    for index, item in enumerate(PLAN):
        if item == "P":
            nodes[f"pool{index}"] = SumPool2d((2, 2), (2, 2))
            spread *= 2
        else:
            weight = rng.integers(-127, 128, (item, channels, 3, 3)).astype(np.int8)
            layer(f"conv{index}", weight, lambda w, b: Conv2d(w, b, (1, 1), (1, 1)))
            channels, spread = item, 0.35  # of spikes at 15 %
    nodes["flatten"] = Flatten()
    for index, (inputs, outputs) in enumerate(((512, hidden), (hidden, hidden))):
        layer(f"fc{index}", rng.integers(-127, 128, (outputs, inputs)).astype(np.int8), Linear)
        spread = 0.35
    nodes["logits"] = Linear(rng.integers(-127, 128, (10, hidden)).astype(np.int8), np.zeros(10, np.int32))
    nodes["output"] = Output()
    names = list(nodes)
    return Graph(nodes, tuple(pairwise(names)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    graph = vgg16()
    pixels = np.random.default_rng(1).integers(0, 256, (1, 3, 32, 32)).astype(np.float32)
    spiking = OnnxEngine(graph, threads=args.threads)
    rate = open_session(rate_model(graph), args.threads)
    times: dict[str, list[float]] = {"float": [], "spiking": []}
    for round_ in range(args.rounds + 3):
        started = time.perf_counter()
        rate.run(None, {"input": pixels})
        between = time.perf_counter()
        spiking.reset(1)
        for t in range(STEPS):
            spiking.step(pixels if t == 0 else None)
        ended = time.perf_counter()
        if round_ >= 3:  # warm
            times["float"].append((between - started) * 1000)
            times["spiking"].append((ended - between) * 1000)
    medians = {name: statistics.median(values) for name, values in times.items()}
    counts = spiking.spike_counts()
    found = {
        "what": f"VGG-16 shapes, batch 1, T = {STEPS}, {args.threads} thread(s), ONNX Runtime {onnxruntime.__version__}",
        "machine": f"{platform.machine()}, {args.rounds} rounds, alternating",
        "float_ms": medians["float"],
        "spiking_ms": medians["spiking"],
        "ratio": medians["spiking"] / medians["float"],
        "spike_rate": sum(int(c[0]) for c in counts.values()) / sum(graph.neurons(name) for name in counts),
    }
    if args.json:
        print(json.dumps(found))
        return
    print(f"{found['what']}; {found['machine']}")
    print(f"float network {found['float_ms']:.2f} ms, spiking {found['spiking_ms']:.2f} ms (medians)")
    print(f"ratio {found['ratio']:.2f}, spike rate {found['spike_rate']:.1%}")


if __name__ == "__main__":
    main()
