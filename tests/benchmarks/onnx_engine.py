"""Time of a spiking network relative to its float network in the same runtime: VGG-16 shapes, T = 4.

Both run in ONNX Runtime on one thread, in turn, in one process. Medians and their ratio are printed, of wall-clock time
and of processor time, which depends less on other programs. The spiking network runs step by step, as a stream does, and
in one window, as `Model.run` does. The weights are random and the thresholds chosen for 15% spikes; neither changes the
time of a dense engine. `make bench` runs it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time

import numpy as np
import onnxruntime
from contenders.rates import rate_model
from contenders.shapes import VGG16, network

from spikelet.engines import create
from spikelet.engines.onnx_session import open_session

STEPS = 4


def run(engine, pixels, window):
    engine.reset(len(pixels), window)
    for t in range(STEPS):
        engine.step(pixels if t == 0 else None)


def measure(graph, batch, threads, rounds):
    """Return medians by contender, (wall clock, processor) in ms, and the spike rate."""
    pixels = np.random.default_rng(1).integers(0, 256, (batch, 3, 32, 32)).astype(np.float32)
    rate = open_session(rate_model(graph), threads)
    stream, windowed = (create(graph, "onnx", (), threads) for _ in range(2))
    contenders = {
        "float": lambda: rate.run(None, {"input": pixels}),
        "step by step": lambda: run(stream, pixels, None),
        "window": lambda: run(windowed, pixels, STEPS),
    }
    times = {name: [] for name in contenders}
    for round_ in range(rounds + 2):
        for name, call in contenders.items():
            if batch < 8:
                call()  # load the weights into the caches, which the previous contender used
            wall, own = time.perf_counter(), time.process_time()
            call()
            if round_ >= 2:
                times[name].append(((time.perf_counter() - wall) * 1000, (time.process_time() - own) * 1000))
    counts = windowed.spike_counts()
    fired = sum(int(count.sum()) for count in counts.values())
    medians = {name: tuple(map(statistics.median, zip(*samples, strict=True))) for name, samples in times.items()}
    return medians, fired / (batch * sum(graph.neurons(name) for name in counts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31, help="at batch 1; fewer for larger batches")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    graph = network(VGG16, 0.15)
    if not args.json:
        print(
            f"VGG-16 shapes, T = {STEPS}, {args.threads} thread(s), ONNX Runtime {onnxruntime.__version__}, "
            f"{platform.machine()}, alternating, medians"
        )
    for batch in args.batch:
        rounds = max(5, args.rounds // batch)
        medians, rate = measure(graph, batch, args.threads, rounds)
        for name, (wall, own) in medians.items():
            ratio, own_ratio = wall / medians["float"][0], own / medians["float"][1]
            result = {"batch": batch, "rounds": rounds, "contender": name, "ms": wall, "ratio": ratio}
            if args.json:
                print(json.dumps(result | {"processor_ms": own, "processor_ratio": own_ratio, "spike_rate": rate}))
            else:
                print(
                    f"batch {batch}, {name}: {wall:.2f} ms, ratio {ratio:.2f}; of processor time {own:.2f} ms, "
                    f"{own_ratio:.2f} (last step's spike rate {rate:.1%}, {rounds} rounds)"
                )


if __name__ == "__main__":
    main()
