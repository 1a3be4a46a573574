"""Convert a trained checkpoint to a bundle: batch norm folded, integers proven exact, every layer measured.

The conversion is measured on the shipped images where they fit, and on --data.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from spikelet import shipped
from spikelet.bundle import SUFFIX, Bundle, read, write
from spikelet.cli.common import Progress, command_line, emit, existing, find_data, positive, table
from spikelet.errors import MissingDependency, UsageError
from spikelet.signing import Policy

HELP = "convert a checkpoint to a bundle"
EXAMPLE = "spikelet convert runs/a/best.pt -o vgg9-cifar10.snnb --bits 8"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("checkpoint", type=existing, metavar="CHECKPOINT")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.snnb")
    parser.add_argument("--bits", type=int, choices=range(4, 13), default=8, help="of the weights (default 8)")
    parser.add_argument("--float32", action="store_true", help="keep float weights: no exactness")
    parser.add_argument("--data", type=existing, metavar="DATA", help="images to measure the conversion on")
    parser.add_argument("--count", type=positive, default=500, metavar="N", help="of them (default 500)")
    parser.add_argument("--data-name", metavar="NAME", help="what the data is called in results")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    if args.output.suffix != SUFFIX:
        raise UsageError(f"{args.output}: a bundle's name ends in {SUFFIX}")
    if not args.output.parent.is_dir():
        raise UsageError(f"{args.output.parent}: no such folder")
    try:
        from spikelet.converters.checkpoint import load_checkpoint
        from spikelet.converters.convert import convert
    except ModuleNotFoundError as error:
        raise MissingDependency(str(error.name), "convert") from None
    checkpoint = load_checkpoint(args.checkpoint)
    classes = checkpoint.provenance.get("classes")
    labels = None if classes is None else tuple(classes)
    shape = checkpoint.spec.shape
    data = [] if args.data is None else [find_data(args.data, shape, labels, args.count)]
    if args.data_name:
        data = [images.renamed(args.data_name) for images in data]
    own = shipped.images_for(shape, labels)
    if own is not None:
        data.insert(0, own)
    bundle = convert(
        checkpoint,
        args.output.stem,
        bits=args.bits,
        float32=args.float32,
        data=data,
        labels=labels,
        command=command_line(),
        on_progress=Progress("measuring", quiet=args.json),
    )
    write(bundle, args.output)
    written = read(args.output, Policy())  # it cannot be signed yet
    emit(args, _facts(args.output, written), _text(args.output, written))
    return 0


def _facts(path: Path, bundle: Bundle) -> dict[str, Any]:
    return {
        "bundle": str(path),
        "digest": bundle.digest,
        "bytes": path.stat().st_size,
        "bits": bundle.manifest.bits,
        "exact_steps": bundle.manifest.exact_steps,
        "results": bundle.manifest.results,
        "layers": bundle.manifest.conversion["layers"],
    }


def _text(path: Path, bundle: Bundle) -> str:
    manifest = bundle.manifest
    lines = [f"wrote {path}, {path.stat().st_size:,} bytes"]
    if manifest.exact_steps is not None:
        lines[0] += f", {manifest.bits} bits, exact for {manifest.exact_steps} time-steps"
    layers = manifest.conversion["layers"]
    if "by_step" not in layers[0]:
        return "\n".join([*lines, "no images fit this network: nothing was measured; name some with --data"])
    steps = [entry["steps"] for entry in layers[0]["by_step"]]
    head = [
        "layer",
        "activation",
        *(f"T={t} rate, over/under" for t in steps),
        f"corr. T={steps[-1]}",
        "weight error",
    ]
    rows = []
    for layer in layers:
        cells = [f"{e['spike_rate']:.3f}, {e['over_firing']:.1%}/{e['under_firing']:.1%}" for e in layer["by_step"]]
        correlation = layer["by_step"][-1]["correlation"]
        end = ["-" if correlation is None else f"{correlation:.3f}", f"{layer.get('weight_error', 0):.2%}"]
        rows.append([layer["layer"], f"{layer['activation']:.3f}", *cells, *end])
    lines += ["", table(head, rows), ""]
    lines += [_result(result) for result in manifest.results]
    return "\n".join(lines)


def _result(result: dict[str, Any]) -> str:
    if "accuracy" not in result:
        return (
            f"{result['data']}: {result['images']} images without labels; answers agree on "
            f"{result['agreement_with_float']:.1%} with the float network"
        )
    last, before = result["accuracy"][-1], result["accuracy_before_quantisation"][-1]
    return (
        f"{result['data']}, {result['images']} images: float network {result['float_accuracy']:.1%}, "
        f"spiking at T={result['steps']} {last:.1%}; quantisation cost {100 * (before - last):+.1f} points"
    )
