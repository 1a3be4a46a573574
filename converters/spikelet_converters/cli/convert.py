"""Convert a network to a bundle: fold batch norm, quantise with a proven range, and measure every layer.

SOURCE is one of these:

  best.pt          a checkpoint of `spikelet train`
  model.onnx       a plain or quantisation-aware network; --calibration sets the thresholds
  model.pt2        the same, written by torch.export.save
  model.py:NAME    a torch module, or a class or function that returns one; --weights is its state dict: plain,
                   quantisation-aware, or one time-step of a network of snnTorch, SpikingJelly, sinabs or Norse
  model.nir        a spiking network in the Neuromorphic Intermediate Representation
  model.snnb       a bundle, or the name of a shipped one, which gets --copies of its neurons

The source takes pixels 0…255 as (pixel / 255 - mean) / std, or with --range LOW HIGH measured values as
(value - mean) / std. The conversion is measured on the shipped images, if they fit, and on --data.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet import shipped
from spikelet.choices import DEFAULT_STEPS
from spikelet.cli.command import stored_command
from spikelet.cli.data import data_options, labels_for
from spikelet.cli.output_files import check_output_file
from spikelet.cli.printing import Progress, emit
from spikelet.errors import MissingDependency, UsageError
from spikelet.escapes import printable
from spikelet.options import whole
from spikelet_converters.cli.convert_arguments import PLAIN_STEPS, configure
from spikelet_converters.cli.convert_inputs import calibration_images, images_to_measure, source_network
from spikelet_converters.cli.convert_view import facts, text

if TYPE_CHECKING:
    from spikelet.bundle import Bundle

__all__ = ["EXAMPLE", "HELP", "configure", "run"]

HELP = "convert a network to a bundle"
EXAMPLE = "spikelet convert model.onnx --calibration photos/ --steps 16 -o model.snnb"


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet.bundle import SUFFIX, write
    from spikelet.inputs import MAX_STEPS

    check_output_file(args.output, SUFFIX)
    if args.float32 and args.bits is not None:
        raise UsageError("--float32 keeps the weights and --bits rounds them; give one of the two")
    if args.steps is not None:
        whole("--steps", args.steps, 1, MAX_STEPS)
    if not 0 < args.percentile <= 100:
        raise UsageError(f"--percentile: expected a number above 0, at most 100, found {args.percentile:g}")
    if any(s <= 0 for s in args.std):
        raise UsageError(f"--std: expected numbers above 0, found {args.std}")
    try:
        from spikelet_converters.frontends.open import kind_of

        stored = _stored(args.source)
        if stored is not None:
            bundle = _bundle(args, stored)
        else:
            kind = kind_of(args.source)
            _refuse_options(args, kind)
            bundle = _checkpoint(args) if kind == "checkpoint" else _source(args)
            bundle = bundle if args.copies is None else _copied(args, bundle)
    except ModuleNotFoundError as error:
        raise MissingDependency(str(error.name), "convert") from None
    digest = write(bundle, args.output)
    emit(args, facts(args.output, bundle, digest), text(args.output, bundle))
    return 0


def _stored(source: str) -> Path | None:
    """Return the path of a source that is a bundle, or the name of a shipped one; None for other sources."""
    from spikelet.bundle import SUFFIX

    path = shipped.located(Path(source))
    return path if path.suffix == SUFFIX else None


def _refuse_options(args: argparse.Namespace, kind: str) -> None:
    """Raise UsageError for options of another kind of source, which would have no effect."""
    for argument, option, only, sources in (
        ("weights", "--weights", "module", "modules, model.py:NAME"),
        ("weights_key", "--weights-key", "module", "modules, model.py:NAME"),
        ("dt", "--dt", "nir", "NIR files"),
        ("network", "--network", "checkpoint", "checkpoints of train --model FILE.py:NAME"),
    ):
        if getattr(args, argument) is not None and kind != only:
            raise UsageError(f"{args.source}: {option} is for {sources}; omit it")
    if args.weights_key is not None and args.weights is None:
        raise UsageError("--weights-key selects weights of a file; give the file with --weights")


def _name(args: argparse.Namespace) -> str:
    """Return the name of the network: that of its file, as text that a bundle may contain."""
    return printable(args.output.stem)


def _bundle(args: argparse.Namespace, path: Path) -> Bundle:
    """Return the bundle with copies."""
    from spikelet.bundle import read

    if args.copies is None:
        raise UsageError(f"{args.source}: is a bundle already; --copies K gives it copies of its neurons")
    for argument in ("bits", "float32", "calibration", "weights", "network"):
        if getattr(args, argument) not in (None, False):
            raise UsageError(f"{args.source}: a bundle is converted already and keeps its weights; omit --{argument}")
    return _copied(args, read(path), args.steps)


def _copied(args: argparse.Namespace, bundle: Bundle, steps: int | None = None) -> Bundle:
    from spikelet_converters.conversion.copied_bundle import convert_copies

    graph, labels = bundle.graph, bundle.manifest.labels
    return convert_copies(
        bundle,
        args.copies if isinstance(args.copies, int) else args.copies(graph),
        start=args.copies_start,
        name=_name(args),
        steps=steps,
        data=images_to_measure(
            args,
            graph.input.shape,
            labels,
            graph.classes,
            bundle.manifest.provenance,
            shipped_images=labels is not None,
        ),
        command=stored_command(args),
        on_progress=Progress("measuring", quiet=args.json),
    )


def _checkpoint(args: argparse.Namespace) -> Bundle:
    from spikelet_converters.conversion.checkpoint import convert
    from spikelet_converters.training.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(Path(args.source), args.network)
    names = checkpoint.provenance.get("classes")
    classes = checkpoint.spec.classes
    labels = labels_for(args, classes, None if names is None else tuple(names))
    return convert(
        checkpoint,
        _name(args),
        bits=args.bits or 8,
        float32=args.float32,
        steps=args.steps or DEFAULT_STEPS,
        data=images_to_measure(
            args, checkpoint.spec.shape, labels, classes, checkpoint.provenance, shipped_images=True
        ),
        labels=labels,
        command=stored_command(args),
        on_progress=Progress("measuring", quiet=args.json),
    )


def _source(args: argparse.Namespace) -> Bundle:
    from spikelet.data import INPUT_RANGE
    from spikelet_converters.conversion.source import Calibration, convert_source

    span = data_options(args).span
    source = source_network(args, span)
    classes = source.graph.classes
    calibration, labels = None, labels_for(args, classes, source.labels)
    if args.calibration is not None:
        images = calibration_images(args, source.shape, labels, classes)
        labels = labels if labels is not None else images.classes
        steps = args.steps or PLAIN_STEPS
        correct = not args.no_correction
        copies = args.copies is not None
        calibration = Calibration(images, args.method, args.percentile, args.per, steps, correct, copies)
    bits = None if args.float32 else args.bits or (None if source.spiking and not source.levels else 8)
    bundle = convert_source(
        source,
        _name(args),
        calibration=calibration,
        bits=bits,
        steps=args.steps,
        data=images_to_measure(args, source.shape, labels, classes, {}, shipped_images=labels is not None),
        labels=labels,
        command=stored_command(args),
        on_progress=Progress("measuring", quiet=args.json),
    )
    if span is not None:
        bundle.manifest.provenance[INPUT_RANGE] = list(span)
    return bundle
