"""Time-to-answer against the float network and other frameworks: same machine, same weights, alternating, medians.

Every round warms each contender up and runs it once against the clock; ratios are of medians of one run.
`make bench` runs it where the peers are (.ci/peers); anywhere else, those that are not there are named with the reason.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from shapes import STEPS, VGG9, VGG16, network

from spikelet import bundle
from spikelet.engines import create
from spikelet.engines.onnx import open_session
from spikelet.lowering.onnx.step import rate_model

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
# Speed

Written by `make bench`. All contenders have the same weights, are warmed up and run in turn; figures are medians. "Float network"
is one inference of the source network. "Step by step" is a stream, whose input may end or change at any time-step; in the other
rows of an engine T and the image are known in advance. "ms" is wall-clock time, "CPU ms" processor time. Ratios are to the float
network.
"""
FLOAT = "float network, ONNX Runtime"
SECONDS = 12.0  # for one line of a table: more rounds where they are short
SWEEP_ROUNDS = 40
WARM = 0.02  # seconds that a contender runs, once at least, before it is timed
RATES = (0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.50)


def contenders(graph, pixels, threads, with_peers):
    """name: function of T, and what keeps others from taking part."""
    rate = open_session(rate_model(graph), threads)
    runs = {FLOAT: lambda steps: rate.run(None, {"input": pixels})}
    for name in ("native", "onnx"):
        runs[f"spikelet, {name}"] = ours(create(graph, name, (), threads), pixels)
        runs[f"spikelet, {name}, step by step"] = ours(create(graph, name, (), threads), pixels, stream=True)
    failed = {}
    if with_peers:
        try:
            import torch

            import peers
        except ImportError as error:
            return runs, {"all peers": str(error)}
        torch.set_num_threads(threads)
        tensor = torch.tensor(pixels)
        with torch.inference_mode():
            works, failed = peers.load(graph, tensor)
        for name, run in works.items():
            runs[name] = lambda steps, run=run: inferred(torch, run, tensor, steps)
    return runs, failed


def ours(engine, pixels, stream=False):
    """As `Model.run` runs a constant image, or as a stream does, which may end or change at any time-step."""

    def run(steps):
        engine.reset(len(pixels), None if stream else steps)
        for t in range(steps):
            engine.step(pixels if t == 0 else None)

    return run


def inferred(torch, run, tensor, steps):
    with torch.inference_mode():
        run(tensor, steps)


def medians(runs, steps, seconds=SECONDS):
    """Milliseconds of each contender: by the clock, and of processor time, which other programs disturb less."""
    times = {name: [] for name in runs}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times[FLOAT]) < 3:
        for name, run in runs.items():
            warm(run, steps)
            wall, own = time.perf_counter(), time.process_time()
            run(steps)
            times[name].append(((time.perf_counter() - wall) * 1000, (time.process_time() - own) * 1000))
    by_name = {name: tuple(map(statistics.median, zip(*values, strict=True))) for name, values in times.items()}
    return by_name, len(times[FLOAT])


def warm(run, steps):
    """Bring weights and branches back into the processor's caches, which others have filled."""
    until = time.perf_counter() + WARM
    run(steps)
    while time.perf_counter() < until:
        run(steps)


def rates(graph, pixels, steps):
    """Spike rate of each layer over the time-steps."""
    engine = create(graph, "native")
    engine.reset(len(pixels))
    counts = dict.fromkeys(graph.spiking, 0)
    for t in range(steps):
        engine.step(pixels if t == 0 else None)
        for name, count in engine.spike_counts().items():
            counts[name] += int(count.sum())
    return {name: count / (steps * len(pixels) * graph.neurons(name)) for name, count in counts.items()}


def mean_rate(graph, pixels, steps):
    layer_rates = rates(graph, pixels, steps)
    neurons = {name: graph.neurons(name) for name in layer_rates}
    return sum(layer_rates[name] * neurons[name] for name in layer_rates) / sum(neurons.values())


