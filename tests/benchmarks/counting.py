"""Overhead of counting spikes: ratio of the best times of the same images with and without counting.

.venv/bin/python tests/benchmarks/counting.py [BUNDLE [DATA]] [--engine NAME] [--images N] [--rounds N]
"""

import argparse
import time
from pathlib import Path

from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import tally
from spikelet.session import load
from spikelet.shipped import find_data

STEPS = 8


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="?", default=Path("assets/spikelet_assets/vgg9-cifar10.snnb"))
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    model = load(args.bundle, args.engine)
    images = find_data(args.data, model.graph.input.shape, model.labels, args.images).images
    all_sites = sites(model.graph)
    ways = {
        "plain run": lambda part: model.run(part, STEPS),
        "counting": lambda part: tally(model.graph, all_sites, part, STEPS, model.engine),
    }
    best = dict.fromkeys(ways, float("inf"))
    for way in ways.values():
        way(images[:32])  # warm-up
    for _ in range(args.rounds):
        for name, count in ways.items():
            started = time.perf_counter()
            count(images)
            best[name] = min(best[name], time.perf_counter() - started)
    for name, seconds in best.items():
        print(f"{name}: {seconds * 1000 / len(images):.2f} ms per image, T = {STEPS}, engine {model.engine}")
    print(f"counting takes {best['counting'] / best['plain run']:.2f} times a plain run")


if __name__ == "__main__":
    main()
