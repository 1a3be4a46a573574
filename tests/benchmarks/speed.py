"""Latency of the engines relative to the float network, its int8 form and other frameworks.

All contenders use the same weights on the same machine. Each has a process of its own, which is stopped while the others run.
Every round warms up each contender and measures it once, in turn. The tables show lower quartiles of the times over the rounds,
and medians of the ratios in a round: other users of the machine delay some rounds. `make bench` runs this script in the
environment of .ci/peers. In another environment, frameworks that are not installed are listed with the reason.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle
from pathlib import Path

import numpy as np
from contenders import int8, processors
from contenders.isolated import Contender, alone, warm
from contenders.rates import rate_model
from contenders.shapes import STEPS, VGG9, VGG16, network
from forms import measured
from layer_tables import table as layer_table

from spikelet import bundle
from spikelet.engines import create, native
from spikelet.engines.onnx_session import open_session
from spikelet_converters.conversion.copies import with_copies

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
# {title}

Written by `make bench`. All contenders have the same weights, are warmed up and run in turn, each in a process of its own that is
stopped while the others run; times are lower quartiles. "Float network" is one inference of the network of the same shapes in
float32, with ReLUs. "Step by step" is a stream, whose input may end or change at any time-step; in the other rows of an engine T
and the image are known in advance. "ms" is wall-clock time, "CPU ms" processor time. Ratios are relative to the float network in
the same round, medians over the rounds. "4 copies" is the network with 4 copies of each neuron, at T / 4, at least 1; column T is
that without copies. "int8" is the float network quantised by ONNX Runtime (weights per channel, unsigned activations, calibrated
with {calibration} images); OpenVINO runs the same file.
"""
FLOAT = "float network, ONNX Runtime"
COPIES = 4  # copies of each neuron; they run T / 4 time-steps
SECONDS = 12.0  # duration of the rounds for one row of a table
SWEEP_ROUNDS = 40
INPUTS = 16  # images that a contender takes in turn
RATES = (0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.50)


def builders(graph, inputs, threads, with_frameworks, models):
    """Return functions that build the contenders, by name. A contender is a function of T.

    inputs: batches of images that a contender takes in turn, since the branch predictor adapts to a single image.
    models: paths of the float and int8 forms of the network, as `int8.files` returns them.
    """
    contenders = {FLOAT: partial(float_network, graph, inputs, threads)}
    for name in ("native", "onnx"):
        contenders[f"spikelet, {name}"] = partial(ours, graph, name, threads, inputs)
        contenders[f"spikelet, {name}, step by step"] = partial(ours, graph, name, threads, inputs, stream=True)
    copied = measured(with_copies(graph, COPIES), inputs[0][:1], 1)
    contenders[f"spikelet, native, {COPIES} copies"] = partial(ours, copied, "native", threads, inputs, share=COPIES)
    for name in int8.names(models):
        if name != "float, ONNX Runtime":  # the same as FLOAT
            contenders[name] = partial(runtime, name, models, threads, inputs)
    if with_frameworks:
        from contenders import frameworks

        for name in frameworks.PEERS:
            contenders[frameworks.title(name)] = partial(framework, name, graph, threads, inputs)
    return contenders


def float_network(graph, inputs, threads):
    session, images = open_session(rate_model(graph), threads), cycle(inputs)
    return lambda steps: session.run(None, {"input": next(images)})


def ours(graph, name, threads, inputs, stream=False, share=1):
    """Return a function of T that runs a constant image for T / share time-steps, as `Model.run` does or as a stream does."""
    engine, images = create(graph, name, (), threads), cycle(inputs)

    def run(steps):
        steps, pixels = max(1, steps // share), next(images)
        engine.reset(len(pixels), None if stream else steps)
        for t in range(steps):
            engine.step(pixels if t == 0 else None)

    return run


def runtime(name, models, threads, inputs):
    run, images = int8.runtime(name, models, threads), cycle(inputs)
    return lambda steps: run(next(images))


def framework(name, graph, threads, inputs):
    import torch
    from contenders import frameworks

    torch.set_num_threads(threads)
    run, images = frameworks.PEERS[name][1](graph), cycle([torch.tensor(pixels) for pixels in inputs])

    def inferred(steps):
        with torch.inference_mode():
            run(next(images), steps)

    return inferred


def measure(built, steps, seconds=SECONDS):
    """Return times and ratios of each contender, the number of rounds, and why contenders are missing.

    Times are wall-clock and processor time in ms, lower quartiles over the rounds. Ratios are relative to the float network
    in the same round, medians over the rounds, so that fast and slow phases of the machine affect them little.
    """
    contenders = {name: Contender(build) for name, build in built.items()}
    failures = {name: contender.failure for name, contender in contenders.items() if contender.failure}
    times = {name: [] for name in contenders if name not in failures}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times[FLOAT]) < 3:
        for name, samples in times.items():
            samples.append(contenders[name].measure(steps))
    for contender in contenders.values():
        contender.close()
    quartiles = {name: tuple(np.quantile(values, 0.25, axis=0)) for name, values in times.items()}
    ratios = {
        name: tuple(np.median(np.array(values) / np.array(times[FLOAT]), axis=0)) for name, values in times.items()
    }
    return quartiles, ratios, len(times[FLOAT]), failures


