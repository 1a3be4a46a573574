"""`spikelet validate` for a NIR file, which may be recurrent: simulate it in float32 and compare it with Brian2."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.cli.printing import emit, json_text
from spikelet.display import number_of
from spikelet.errors import DataError, UsageError
from spikelet.files.atomic import replacing
from spikelet.report.columns import table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from spikelet.nodes import Shape
    from spikelet_converters.recurrent.comparison import RecurrentReport

RANDOM_STEPS = 64  # time-steps of random inputs
PROBABILITY = 0.5  # probability of a spike in random inputs
UNSUITABLE = ("neurons", "all", "dynamics")  # options for bundles only


def run(args: argparse.Namespace) -> int:
    """Run the command for a NIR file."""
    from spikelet_converters.recurrent.comparison import compare
    from spikelet_converters.recurrent.reader import read

    for option in UNSUITABLE:
        if getattr(args, option):
            raise UsageError(f"--{option}: is an option for bundles; a NIR file is simulated as a whole")
    if args.output is not None and args.output.suffix.lower() != ".json":
        raise UsageError(f"{args.output}: the report of a NIR file is written as .json")
    network = read(args.bundle, dt=args.dt)
    report = compare(network, _inputs(args, network.shape), args.eps)
    facts = report.as_json()
    if args.output is not None:
        with replacing(args.output) as file:
            file.write(json_text(facts, 1).encode())
    emit(args, facts, summary(report))
    return 0 if report.ok else 1


def summary(report: RecurrentReport) -> str:
    """Return the report as text for a terminal."""
    loops = "; ".join(f"{source} -> {target}" for source, target in report.loops)
    lines = [
        f"{report.name}, float32, against Brian2 {report.brian2_version}: {number_of(report.samples, 'sample')}, "
        f"{number_of(report.steps, 'time-step')} of {report.dt:g} s",
        f"recurrent connections, one time-step late: {loops}" if loops else "no recurrent connections",
        "",
    ]
    head = ["layer", "node", "neurons", "spikes", "differing spikes", "at ties", "after ties", "real", "potentials"]
    rows = [
        [
            layer.name, layer.kind, f"{layer.neurons:,}", f"{layer.spikes:,}", f"{layer.differing_spikes:,}",
            f"{layer.ties:,}", f"{layer.after_ties:,}", f"{layer.real:,}", f"{layer.max_potential_difference:.3g}",
        ]
        for layer in report.layers
    ]  # fmt: skip
    total = sum(layer.spikes for layer in report.layers)
    real = sum(layer.real for layer in report.layers)
    shown = ", ".join(map(str, report.predictions[:20])) + (", …" if len(report.predictions) > 20 else "")
    verdict = "no differences except at ties" if report.ok else f"{real:,} real differences"
    return "\n".join([*lines, table(head, rows), "", f"{total:,} spikes: {verdict}", f"predictions: {shown}"])


def _inputs(args: argparse.Namespace, shape: Shape) -> npt.NDArray[np.float32]:
    """Return the inputs (T, N, *shape): those of a file, or random spikes."""
    import numpy as np

    from spikelet.files.numpy_file import read_numpy

    if args.data is None:
        rng = np.random.default_rng(args.seed)
        return (rng.random((args.steps or RANDOM_STEPS, args.images, *shape)) < PROBABILITY).astype(np.float32)
    if args.data.suffix != ".npy":
        raise UsageError(f"{args.data}: the inputs of a NIR file are an .npy file of time-steps (T, N, …)")
    try:
        array = read_numpy(args.data)
    except DataError as error:
        raise error.locate(args.data) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "uifb":
        raise DataError("expected an array of numbers").locate(args.data)
    if array.ndim == len(shape) + 1:
        array = array[:, None]  # the time-steps of one sample
    if array.ndim != len(shape) + 2 or array.shape[2:] != tuple(shape) or not array.size:
        expected = ", ".join(map(str, shape))
        raise DataError(
            f"an array of shape {array.shape}; the network takes time-steps (T, N, {expected}) or (T, {expected})"
        ).locate(args.data)
    steps = len(array) if args.steps is None else args.steps
    if steps > len(array):
        raise UsageError(f"--steps {steps}: {args.data} has {len(array)} time-steps")
    inputs = array[:steps, : args.images].astype(np.float32)
    if not np.isfinite(inputs).all():
        raise DataError("has values that are not finite in float32").locate(args.data)
    return inputs


def is_nir(path: Path | None) -> bool:
    """Return whether a path is that of a NIR file."""
    return path is not None and path.suffix.lower() == ".nir"
