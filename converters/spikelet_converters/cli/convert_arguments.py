"""Arguments of `spikelet convert`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.choices import MAX_COPIES
from spikelet.cli.arguments import above_zero, existing, number, positive
from spikelet.cli.data import add_data_options

if TYPE_CHECKING:
    from spikelet.graph import Graph

PLAIN_STEPS = 16  # default T of plain networks


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("source", metavar="SOURCE", help="checkpoint, network or bundle, see above")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.snnb", help="bundle to write")
    parser.add_argument(
        "--bits", type=int, choices=range(4, 13), help="bits of a weight (default 8; spiking networks: float32)"
    )
    parser.add_argument("--float32", action="store_true", help="keep float32 weights; the network is not exact")
    parser.add_argument("--data", type=existing, metavar="DATA", help="images to measure the conversion on")
    parser.add_argument("--count", type=positive, default=500, metavar="N", help="number of these images (default 500)")
    parser.add_argument("--data-name", metavar="NAME", help="name of the data in results")
    add_data_options(parser, range_default="that of a checkpoint or bundle, if it has one")
    _add_copies(parser)
    _add_plain(parser)
    _add_source(parser)


def _add_copies(parser: argparse.ArgumentParser) -> None:
    """Add the options of copies."""
    group = parser.add_argument_group("copies of neurons, which replace time-steps")
    group.add_argument(
        "--copies",
        type=_copies,
        metavar="K",
        help="copies of every neuron; or of layers: LAYER=K,LAYER=K, and K for all others",
    )
    add_copies_start(group)


def add_copies_start(group: argparse._ArgumentGroup) -> None:
    """Add the option of the initial potentials of copies, `args.copies_start`."""
    group.add_argument(
        "--copies-start",
        choices=("half", "trained"),
        default="half",
        help="initial potentials: around half of the threshold, or around trained ones (default half)",
    )


def _add_plain(parser: argparse.ArgumentParser) -> None:
    """Add the options of networks without spiking activations."""
    group = parser.add_argument_group("plain networks")
    group.add_argument(
        "--calibration", type=existing, metavar="DATA", help="calibration images, which set the thresholds"
    )
    group.add_argument(
        "--calibration-count",
        type=positive,
        default=128,
        metavar="N",
        help="number of calibration images (default 128)",
    )
    group.add_argument(
        "--method", choices=("mse", "percentile", "max"), default="mse", help="calibration method (default mse)"
    )
    group.add_argument(
        "--percentile", type=number, default=99.9, metavar="P", help="percentile for --method percentile (default 99.9)"
    )
    group.add_argument(
        "--per",
        choices=("channel", "layer"),
        default="channel",
        help="one threshold per channel or layer (default channel)",
    )
    group.add_argument(
        "--steps",
        type=positive,
        metavar="T",
        help=f"number of time-steps T for which thresholds and scales are chosen (default {PLAIN_STEPS})",
    )
    group.add_argument("--no-correction", action="store_true", help="do not correct biases and initial potentials")
    group.add_argument(
        "--max-pool",
        choices=("or", "pairs", "average"),
        default="or",
        help="max pools become neurons that fire if any in their window does (or, the default), maxima of pairs, which "
        "need more neurons, or average pools",
    )


def _add_source(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe the source network and its input."""
    group = parser.add_argument_group("input of the source network")
    group.add_argument("--weights", type=existing, metavar="FILE.pt", help="weights of model.py:NAME")
    group.add_argument("--weights-key", metavar="KEY", help="name of the weights in FILE.pt, where several fit")
    add_network(group)
    group.add_argument("--input", metavar="CxHxW", help="shape of one input, if the source does not contain it")
    group.add_argument("--output-name", metavar="NAME", help="output to convert, by name or index, of several")
    group.add_argument(
        "--mean", type=number, nargs="+", default=[0.0], metavar="M", help="mean per channel, of pixels 0…1 (default 0)"
    )
    group.add_argument(
        "--std",
        type=number,
        nargs="+",
        default=[1.0],
        metavar="S",
        help="standard deviation per channel, of pixels 0…1 (default 1)",
    )
    group.add_argument(
        "--raw-pixels", action="store_true", help="the source takes pixels 0…255, normalised with --mean and --std"
    )
    group.add_argument(
        "--dt", type=above_zero, metavar="S", help="length of a time-step in seconds, for NIR (default 1e-4)"
    )


def add_network(parser: argparse._ActionsContainer) -> None:
    """Add the option --network of commands that read checkpoints."""
    help_text = "definition of the network, for a checkpoint of train --model FILE.py:NAME; its code is run"
    parser.add_argument("--network", metavar="FILE.py:NAME", help=help_text)


def _copies(text: str) -> int | Callable[[Graph], dict[str, int]]:
    """Parse --copies: a number, or a function that returns numbers by layer."""
    rest, by_layer = 1, {}
    for part in text.split(","):
        layer, equals, number = part.rpartition("=")
        if not number.isdecimal() or not 1 <= int(number) <= MAX_COPIES or (equals and not layer):
            raise argparse.ArgumentTypeError(f"expected 1…{MAX_COPIES}, or LAYER=K,LAYER=K, found {text!r}")
        if layer:
            by_layer[layer] = int(number)
        else:
            rest = int(number)
    if not by_layer:
        return rest
    return lambda graph: dict.fromkeys(graph.spiking, rest) | by_layer