def rates(graph, pixels, steps):
    """Return the spike rate of each layer over the time-steps."""
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


def is_framework(name):
    """Return whether a contender is another framework for spiking networks."""
    return name != FLOAT and not name.startswith(("spikelet", "float, ", "int8, "))


def accuracies(graph, models, images, labels):
    """Return the lines of a table with the accuracy of each contender."""
    runs, _ = int8.runtimes(models, 1)
    lines = [f"\n| contender | accuracy on {len(images)} images |", "|---|---|"]
    lines += [f"| {name} | {int8.accuracy(run, images, labels):.1%} |" for name, run in runs.items()]
    for name, spiking, times in (("", graph, (1, 2, 4, 8)), (f", {COPIES} copies", with_copies(graph, COPIES), (1, 2))):
        engine = create(spiking, "native", (), 1)
        engine.reset(len(images), max(times))
        total = 0
        for t in range(1, max(times) + 1):
            total = total + engine.step(images if t == 1 else None)
            if t in times:
                share = (total.argmax(1) == labels).mean()
                lines.append(f"| spikelet{name}, T = {t} | {share:.1%} |")
    return lines


def compare(title, graph, images, settings, with_frameworks, seconds, labels=None, calibration=None):
    """Print a table of times for settings (batch, threads, T), and a table of accuracies if there are labels."""
    print(f"\n### {title}\n")
    layers = ", ".join(f"{rate:.0%}" for rate in rates(graph, images[:1], 4).values())
    print(f"Spike rates by layer, T = 4: {layers}; {mean_rate(graph, images[:1], 4):.1%} of all neurons.\n")
    print("| batch | threads | T | contender | ms | CPU ms | ratio | CPU ratio |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    folder = tempfile.TemporaryDirectory()
    models, failures = alone(int8.files, graph, images if calibration is None else calibration, folder.name)
    for batch, threads, steps in settings:
        inputs = [images[first : first + batch] for first in range(0, max(1, INPUTS - batch + 1), batch)]
        built = builders(graph, inputs, threads, with_frameworks, models)
        times, ratios, rounds, failed = measure(built, steps, seconds)
        failures |= failed
        for name, (wall_ratio, cpu_ratio) in sorted(ratios.items(), key=lambda item: item[1][1]):
            wall, cpu = times[name]
            cells = f"{wall:.2f} | {cpu:.2f} | {wall_ratio:.2f} | {cpu_ratio:.2f}"
            print(f"| {batch} | {threads} | {steps} | {name} | {cells} |", flush=True)
        others = [value for name, value in ratios.items() if is_framework(name)]
        integers = [value for name, value in ratios.items() if name.startswith("int8")]
        compared = [
            ("framework", others, ("native", "onnx")),
            ("int8", integers, ("native", f"native, {COPIES} copies")),
        ]
        for kind, rows, engines in compared:
            for engine in engines if rows else ():
                own = ratios[f"spikelet, {engine}"]
                wall, cpu = (min(column) / own[i] for i, column in enumerate(zip(*rows, strict=True)))
                factors = f"{wall:.1f} times | {cpu:.1f} times"
                print(f"| | | | fastest {kind} / {engine}, {rounds} rounds | | | {factors} |", flush=True)
    if labels is not None:
        for line in alone(accuracies, graph, models, images, labels):
            print(line)
    folder.cleanup()
    for name, reason in failures.items():
        print(f"\n{name} is missing: {reason}")
    settings = {(1, 4): graph, (COPIES, 1): measured(with_copies(graph, COPIES), images[:1], 1)}
    layer_table(title, settings, images[:INPUTS].astype(np.float32), native.product_bytes(), processors.vector_bytes())


def sweep(plan, title, pixels, spike_rates):
    """Print the cost of a time-step by spike rate."""
    print(f"\n### Spike rate, {title}, native engine, one thread, batch 1\n")
    print("| spike rate | CPU ms per time-step | relative to 20% |")
    print("|---|---|---|")
    graphs = {rate: network(plan, rate) for rate in spike_rates}
    engines = {rate: create(graph, "native", (), 1) for rate, graph in graphs.items()}
    times = {rate: [] for rate in spike_rates}
    for _ in range(SWEEP_ROUNDS):  # in turn, so that slow phases of the machine affect all rates
        for rate, engine in engines.items():
            warm(partial(streamed, engine, pixels), STEPS)
            for _ in range(3):
                times[rate].append(step_cost(engine, pixels))
    costs = {rate: float(np.quantile(samples, 0.25)) for rate, samples in times.items()}
    for rate, cost in costs.items():
        print(f"| {mean_rate(graphs[rate], pixels, STEPS):.1%} | {cost:.3f} | {cost / costs[0.20]:.2f} |", flush=True)


def streamed(engine, pixels, steps):
    engine.reset(1)
    for t in range(steps):
        engine.step(pixels if t == 0 else None)


def step_cost(engine, pixels):
    """Return the processor time of a time-step in ms, without the first, which computes the current of the image."""
    engine.reset(1)
    engine.step(pixels)
    started = time.process_time()
    for _ in range(STEPS - 1):
        engine.step()
    return (time.process_time() - started) * 1000 / (STEPS - 1)


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "is not installed"


def machine():
    packages = ", ".join(f"{name} {installed(name)}" for name in ("numpy", "onnxruntime", "openvino"))
    return f"{processors.description()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {packages}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=ROOT / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb")
    parser.add_argument("--parts", default="demo,resnet20,vgg16,sweep", help="parts to run, out of these")
    parser.add_argument("--quick", action="store_true", help="only batch 1, one thread, T = 4")
    parser.add_argument(
        "--rates", default=",".join(map(str, RATES)), help="spike rates of the sweep; 0.2 must be one of them"
    )
    parser.add_argument("--no-peers", action="store_true", help="without other frameworks")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="duration of the rounds for one row of a table")
    parser.add_argument("--avx2", action="store_true", help="as on a processor without AVX-512, VNNI and AMX")
    args = parser.parse_args()
    if args.avx2:
        processors.restrict_to_avx2()
    all_settings = [(1, 1, steps) for steps in (1, 2, 4, 8)] + [(1, 2, 4), (32, 1, 4), (32, 2, 4)]
    settings = [(1, 1, 4)] if args.quick else all_settings
    with np.load(ROOT / "assets" / "spikelet_assets" / "cifar10-500.npz") as shipped:
        images, labels = shipped["images"].astype(np.float32), shipped["labels"]
    title = "Speed with AVX2" if args.avx2 else "Speed"
    print(f"{HEAD.format(title=title, calibration=int8.CALIBRATION)}\n{machine()}")
    tested, calibration = slice(None, -int8.CALIBRATION), images[-int8.CALIBRATION :]
    if "demo" in args.parts:
        graph = bundle.read(args.bundle).graph
        title, with_frameworks = f"{args.bundle.stem}, trained", not args.no_peers
        compare(title, graph, images[tested], settings, with_frameworks, args.seconds, labels[tested], calibration)
    if "resnet20" in args.parts:
        graph = bundle.read(ROOT / "assets" / "spikelet_assets" / "resnet20-cifar10.snnb").graph
        title, only = "resnet20-cifar10, trained", [(1, 1, 4)]
        compare(title, graph, images[tested], only, False, args.seconds, labels[tested], calibration)
    images = images[:32]
    if "vgg16" in args.parts:
        graph = measured(network(VGG16, 0.15), images[:4])
        title = "VGG-16 shapes, random weights, spike rate about 15%"
        compare(title, graph, images, settings, not args.no_peers, args.seconds)
    if "sweep" in args.parts:
        spike_rates = [float(rate) for rate in args.rates.split(",")]
        sweep(VGG9, "vgg9 shapes", images[:1], spike_rates)
        sweep(VGG16, "VGG-16 shapes", images[:1], spike_rates)


if __name__ == "__main__":
    main()
