"""Arguments of `spikelet train`."""

from __future__ import annotations

import argparse
from pathlib import Path

from spikelet.choices import FEATURES
from spikelet.cli.arguments import existing, number, positive
from spikelet.cli.data import add_data_options
from spikelet_converters.choices import is_code

RESIDUALS = ("none", "gaussian", "local", "channel", "empirical", "exact", "exact-rate", "exact-sample")

AUGMENTATIONS: dict[str, dict[str, object]] = {
    "none": {"augment": False},
    "shift": {"augment": True, "flip": False},
    "flip": {"augment": True, "shift": 0},
    "shift-flip": {"augment": True},
}

MODELS = ("vgg9", "vgg16", "resnet20", "resnet18", "vgg5", "line5")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command. Those that a recipe may set have no default here."""
    parser.add_argument("--data", type=existing, required=True, metavar="DATA", help="training data, see above")
    parser.add_argument(
        "-o",
        "--out",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="output folder of the run: checkpoints, log.csv, log.svg, and event files for TensorBoard",
    )
    parser.add_argument(
        "--model",
        type=model,
        default="vgg9",
        metavar="NAME|FILE.py:NAME",
        help=f"architecture: {', '.join(MODELS)} (default vgg9), or a network of your own with ReLUs, which become "
        "spiking activations: a torch module, or a class or function that returns one",
    )
    parser.add_argument(
        "--weights",
        type=existing,
        metavar="FILE",
        help="initial weights of FILE.py:NAME, as of a trained ReLU network",
    )
    parser.add_argument("--weights-key", metavar="KEY", help="name of the weights in FILE, where several fit")
    parser.add_argument(
        "--recipe",
        choices=["spikelet", "qcfs", "paper", "paper-qcfs"],
        default="spikelet",
        help="set of options: spikelet, its first phase alone (qcfs), Gaussian noise (paper) or the control for it "
        "(paper-qcfs). Defaults of options are stated for spikelet",
    )
    parser.add_argument("--seed", type=int, metavar="S", help="random seed (default 0)")
    parser.add_argument("--start", type=existing, metavar="CHECKPOINT", help="start with the weights of another run")
    parser.add_argument("--resume", action="store_true", help="continue from the run's last checkpoint")
    parser.add_argument("--device", default="auto", metavar="NAME", help="torch device (default: a GPU if available)")
    add_compile(parser)
    parser.add_argument("--data-name", metavar="NAME", help="name of the data in results")
    parser.add_argument(
        "--features",
        choices=FEATURES,
        help="train on features of recordings of sound: powers in bands of the mel scale",
    )
    add_data_options(parser, classes=False, split=False, range_default="the values are pixels")
    _add_optimiser(parser)
    _add_activation(parser)
    _add_residual(parser)
    _add_augmentation(parser)
    _add_final_phase(parser)


def model(text: str) -> str:
    """Parse the name of a network, or FILE.py:NAME."""
    if text not in MODELS and not is_code(text):
        raise argparse.ArgumentTypeError(f"expected {', '.join(MODELS)} or FILE.py:NAME, found {text!r}")
    return text


def add_compile(parser: argparse.ArgumentParser) -> None:
    """Add the option --compile."""
    help_text = (
        "compile the training pass: slower in the first minute, then faster; the last bits of the weights differ"
    )
    parser.add_argument("--compile", action="store_true", help=help_text)


def _add_optimiser(parser: argparse.ArgumentParser) -> None:
    """Add the options of the optimiser and its schedule."""
    group = parser.add_argument_group("epochs and optimiser")
    group.add_argument("--epochs", type=positive, metavar="N", help="number of epochs (default 24)")
    group.add_argument("--batch", type=positive, metavar="N", help="batch size (default 128)")
    group.add_argument("--learning-rate", type=number, metavar="RATE", help="initial learning rate (default 0.1)")
    group.add_argument("--warmup", type=number, metavar="EPOCHS", help="number of warm-up epochs (default 0)")
    group.add_argument("--clip", type=number, metavar="NORM", help="largest norm of the gradient (default 0: any)")
    group.add_argument("--freeze-norm", action="store_const", const=True, help="keep the statistics of batch norm")
    group.add_argument("--precision", choices=["float32", "bfloat16"], help="arithmetic of training (default float32)")


def _add_activation(parser: argparse.ArgumentParser) -> None:
    """Add the options of the quantised activation and its thresholds."""
    group = parser.add_argument_group("activation and thresholds")
    group.add_argument("--levels", type=positive, metavar="L", help="number of quantiser levels (default 4)")
    group.add_argument("--lambda-init", type=number, metavar="LAMBDA", help="initial threshold (default 2)")
    group.add_argument(
        "--lambda-rate",
        type=number,
        metavar="FACTOR",
        help="learning rate of the thresholds, relative to that of the weights (default 1)",
    )
    group.add_argument(
        "--lambda-decay", type=number, metavar="W", help="weight decay of the thresholds (default: as weights)"
    )
    group.add_argument(
        "--lambda-hold",
        type=number,
        metavar="SHARE",
        help="share of the run, at its end, with fixed thresholds (default 0)",
    )
    group.add_argument(
        "--channel-thresholds", action="store_const", const=True, help="train a threshold for each channel"
    )
    group.add_argument(
        "--train-potential", action="store_const", const=True, help="train the initial potential, one per channel"
    )
    group.add_argument(
        "--slope",
        type=number,
        metavar="SHARE",
        help="share of the clipped identity in the activation, as in SlipReLU (default 0)",
    )
    group.add_argument(
        "--surrogate", choices=["straight", "triangle"], help="gradient of the activation (default straight)"
    )


def _add_residual(parser: argparse.ArgumentParser) -> None:
    """Add the options of the residual error and of the time-steps of training."""
    group = parser.add_argument_group("residual error and time-steps")
    group.add_argument("--residual", choices=RESIDUALS, help="model of the residual error (default none)")
    group.add_argument(
        "--steps", type=positive, metavar="T", help="number of time-steps for sigma and validation (default 4)"
    )
    choices = 'every batch is trained with one of these: T, "kxT" (k neurons per channel), "limit" (T → ∞), "quantised"'
    group.add_argument("--time-steps", nargs="+", type=time_steps, metavar="T", help=choices)
    group.add_argument(
        "--validation-steps",
        nargs="+",
        type=time_steps,
        metavar="T",
        help="T or kxT whose mean accuracy selects the checkpoint (default: those of --time-steps, or --steps)",
    )
    group.add_argument(
        "--residual-penalty", type=number, metavar="WEIGHT", help="weight of the residual error in the loss (default 0)"
    )
    group.add_argument(
        "--spike-price", type=number, metavar="WEIGHT", help="weight of the synaptic operations in the loss (default 0)"
    )
    group.add_argument(
        "--price-rise",
        type=number,
        metavar="SHARE",
        help="share of the run, at its beginning, in which this weight rises from 0 (default 0)",
    )


def _add_augmentation(parser: argparse.ArgumentParser) -> None:
    """Add the options of augmentation."""
    group = parser.add_argument_group("augmentation")
    group.add_argument(
        "--augment",
        choices=AUGMENTATIONS,
        help="shift images by up to 4 pixels, mirror them, or both (default shift-flip); mirrored digits and letters "
        "are wrong",
    )
    group.add_argument("--policy", choices=["none", "autoaugment"], help="augmentation after --augment (default none)")
    group.add_argument("--cutout", type=int, metavar="PIXELS", help="size of the cutout square (default 0)")


def _add_final_phase(parser: argparse.ArgumentParser) -> None:
    """Add the options of the final phase."""
    group = parser.add_argument_group("final phase")
    group.add_argument(
        "--finish",
        choices=[*RESIDUALS, "no"],
        help="residual model of the final phase; no: no final phase (default exact)",
    )
    group.add_argument("--finish-epochs", type=positive, metavar="N", help="epochs of the final phase (default 8)")
    group.add_argument(
        "--finish-learning-rate", type=number, metavar="RATE", help="learning rate of the final phase (default 0.01)"
    )
    group.add_argument(
        "--finish-time-steps",
        nargs="+",
        type=time_steps,
        metavar="T",
        help="--time-steps of the final phase (default 1 2 4 8 limit limit)",
    )
    group.add_argument(
        "--distil",
        type=number,
        metavar="SHARE",
        help="share of the final phase's loss taken from the starting network's soft outputs (default 0)",
    )


def time_steps(text: str) -> int | str:
    """Parse a number of time-steps T, "kxT" with k neurons per channel, "limit" or "quantised"."""
    copies, times, steps = text.partition("x")
    if times:
        return f"{positive(copies)}x{positive(steps)}"
    return text if text in ("limit", "quantised") else positive(text)
