"""Simulate a bundle in Brian2, an independent simulator, and compare every spike and every potential.

DATA is as for `run`, or an .npy of time-steps (T, N, …); by default the shipped images that fit. --dynamics also runs
single neurons (or only these, without a bundle) and compares them with closed-form solutions. Exit code 1: a spike or
potential differs, and the first divergence is named. Threshold ties of float32 bundles are not differences.

BUNDLE may be a NIR file, also a recurrent one, which is simulated in float32 and compared with Brian2. Recurrent
spikes arrive one time-step later. DATA is then an .npy of time-steps (T, N, …), by default random spikes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.choices import ENGINES
from spikelet.cli.arguments import add_data, bundle_file, number, positive
from spikelet.cli.data import add_data_options, data_options, find_images
from spikelet.cli.output_files import check_output_file
from spikelet.cli.printing import Progress, emit, json_text
from spikelet.errors import DataError, UsageError
from spikelet.files.atomic import replacing
from spikelet_converters.choices import SAMPLED_NEURONS, TIE_TOLERANCE, TIME_STEP
from spikelet_converters.cli import validate_nir

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from spikelet.bundle import Bundle
    from spikelet_converters.brian2.dynamics import DynamicsReport
    from spikelet_converters.brian2.report import ValidationReport

HELP = "compare a bundle with Brian2, spike for spike"
EXAMPLE = "spikelet validate vgg9-cifar10 --images 20 --steps 8 -o validation.html"
IMAGES = 20  # default number of images


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "bundle",
        type=bundle_file,
        metavar="BUNDLE",
        nargs="?",
        help="bundle file, or the name of a shipped bundle; or a NIR file; none with --dynamics",
    )
    add_data(parser)
    parser.add_argument(
        "--images",
        type=positive,
        default=IMAGES,
        metavar="N",
        help="number of images, drawn with a fixed seed (default %(default)s)",
    )
    parser.add_argument(
        "--steps",
        type=positive,
        metavar="T",
        help="number of time-steps (default: that of the bundle)",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--neurons",
        type=positive,
        metavar="N",
        help=f"neurons sampled per layer (default: all of a small network, {SAMPLED_NEURONS} in a larger one)",
    )
    which.add_argument("--all", action="store_true", help="every neuron of every layer")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the sample (default 0)")
    parser.add_argument("--engine", choices=["auto", *ENGINES], default="auto", help="the engine under test")
    parser.add_argument(
        "--eps",
        type=number,
        metavar="SHARE",
        default=TIE_TOLERANCE,
        help="tolerance of ties in float32 bundles, relative to the sums in a neuron (default %(default)g)",
    )
    parser.add_argument(
        "--target",
        choices=["auto", "numpy", "cython"],
        default="auto",
        help="code that Brian2 generates (cython: compiled)",
    )
    parser.add_argument(
        "--dt", type=number, metavar="SECONDS", help=f"length of a time-step, for a NIR file (default {TIME_STEP:g})"
    )
    parser.add_argument("--dynamics", action="store_true", help="sweep single neurons of every kind")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write a report: .html, .md with its figures, or .json"
    )
    add_data_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet_converters.brian2 import wording
    from spikelet_converters.brian2.dynamics import sweep

    _check(args)
    if validate_nir.is_nir(args.bundle):
        return validate_nir.run(args)
    validation = None if args.bundle is None else _validate(args)
    dynamics = sweep(args.engine, on_progress=Progress("neurons", quiet=args.json)) if args.dynamics else None
    facts = _facts(validation, dynamics)
    if args.output is not None:
        _save(args.output, validation, dynamics, facts)
    texts = [] if validation is None else [wording.summary(validation)]
    texts += [] if dynamics is None else [wording.dynamics_summary(dynamics)]
    texts += [] if args.output is None else [f"Report saved: {args.output}"]
    emit(args, facts, "\n\n".join(texts))
    return 0 if facts["ok"] else 1


def _check(args: argparse.Namespace) -> None:
    """Check the arguments. Raises UsageError."""
    from spikelet_converters.brian2 import page

    if args.bundle is None and not args.dynamics:
        raise UsageError("expected a BUNDLE, or --dynamics to sweep single neurons")
    if args.bundle is None and (args.all or args.steps is not None or args.neurons is not None):
        raise UsageError("--dynamics alone takes no --steps, --neurons or --all: it runs its own neurons and currents")
    if not args.eps >= 0:
        raise UsageError(f"--eps: expected 0 or more, found {args.eps:g}")
    if args.seed < 0:
        raise UsageError(f"--seed: expected 0 or more, found {args.seed}")
    if args.dt is not None and not (validate_nir.is_nir(args.bundle) and args.dt > 0):
        raise UsageError("--dt: expected a number above 0 of seconds, for a NIR file")
    if args.output is None:
        return
    check_output_file(args.output, *page.SUFFIXES, ".json")


def _validate(args: argparse.Namespace) -> ValidationReport:
    from spikelet import bundle as bundles
    from spikelet_converters.brian2.validation import validate

    bundle = bundles.read(args.bundle)
    return validate(
        bundle,
        _images(args, bundle),
        steps=args.steps,
        neurons="all" if args.all else args.neurons,
        engine=args.engine,
        seed=args.seed,
        eps=args.eps,
        target=args.target,
        on_progress=Progress("neurons", quiet=args.json),
    )


def _images(args: argparse.Namespace, bundle: Bundle) -> npt.NDArray[np.generic]:
    """Return the images, or the time-steps (T, N, …) of an .npy file; measured values become 0…255."""
    import numpy as np

    from spikelet.data.pixels import quantised
    from spikelet.files.numpy_file import read_numpy

    shape, span = bundle.graph.input.shape, data_options(args, bundle.manifest.provenance).span
    if args.data is not None and args.data.suffix == ".npy":
        try:
            array = read_numpy(args.data)
        except DataError as error:
            raise error.locate(args.data) from None
        axes = array.ndim if isinstance(array, np.ndarray) else 0
        if isinstance(array, np.ndarray) and axes == len(shape) + 2:
            frames = array[:, : args.images]
            return frames if span is None else quantised(frames, *span)
        if isinstance(array, np.ndarray) and span is None and len(shape) == 1 and axes == 2:
            return array[: args.images]  # features that need not be whole numbers
    return find_images(args, args.data, bundle, args.images).images


def _facts(validation: ValidationReport | None, dynamics: DynamicsReport | None) -> dict[str, object]:
    if validation is None:
        assert dynamics is not None
        return dynamics.as_json()
    if dynamics is None:
        return validation.as_json()
    return {**validation.as_json(), "ok": validation.ok and dynamics.ok, "dynamics": dynamics.as_json()}


def _save(
    path: Path, validation: ValidationReport | None, dynamics: DynamicsReport | None, facts: dict[str, object]
) -> None:
    from spikelet_converters.brian2 import page

    if path.suffix.lower() != ".json":
        page.save(path, validation, dynamics)
        return
    with replacing(path) as file:
        file.write(json_text(facts, 1).encode())
