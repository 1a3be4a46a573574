"""Show what spiking gets wrong, layer by layer: the distribution of the residual error in whole spikes.

For the same input, the quantised activation of a layer is held against the spikes it fires in T time-steps. DIR is
read as for training: its held-out part is measured, never the test split.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spikelet.atomic import replacing
from spikelet.cli.common import Progress, emit, existing, positive
from spikelet.errors import MissingDependency, UsageError
from spikelet.report.columns import table

HELP = "show the residual error of every layer"
EXAMPLE = "spikelet residuals runs/a/best.pt --data cifar/ --steps 4 -o residuals.svg"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("checkpoint", type=existing, metavar="CHECKPOINT")
    parser.add_argument("--data", type=existing, required=True, metavar="DIR")
    parser.add_argument("--steps", type=positive, default=4, metavar="T")
    parser.add_argument("--count", type=positive, default=500, metavar="N", help="held-out images (default 500)")
    parser.add_argument("--whole", action="store_true", help="errors of earlier layers included, as the paper has them")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.svg", help="the histograms as a plot")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from spikelet.data import read

    try:
        from spikelet_converters.source_model.histograms import chart, residual_histograms
        from spikelet_converters.training.checkpoint import load_checkpoint
        from spikelet_converters.training.loop import split
        from spikelet_converters.training.recipe import Recipe
    except ModuleNotFoundError as error:
        raise MissingDependency(str(error.name), "convert") from None
    if args.output is not None and not args.output.parent.is_dir():
        raise UsageError(f"{args.output.parent}: no such folder")
    checkpoint = load_checkpoint(args.checkpoint)
    before = checkpoint.provenance.get("recipe", {})
    recipe = Recipe(epochs=1, seed=before.get("seed", 0), validation=before.get("validation", 0.1))
    _, held_out = split(read(args.data, "train"), recipe)
    images = held_out.take(slice(0, args.count))
    bar = Progress("measuring", quiet=args.json)
    found = residual_histograms(checkpoint.network(), images, args.steps, local=not args.whole, on_progress=bar)
    if args.output is not None:
        with replacing(args.output) as file:
            file.write(chart(found, args.steps).encode())
    head = ["layer", "no error", "too many", "too few", "mean", "deviation", "skew", "kurtosis"]
    rows = [
        [each.layer, f"{each.none:.1%}", f"{each.over:.1%}", f"{each.under:.1%}", f"{each.mean:+.3f}", f"{each.sd:.3f}"]
        + ["-" if value is None else f"{value:+.1f}" for value in (each.skew, each.kurtosis)]
        for each in found
    ]
    words = "In spikes of T time-steps: activation minus spikes fired. A Gaussian has skew 0 and kurtosis 3."
    facts = {"steps": args.steps, "images": len(images), "layers": [each.as_json() for each in found]}
    emit(args, facts, f"{table(head, rows)}\n{words}")
    return 0
