"""Run streams for a long time and check that nothing changes: `python tests/stress/soak.py --steps 1000000`.

One stream per engine, its input changing all the time, resetting where the proof of exactness ends: resident memory of
the first and the last tenth, latency, and all potentials of all time-steps, compared with the proven bounds. Then 8
threads and 4 processes run concurrently, and their results must be those of a single one. The script prints one JSON object,
and exits with 1 if a check fails.
"""

import argparse
import gc
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import spikelet
from networks import small_graph
from spikelet.bounds.ranges import accumulators, exact_steps
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.engines import available
from spikelet.verify import record_golden

MB = 2**20
GROWTH = 2 * MB  # of the last tenth over the first
THREADS = 8
FRAMES = 64


def make(folder, proven=None):
    """Write a bundle with a small network of every kind of layer, proven for at most `proven` steps, and return its path."""
    graph, path = small_graph(), Path(folder) / "soak.snnb"
    pixels = np.random.default_rng(0).integers(0, 256, (2, *graph.input.shape)).astype(np.uint8)
    limit = min(exact_steps(graph), proven or exact_steps(graph))
    manifest = Manifest("soak", bits=4, exact_steps=limit)
    write(Bundle(graph, manifest, record_golden(graph, pixels, 4), "# soak\n"), path)
    return path


def resident():
    """Return the resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def stream(path, engine, steps, growth=GROWTH):
    """Run one long stream and return its cost and extremes. growth: limit on the growth of resident memory, or None."""
    model = spikelet.load(path, engine)
    graph, limit = model.graph, model.bundle.manifest.exact_steps
    bounds = {}
    for accumulator in accumulators(graph)[:-1]:
        shape = (-1, *(1,) * (len(graph.shapes[accumulator.node]) - 1))
        bounds[accumulator.node] = accumulator.start.reshape(shape), accumulator.per_step.reshape(shape)
    frames = np.random.default_rng(1).integers(0, 256, (FRAMES, *graph.input.shape)).astype(np.uint8)
    # filled with values: pages that are first used during the stream would look like a leak
    latency, memory = np.full(steps, np.nan, np.float32), np.zeros(10, np.int64)
    outside = resets = 0
    source = (frames[t % FRAMES] for t in range(steps))
    moments = model.stream(source, on_limit="reset", record=graph.spiking)
    for t in range(steps):
        started = time.perf_counter()
        step = next(moments)
        latency[t] = time.perf_counter() - started
        resets += step.age == 1
        for name, v in step.potentials.items():
            start, per_step = bounds[name]
            outside += int((np.abs(v) > start + step.age * per_step).any())
        if (t + 1) % max(steps // 1000, 1) == 0:
            memory[10 * t // steps] = max(memory[10 * t // steps], resident())
    grown = int(memory[-1] - memory[0])
    return {
        "engine": engine,
        "steps": steps,
        "exact_steps": limit,
        "resets": int(resets) - 1,
        "resident_first_tenth_mb": round(float(memory[0]) / MB, 2),
        "resident_last_tenth_mb": round(float(memory[-1]) / MB, 2),
        "latency_ms": {
            "p50": round(float(np.percentile(latency, 50)) * 1000, 3),
            "p99": round(float(np.percentile(latency, 99)) * 1000, 3),
            "p99_9": round(float(np.percentile(latency, 99.9)) * 1000, 3),
            "max": round(float(latency.max()) * 1000, 3),
        },
        "steps_outside_the_bound": outside,
        "ok": (growth is None or grown <= growth) and outside == 0 and int(resets) == -(-steps // limit),
    }


def answers(path, engine, seed, rounds, operator_threads=None):
    """Return the results of a session as bytes: runs, and a concurrent stream."""
    model = spikelet.load(path, engine, operator_threads)
    images = np.random.default_rng(seed).integers(0, 256, (20, *model.graph.input.shape)).astype(np.uint8)
    results = []
    for _ in range(rounds):
        results.append(model.run(images, steps=6).logits.tobytes())
        results.append(b"".join(step.logits.tobytes() for step in model.stream(images[0], steps=6)))
    return results


def together(pool, path, engine, rounds, processes, operator_threads=None):
    """Run sessions in threads and processes at the same time; return how many results differ from those of one session."""
    alone = {seed: answers(path, engine, seed, 1, operator_threads) * rounds for seed in range(THREADS)}
    shared = spikelet.load(path, engine, operator_threads)
    results, differing = {}, 0

    def work(seed):
        results[seed] = answers(path, engine, seed, rounds, operator_threads)
        images = np.random.default_rng(seed).integers(0, 256, (20, *shared.graph.input.shape)).astype(np.uint8)
        mine = [shared.run(images, steps=6).logits.tobytes() for _ in range(rounds)]  # one model in all threads
        results[seed, "shared"] = mine

    settings = [(path, engine, seed, rounds, operator_threads) for seed in range(processes)]
    others = pool.starmap_async(answers, settings, chunksize=1)
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, other in enumerate(others.get()):
        differing += other != alone[seed]
    for seed in range(THREADS):
        differing += results.get(seed) != alone[seed]
        differing += results.get((seed, "shared")) != alone[seed][::2]
    sessions = 2 * THREADS + processes
    return {"engine": engine, "sessions": sessions, "differing": differing, "ok": differing == 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=4, help="that run beside the threads")
    parser.add_argument("--operator-threads", type=int, help="of each operator; default: those of the engine")
    parser.add_argument("--bundle", type=Path, help="instead of a small network made for the purpose")
    parser.add_argument("--proven", type=int, help="time-steps that the bundle states as proven, if fewer")
    parser.add_argument("--engines", nargs="+", help="default: all that work here")
    parser.add_argument(
        "--any-memory", action="store_true", help="leave resident memory out: it depends on the allocator"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = args.bundle or make(folder, args.proven)
        engines = args.engines or available(read(path).graph)
        streams = []
        for engine in engines:
            stream(path, engine, min(200, args.steps // 10))  # warm-up: one-time loading and allocation
            gc.collect()
            streams.append(stream(path, engine, args.steps, None if args.any_memory else GROWTH))
            print(json.dumps(streams[-1]), file=sys.stderr, flush=True)
        with multiprocessing.get_context("spawn").Pool(args.processes) as pool:
            settings = args.rounds, args.processes, args.operator_threads
            sessions = [together(pool, path, engine, *settings) for engine in engines]
    facts = {"streams": streams, "sessions": sessions}
    facts["ok"] = all(report["ok"] for report in streams + sessions)
    print(json.dumps(facts, indent=1))
    return 0 if facts["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
