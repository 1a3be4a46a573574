"""Simulate a bundle in Brian2, an independent simulator, and compare every spike and every potential.

Exit code 0: nothing differs (float32 bundles: nothing but threshold ties). 1: something does; the first divergence
is named. DATA is as for `run`; left out, it is the shipped images that fit.
"""

from __future__ import annotations

import argparse

from spikelet import bundle as bundles
from spikelet.cli.common import Progress, emit, existing, find_data, positive
from spikelet.converters.brian2.validation import validate
from spikelet.converters.brian2.words import summary
from spikelet.engines import ENGINES
from spikelet.session import DEFAULT_STEPS

HELP = "compare a bundle with Brian2, spike for spike"
EXAMPLE = "spikelet validate vgg9-cifar10.snnb --images 20 --steps 8 -o validation.html"
IMAGES = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("data", type=existing, metavar="DATA", nargs="?")
    parser.add_argument(
        "--images", type=positive, default=IMAGES, metavar="N", help="drawn by a fixed seed (default 20)"
    )
    parser.add_argument("--steps", type=positive, default=DEFAULT_STEPS, help="time-steps T (default %(default)s)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--neurons", type=positive, metavar="N", help="sampled of each layer (default: all, or 256)")
    which.add_argument("--all", action="store_true", help="every neuron of every layer")
    parser.add_argument("--engine", choices=["auto", *ENGINES], default="auto", help="the engine under test")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default 0)")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    bundle = bundles.read(args.bundle)
    data = find_data(args.data, bundle.graph.input.shape, bundle.manifest.labels, args.images)
    report = validate(
        bundle,
        data.images,
        steps=args.steps,
        neurons="all" if args.all else args.neurons,
        engine=args.engine,
        seed=args.seed,
        on_progress=Progress("neurons", quiet=args.json),
    )
    emit(args, report.facts(), summary(report))
    return 0 if report.ok else 1
