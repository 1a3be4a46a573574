"""Measure every engine on a bundle: load time, time to the first prediction, time per time-step, peak memory.

Each engine runs in its own process on random input, after one warm-up run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from spikelet.benchmark.latency import Latency, batches
from spikelet.choices import ENGINES
from spikelet.cli.arguments import add_bundle, add_threads
from spikelet.cli.printing import emit
from spikelet.errors import EngineError
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.benchmark.layers import LayerWork

HELP = "measure the speed of every engine on a bundle"
EXAMPLE = "spikelet bench vgg9-cifar10 --threads 1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    parser.add_argument("--engine", choices=list(ENGINES), help="engine to use (default: all that are available)")
    add_threads(parser)
    parser.add_argument(
        "--layers", action="store_true", help="show how the native engine evaluates each layer, and how long that takes"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles
    from spikelet.engines import available

    bundle = bundles.read(args.bundle)  # a broken file is reported once, here
    graph = bundle.graph
    if args.layers:
        from spikelet.benchmark.layers import layers

        work = layers(graph, bundle.golden)
        steps = bundle.golden.steps
        emit(args, {"bundle": str(args.bundle), "steps": steps, "layers": work}, _layers_text(work, steps))
        return 0
    names = [args.engine] if args.engine else available(graph)
    results = [_measure(str(args.bundle), name, args.threads or 0) for name in names]
    emit(args, {"bundle": str(args.bundle), "engines": results}, _text(results))
    return 0


def _measure(path: str, engine: str, threads: int) -> Latency:
    command = [sys.executable, "-m", "spikelet.benchmark", path, engine, str(threads)]
    done = subprocess.run(command, capture_output=True, encoding="locale", errors="replace", check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise EngineError(f"engine {engine}: the benchmark did not finish ({last})")
    result: Latency = json.loads(done.stdout)
    return result


FORMS = {
    "lists": "adds rows of weights selected by lists of spikes",
    "tables": "adds sums of four weights from tables",
    "counts": "multiplies weights by spike counts",
    "image": "multiplies weights by pairs of pixels, once per constant image",
    "dense": "multiplies weights by single values",
}


def _layers_text(work: list[LayerWork], steps: int) -> str:
    rows = []
    for layer in work:
        share = layer["added"] / layer["dense"] if layer["dense"] else 0.0
        time = "?" if layer["microseconds"] is None else f"{layer['microseconds']:,.1f}"
        sizes = [f"{layer['dense']:,}", f"{layer['added']:,.0f}", f"{share:.1%}", time]
        rows.append([layer["node"], *sizes, FORMS[layer["form"]]])
    head = ["layer", "dense products", "weights added", "share", f"µs, T = {steps}", "native engine"]
    return table(head, rows)


def _text(results: list[Latency]) -> str:
    head = ["engine", "load ms", "first prediction ms"]
    head += [f"ms/step batch {b} {p}" for b in (1, 32) for p in ("p50", "p95")] + ["peak MB"]
    rows = []
    for result in results:
        row = [result["engine"], f"{result['load_ms']:.0f}", f"{result['first_answer_ms']:.0f}"]
        for times in batches(result).values():
            row += [f"{times['ms_per_step_p50']:.2f}", f"{times['ms_per_step_p95']:.2f}"]
        peak = result["peak_memory_mb"]
        rows.append([*row, "?" if peak is None else f"{peak:.0f}"])
    return table(head, rows)
