"""Train a source network that keeps its accuracy after conversion.

DATA is a data set (CIFAR-10, CIFAR-100, IDX), a folder of images with class subfolders, or arrays (.npz) of images or,
with --range, of measured values. With --features log-mel it is a folder of recordings of sound (.wav). A tenth of its
training split is the validation split, which selects the checkpoint. The test split is not read.

A recipe sets the options; options of the command line override it. The default, `spikelet`, trains with the quantiser,
and the last epochs with the exact residual. With --residual, and without --finish, there is one phase.
Several GPUs or processes: torchrun --nproc-per-node 2 -m spikelet train …
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.choices import FEATURES
from spikelet.cli.common import command_line, emit, existing, number, positive, stored_command
from spikelet.cli.data import add_data_options, data_options
from spikelet.errors import MissingDependency, UsageError

if TYPE_CHECKING:
    from spikelet.data import DataOptions, ImageSet
    from spikelet_converters.training.phases import Phase

HELP = "train a source network"
EXAMPLE = "spikelet train --data cifar/ --model vgg9 --recipe spikelet --epochs 24 --seed 1 --out runs/a"

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
    parser.add_argument("--data", type=existing, required=True, metavar="DATA")
    parser.add_argument(
        "-o",
        "--out",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="output folder of the run: checkpoints, log.csv, log.svg, and event files for TensorBoard",
    )
    parser.add_argument("--model", choices=MODELS, default="vgg9", help="architecture (default vgg9)")
    parser.add_argument(
        "--recipe", choices=["spikelet", "qcfs", "paper", "paper-qcfs"], default="spikelet", help="set of options"
    )
    parser.add_argument("--seed", type=int, metavar="S", help="random seed")
    parser.add_argument("--start", type=existing, metavar="CHECKPOINT", help="start with the weights of another run")
    parser.add_argument("--resume", action="store_true", help="continue from the run's last checkpoint")
    parser.add_argument("--device", default="auto", help="torch device (default: a GPU if available)")
    parser.add_argument("--data-name", metavar="NAME", help="name of the data in results")
    parser.add_argument(
        "--features",
        choices=FEATURES,
        help="train on features of recordings of sound: powers in bands of the mel scale",
    )
    add_data_options(parser, classes=False, split=False)
    _add_optimiser(parser)
    _add_activation(parser)
    _add_residual(parser)
    _add_augmentation(parser)
    _add_final_phase(parser)


def _add_optimiser(parser: argparse.ArgumentParser) -> None:
    """Add the options of the optimiser and its schedule."""
    group = parser.add_argument_group("epochs and optimiser")
    group.add_argument("--epochs", type=positive, metavar="N", help="number of epochs")
    group.add_argument("--batch", type=positive, help="batch size")
    group.add_argument("--learning-rate", type=number, help="initial learning rate")
    group.add_argument("--warmup", type=number, metavar="EPOCHS", help="number of warm-up epochs")
    group.add_argument("--clip", type=number, metavar="NORM", help="largest norm of the gradient (0: any)")
    group.add_argument("--freeze-norm", action="store_const", const=True, help="keep the statistics of batch norm")
    group.add_argument("--precision", choices=["float32", "bfloat16"], help="arithmetic of training")


def _add_activation(parser: argparse.ArgumentParser) -> None:
    """Add the options of the quantised activation and its thresholds."""
    group = parser.add_argument_group("activation and thresholds")
    group.add_argument("--levels", type=positive, metavar="L", help="number of quantiser levels")
    group.add_argument("--lambda-init", type=number, help="initial threshold")
    group.add_argument(
        "--lambda-rate", type=number, help="learning rate of the thresholds, relative to that of the weights"
    )
    group.add_argument("--lambda-decay", type=number, help="weight decay of the thresholds")
    group.add_argument(
        "--lambda-hold", type=number, metavar="SHARE", help="share of the run, at its end, with fixed thresholds"
    )
    group.add_argument(
        "--channel-thresholds", action="store_const", const=True, help="train a threshold for each channel"
    )
    group.add_argument(
        "--train-potential", action="store_const", const=True, help="train the initial potential, one per channel"
    )
    group.add_argument("--slope", type=number, help="share of the clipped identity in the activation (SlipReLU)")
    group.add_argument("--surrogate", choices=["straight", "triangle"], help="gradient of the activation")


def _add_residual(parser: argparse.ArgumentParser) -> None:
    """Add the options of the residual error and of the time-steps of training."""
    group = parser.add_argument_group("residual error and time-steps")
    group.add_argument("--residual", choices=RESIDUALS, help="model of the residual error")
    group.add_argument("--steps", type=positive, metavar="T", help="number of time-steps for sigma and validation")
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
        "--residual-penalty", type=number, metavar="WEIGHT", help="weight of the residual error in the loss"
    )
    group.add_argument(
        "--spike-price", type=number, metavar="WEIGHT", help="weight of the synaptic operations in the loss"
    )
    group.add_argument(
        "--price-rise",
        type=number,
        metavar="SHARE",
        help="share of the run, at its beginning, in which this weight rises from 0",
    )


def _add_augmentation(parser: argparse.ArgumentParser) -> None:
    """Add the options of augmentation."""
    group = parser.add_argument_group("augmentation")
    group.add_argument(
        "--augment",
        choices=AUGMENTATIONS,
        help="shift images by up to 4 pixels, mirror them, or both (default); mirrored digits and letters are wrong",
    )
    group.add_argument("--policy", choices=["none", "autoaugment"], help="augmentation after --augment")
    group.add_argument("--cutout", type=int, metavar="PIXELS", help="size of the cutout square")


def _add_final_phase(parser: argparse.ArgumentParser) -> None:
    """Add the options of the final phase."""
    group = parser.add_argument_group("final phase")
    group.add_argument(
        "--finish", choices=[*RESIDUALS, "no"], help="residual model of the final phase; no: no final phase"
    )
    group.add_argument("--finish-epochs", type=positive, metavar="N", help="epochs of the final phase")
    group.add_argument("--finish-learning-rate", type=number, help="learning rate of the final phase")
    group.add_argument("--finish-time-steps", nargs="+", type=time_steps, metavar="T", help="as --time-steps")
    group.add_argument(
        "--distil",
        type=number,
        metavar="SHARE",
        help="share of the final phase's loss taken from the starting network's soft outputs",
    )


def time_steps(text: str) -> int | str:
    """Parse a number of time-steps T, "kxT" with k neurons per channel, "limit" or "quantised"."""
    copies, times, steps = text.partition("x")
    if times:
        return f"{positive(copies)}x{positive(steps)}"
    return text if text in ("limit", "quantised") else positive(text)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet.data import read

    try:
        from spikelet_converters.cli.training_view import TrainingView
        from spikelet_converters.training.checkpoint import load_checkpoint
        from spikelet_converters.training.execution import Execution
        from spikelet_converters.training.memory import freed_memory_kept
        from spikelet_converters.training.parallel import choose_device, connect
        from spikelet_converters.training.phases import run_phases
    except ModuleNotFoundError as error:
        raise MissingDependency(str(error.name), "convert") from None
    data = read(args.data, "train", options=training_options(args))
    if args.data_name:
        data = data.renamed(args.data_name)
    device = choose_device(args.device)
    workers = connect(device)
    try:
        with freed_memory_kept(), TrainingView(quiet=args.json or not workers.first) as view:
            best = run_phases(
                phases(args, data),
                data,
                args.out,
                start=None if args.start is None else load_checkpoint(args.start),
                resume=args.resume,
                execution=Execution(stored_command(args), device, workers, view.batch, view.epoch),
                on_phase=view.phase,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_interrupted(args)) from None
    if workers.first:
        validation = best.provenance["validation"]
        facts = {"checkpoint": str(args.out / "best.pt"), "data": data.name, "validation": validation}
        emit(args, facts, f"best epoch {validation['epoch']}: {facts['checkpoint']}")
    return 0


def training_options(args: argparse.Namespace) -> DataOptions:
    """Return the options of the readers; features of sound state their own range.

    Raises:
        UsageError: --features is given together with --range or --white.
    """
    options = data_options(args)
    if args.features is None:
        return options
    if args.range is not None or args.white is not None:
        raise UsageError("--features states the range of its values; omit --range and --white")
    from spikelet.data.log_mel import LogMel

    features = LogMel()
    return replace(options, span=features.span, features=features)


def _interrupted(args: argparse.Namespace) -> str:
    """Return the message of an interrupted run, with the command that continues it."""
    if not any((folder / "last.pt").exists() for folder in (args.out, args.out / "start")):
        return "interrupted before the end of the first epoch; nothing was stored"
    command = command_line(args)
    return f"interrupted; continue with: {command if args.resume else f'{command} --resume'}"


def phases(args: argparse.Namespace, data: ImageSet) -> list[Phase]:
    """Return the training phases, one or two, of the options and their recipe."""
    from spikelet_converters.source_model.networks import NetworkSpec
    from spikelet_converters.training.facts import image_facts
    from spikelet_converters.training.phases import SPEC_FIELDS, Phase
    from spikelet_converters.training.recipe import LAST_EPOCHS, PRESETS, RECIPE_FIELDS, Recipe, with_tuples

    preset = PRESETS[args.recipe]
    options_set = {key: value for key, value in vars(args).items() if value is not None and value is not False}
    if args.augment is not None:
        options_set |= {"augment": True, **AUGMENTATIONS[args.augment]}
    options = with_tuples({**preset.spec, **preset.recipe, **options_set})
    finish = dict(preset.finish or {}) if args.residual is None else {}
    if args.finish is not None:
        defaults = PRESETS["spikelet"].finish if args.finish == "exact" else LAST_EPOCHS
        finish = {**(defaults or {}), "residual": args.finish}
    prefix = "finish_"
    finish.update({key.removeprefix(prefix): value for key, value in options_set.items() if key.startswith(prefix)})
    has_final_phase = bool(finish) and args.finish != "no"
    if has_final_phase and "distil" in options_set:
        finish["distil"] = options.pop("distil")  # applies to the phase that starts with a trained network
    facts = image_facts(data)
    spec = NetworkSpec(**{**{key: value for key, value in options.items() if key in SPEC_FIELDS}, **facts})
    recipe = Recipe(**{key: value for key, value in options.items() if key in RECIPE_FIELDS})
    first = Phase(spec, recipe)
    return [first, first.followed_by(finish)] if has_final_phase else [first]
