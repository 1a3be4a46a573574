"""Run a bundle on images and write the spikes of its layers as .csv, .npz or .nir (NIRData)."""

from __future__ import annotations

import argparse

from spikelet.cli.arguments import above_zero, add_bundle, existing, positive
from spikelet.cli.data import add_data_options, find_images
from spikelet.cli.output_files import check_output_file, output_argument
from spikelet.cli.printing import emit
from spikelet.display import number_of
from spikelet.errors import UsageError
from spikelet_converters.choices import TIME_STEP

HELP = "recorded spikes as CSV, NumPy or NIRData"
EXAMPLE = "spikelet export spikes vgg9-cifar10 spikes.csv --count 2 --steps 4 --layers if1 if2"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the format's arguments."""
    add_bundle(parser)
    output_argument(parser, "OUT.{csv,npz,nir}", "file to write; its suffix selects the format")
    parser.add_argument("--data", type=existing, metavar="DATA", help="images (default: the shipped images that fit)")
    parser.add_argument("--layers", nargs="+", metavar="LAYER", help="layers to record (default all)")
    parser.add_argument(
        "--steps",
        type=positive,
        metavar="T",
        help="number of time-steps (default: that of the bundle)",
    )
    parser.add_argument("--count", type=positive, default=10, metavar="N", help="number of images (default 10)")
    parser.add_argument(
        "--dt", type=above_zero, default=TIME_STEP, metavar="S", help="length of a time-step in seconds (default 1e-4)"
    )
    add_data_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet.session import load
    from spikelet_converters.exports import recording

    check_output_file(args.output, *recording.SUFFIXES)
    model = load(args.bundle)
    layers = list(dict.fromkeys(args.layers or model.graph.spiking))
    unknown = [name for name in layers if name not in model.graph.spiking]
    if unknown:
        raise UsageError(f"--layers: unknown layer {unknown[0]}; expected some of {', '.join(model.graph.spiking)}")
    images = find_images(args, args.data, model.bundle, args.count)
    result = model.run(images.images, args.steps, record=layers)
    recording.write(args.output, result.spikes, args.dt)
    spikes = {name: int(value.sum()) for name, value in result.spikes.items()}
    facts = {"output": str(args.output), "images": len(images), "steps": len(result.logits), "spikes": spikes}
    of_images = f"spikes of {number_of(len(layers), 'layer')}, {number_of(len(images), 'image')}"
    text = f"wrote {args.output}: {sum(spikes.values()):,} {of_images}"
    emit(args, facts, text)
    return 0
