"""Train a source network whose spiking form will keep its accuracy.

DIR is a data set (CIFAR-10, CIFAR-100, IDX) or a folder of images with class subfolders; its training split
is taken, a tenth of it held out to choose the checkpoint. The test split is not read.

A recipe names the options; those given here take their place. The default, `spikelet`, trains the quantiser and then
the last epochs with the exact residual. With --residual, and without --finish, there is one phase.
Several GPUs or processes: torchrun --nproc-per-node 2 -m spikelet train …
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from spikelet.cli.common import command_line, emit, existing, number, positive
from spikelet.data.images import ImageSet
from spikelet.errors import MissingDependency

HELP = "train a source network"
EXAMPLE = "spikelet train --data cifar/ --model vgg9 --recipe spikelet --epochs 24 --seed 1 --out runs/a"

RESIDUALS = ("none", "gaussian", "local", "channel", "empirical", "exact")
MODELS = ("vgg9", "vgg16", "resnet20", "resnet18", "vgg5")


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb; those that a recipe may set have no default here."""
    parser.add_argument("--data", type=existing, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--model", choices=MODELS, default="vgg9")
    parser.add_argument("--recipe", choices=["spikelet", "qcfs", "paper", "paper-qcfs"], default="spikelet")
    parser.add_argument("--residual", choices=RESIDUALS, help="model of the spiking error")
    parser.add_argument("--levels", type=positive, metavar="L", help="quantiser levels")
    parser.add_argument("--steps", type=positive, metavar="T", help="sigma is measured, and validated, at T")
    parser.add_argument("--epochs", type=positive, metavar="N")
    parser.add_argument("--seed", type=int, metavar="S")
    parser.add_argument("--batch", type=positive)
    parser.add_argument("--learning-rate", type=number)
    parser.add_argument("--warmup", type=number, metavar="EPOCHS")
    parser.add_argument("--lambda-init", type=number, help="threshold at the start")
    parser.add_argument("--lambda-rate", type=number, help="learning rate of the thresholds, relative")
    parser.add_argument("--lambda-decay", type=number, help="weight decay of the thresholds")
    parser.add_argument("--lambda-hold", type=number, metavar="SHARE", help="hold the thresholds at the end of the run")
    moments = 'a batch is trained at one of these: T, "limit" (T → ∞), "quantised"'
    parser.add_argument("--time-steps", nargs="+", type=moment, metavar="T", help=moments)
    parser.add_argument("--slope", type=number, help="share of the clipped identity in the activation (SlipReLU)")
    parser.add_argument("--train-potential", action="store_const", const=True, help="learn v(0), one a channel")
    parser.add_argument("--freeze-norm", action="store_const", const=True, help="keep batch norm's statistics")
    parser.add_argument("--policy", choices=["none", "autoaugment"], help="augmentation after crop and flip")
    parser.add_argument("--cutout", type=int, metavar="PIXELS")
    parser.add_argument(
        "--distil", type=number, metavar="SHARE", help="of the last epochs' loss: answers of their start"
    )
    parser.add_argument("--precision", choices=["float32", "bfloat16"])
    parser.add_argument("--finish", choices=[*RESIDUALS, "no"], help="residual of the last epochs; no: there are none")
    parser.add_argument("--finish-epochs", type=positive, metavar="N")
    parser.add_argument("--finish-learning-rate", type=number)
    parser.add_argument("--finish-time-steps", nargs="+", type=moment, metavar="T")
    parser.add_argument("--start", type=existing, metavar="CHECKPOINT", help="begin with the weights of another run")
    parser.add_argument("--data-name", metavar="NAME", help="what the data is called in results")
    parser.add_argument("--device", default="auto", help="as torch names it (default: a GPU if there is one)")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")


def moment(text: str) -> int | str:
    """An argparse type: a number of time-steps, or "limit", or "quantised"."""
    return text if text in ("limit", "quantised") else positive(text)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from spikelet.data import read

    try:
        from spikelet_converters.cli.progress import TrainingView
        from spikelet_converters.training.checkpoint import load_checkpoint
        from spikelet_converters.training.memory import freed_memory_kept
        from spikelet_converters.training.parallel import choose_device, connect
        from spikelet_converters.training.phases import run_phases
    except ModuleNotFoundError as error:
        raise MissingDependency(str(error.name), "convert") from None
    data = read(args.data, "train")
    if args.data_name:
        data = data.renamed(args.data_name)
    device = choose_device(args.device)
    workers = connect(device)
    with freed_memory_kept(), TrainingView(quiet=args.json or not workers.first) as view:
        best = run_phases(
            phases(args, data),
            data,
            args.out,
            command=command_line(args),
            start=None if args.start is None else load_checkpoint(args.start),
            resume=args.resume,
            device=device,
            workers=workers,
            on_batch=view.batch,
            on_epoch=view.epoch,
        )
    if workers.first:
        validation = best.provenance["validation"]
        facts = {"checkpoint": str(args.out / "best.pt"), "data": data.name, "validation": validation}
        emit(args, facts, f"best epoch {validation['epoch']}: {facts['checkpoint']}")
    return 0


def phases(args: argparse.Namespace, data: ImageSet) -> list[Any]:
    """What the options and their recipe mean: one phase, or two."""
    from spikelet_converters.source_model.networks import NetworkSpec
    from spikelet_converters.training.facts import image_facts
    from spikelet_converters.training.phases import SPEC_FIELDS, Phase
    from spikelet_converters.training.recipe import LAST_EPOCHS, PRESETS, RECIPE_FIELDS, Recipe

    preset = PRESETS[args.recipe]
    given = {key: value for key, value in vars(args).items() if value is not None and value is not False}
    options = {**preset.spec, **preset.recipe, **given}
    if "time_steps" in options:
        options["time_steps"] = tuple(options["time_steps"])
    finish = dict(preset.finish or {}) if args.residual is None else {}
    if args.finish is not None:
        known = PRESETS["spikelet"].finish if args.finish == "exact" else LAST_EPOCHS
        finish = {**(known or {}), "residual": args.finish}
    prefix = "finish_"
    finish.update({key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)})
    two = bool(finish) and args.finish != "no"
    if two and "distil" in given:
        finish["distil"] = options.pop("distil")  # of the phase that begins with a trained network
    facts = image_facts(data)
    spec = NetworkSpec(**{**{key: value for key, value in options.items() if key in SPEC_FIELDS}, **facts})
    recipe = Recipe(**{key: value for key, value in options.items() if key in RECIPE_FIELDS})
    first = Phase(spec, recipe)
    return [first, first.followed_by(finish)] if two else [first]