def compare(what, graph, images, lines, with_peers, seconds):
    """A table of times; lines: (batch, threads, T)."""
    print(f"\n### {what}\n")
    layers = ", ".join(f"{rate:.0%}" for rate in rates(graph, images[:1], 4).values())
    print(f"Spike rates by layer, T = 4: {layers}; {mean_rate(graph, images[:1], 4):.1%} of all neurons.\n")
    print("| batch | threads | T | contender | ms | CPU ms | ratio | CPU ratio |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    failures = {}
    for batch, threads, steps in lines:
        runs, failed = contenders(graph, images[:batch], threads, with_peers)
        failures |= failed
        times, rounds = medians(runs, steps, seconds)
        for name, (wall, own) in sorted(times.items(), key=lambda item: item[1][1]):
            ratios = f"{wall / times[FLOAT][0]:.2f} | {own / times[FLOAT][1]:.2f}"
            print(f"| {batch} | {threads} | {steps} | {name} | {wall:.2f} | {own:.2f} | {ratios} |", flush=True)
        others = [value for name, value in times.items() if name != FLOAT and not name.startswith("spikelet")]
        for engine in ("native", "onnx") if others else ():
            wall, own = (
                min(column) / times[f"spikelet, {engine}"][i] for i, column in enumerate(zip(*others, strict=True))
            )
            factors = f"{wall:.1f} times | {own:.1f} times"
            print(f"| | | | fastest framework / {engine}, {rounds} rounds | | | {factors} |", flush=True)
    for name, reason in failures.items():
        print(f"\n{name} did not take part: {reason}")


def sweep(plan, what, pixels, every):
    """Cost of a time-step by spike rate."""
    print(f"\n### Spike rate, {what}, native engine, one thread, batch 1\n")
    print("| spike rate | CPU ms per time-step | relative to 20 % |")
    print("|---|---|---|")
    graphs = {rate: network(plan, rate) for rate in every}
    engines = {rate: create(graph, "native", (), 1) for rate, graph in graphs.items()}
    times = {rate: [] for rate in every}
    for _ in range(SWEEP_ROUNDS):  # in turn, so that a slow second of the machine falls on all rates
        for rate, engine in engines.items():
            warm(ours(engine, pixels, stream=True), STEPS)
            for _ in range(3):
                times[rate].append(step_cost(engine, pixels))
    costs = {rate: statistics.median(samples) for rate, samples in times.items()}
    for rate, cost in costs.items():
        print(f"| {mean_rate(graphs[rate], pixels, STEPS):.1%} | {cost:.3f} | {cost / costs[0.20]:.2f} |", flush=True)


def step_cost(engine, pixels):
    """Processor time of a time-step, in milliseconds; the image's own current is not a time-step's cost."""
    engine.reset(1)
    engine.step(pixels)
    started = time.process_time()
    for _ in range(STEPS - 1):
        engine.step()
    return (time.process_time() - started) * 1000 / (STEPS - 1)


def machine():
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), model)
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "onnxruntime"))
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {packages}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=ROOT / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb")
    parser.add_argument("--parts", default="demo,vgg16,sweep", help="of: demo, vgg16, sweep")
    parser.add_argument("--quick", action="store_true", help="batch 1, one thread, T = 4 alone")
    parser.add_argument("--rates", default=",".join(map(str, RATES)), help="of the sweep; it needs 0.2")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for one line of a table")
    args = parser.parse_args()
    every = [(1, 1, steps) for steps in (1, 2, 4, 8)] + [(1, 2, 4), (32, 1, 4), (32, 2, 4)]
    lines = [(1, 1, 4)] if args.quick else every
    with np.load(ROOT / "assets" / "spikelet_assets" / "cifar10-500.npz") as shipped:
        images = shipped["images"][:32].astype(np.float32)
    print(f"{HEAD}\n{machine()}")
    if "demo" in args.parts:
        graph = bundle.read(args.bundle).graph
        compare(f"{args.bundle.stem}, trained", graph, images, lines, not args.no_peers, args.seconds)
    if "vgg16" in args.parts:
        graph = network(VGG16, 0.15)
        what = "VGG-16 shapes, random weights, thresholds for 15 %"
        compare(what, graph, images, lines, not args.no_peers, args.seconds)
    if "sweep" in args.parts:
        wanted = [float(rate) for rate in args.rates.split(",")]
        sweep(VGG9, "vgg9 shapes", images[:1], wanted)
        sweep(VGG16, "VGG-16 shapes", images[:1], wanted)


if __name__ == "__main__":
    main()
