"""Show the residual error of every layer: the distribution of activation minus spike count, in spikes.

For the same input, the quantised activation of a layer is compared with the spikes that it fires in T time-steps. DATA
is split as for training; the validation split is measured, never the test split.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spikelet.cli.arguments import existing, positive
from spikelet.cli.output_files import check_output_file
from spikelet.cli.printing import Progress, emit
from spikelet.errors import MissingDependency
from spikelet.files.atomic import replacing
from spikelet.report.columns import table
from spikelet_converters.cli.convert_arguments import add_network

HELP = "show the residual error of every layer"
EXAMPLE = "spikelet residuals runs/a/best.pt --data cifar/ --steps 4 -o residuals.svg"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("checkpoint", type=existing, metavar="CHECKPOINT", help="checkpoint of `spikelet train`")
    parser.add_argument("--data", type=existing, required=True, metavar="DATA", help="images on which it is measured")
    parser.add_argument("--steps", type=positive, default=4, metavar="T", help="number of time-steps (default 4)")
    parser.add_argument(
        "--count", type=positive, default=500, metavar="N", help="number of validation images (default 500)"
    )
    parser.add_argument("--whole", action="store_true", help="include the errors of earlier layers, as in the paper")
    add_network(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.svg", help="write the histograms as a plot")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet.data import read

    if args.output is not None:
        check_output_file(args.output, ".svg")
    try:
        from spikelet_converters.source_model.histograms import chart, residual_histograms
        from spikelet_converters.training.checkpoint import load_checkpoint
        from spikelet_converters.training.loop import split
        from spikelet_converters.training.recipe import Recipe
    except ModuleNotFoundError as error:
        raise MissingDependency(str(error.name), "convert") from None
    checkpoint = load_checkpoint(args.checkpoint, args.network)
    before = checkpoint.provenance.get("recipe", {})
    recipe = Recipe(epochs=1, seed=before.get("seed", 0), validation=before.get("validation", 0.1), batch=1)
    _, held_out = split(read(args.data, "train", checkpoint.spec.shape), recipe)
    images = held_out.take(slice(0, args.count))
    bar = Progress("measuring", quiet=args.json)
    histograms = residual_histograms(checkpoint.network(), images, args.steps, local=not args.whole, on_progress=bar)
    if args.output is not None:
        with replacing(args.output) as file:
            file.write(chart(histograms, args.steps).encode())
    head = ["layer", "no error", "too many", "too few", "mean", "deviation", "skew", "kurtosis"]
    rows = [
        [h.layer, f"{h.none:.1%}", f"{h.over:.1%}", f"{h.under:.1%}", f"{h.mean:+.3f}", f"{h.sd:.3f}"]
        + ["-" if value is None else f"{value:+.1f}" for value in (h.skew, h.kurtosis)]
        for h in histograms
    ]
    caption = "In spikes of T time-steps: activation minus spikes fired. A Gaussian has skew 0 and kurtosis 3."
    facts = {"steps": args.steps, "images": len(images), "layers": [h.as_json() for h in histograms]}
    emit(args, facts, f"{table(head, rows)}\n{caption}")
    return 0
