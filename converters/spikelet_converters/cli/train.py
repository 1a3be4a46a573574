"""Train a source network that keeps its accuracy after conversion.

DATA is a data set (CIFAR-10, CIFAR-100, IDX), a folder of images with class subfolders, or arrays (.npz) of images or,
with --range, of measured values. With --features log-mel it is a folder of recordings of sound (.wav). A tenth of its
training split is the validation split, which selects the checkpoint. The test split is not read.

--model FILE.py:NAME trains a network of your own: each ReLU becomes a spiking activation. Its code is not stored in the
checkpoint; `spikelet convert BEST.pt --network FILE.py:NAME` needs it again.

A recipe sets the options; options of the command line override it. The default, `spikelet`, trains with the quantiser,
and the last epochs with the exact residual. With --residual, and without --finish, there is one phase.
Several GPUs or processes: torchrun --nproc-per-node 2 -m spikelet train …
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from spikelet.cli.command import command_line, stored_command
from spikelet.cli.data import data_options
from spikelet.cli.printing import emit
from spikelet.errors import MissingDependency, UsageError
from spikelet_converters.choices import is_code
from spikelet_converters.cli.train_arguments import AUGMENTATIONS, configure

if TYPE_CHECKING:
    from spikelet.data import DataOptions, ImageSet
    from spikelet_converters.training.phases import Phase

HELP = "train a source network"
__all__ = ["EXAMPLE", "HELP", "configure", "run"]

EXAMPLE = "spikelet train --data cifar/ --model vgg9 --recipe spikelet --epochs 24 --seed 1 --out runs/a"


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
        from spikelet_converters.training.user_network import use
    except ModuleNotFoundError as error:
        raise MissingDependency(str(error.name), "convert") from None
    if args.start is not None and args.weights is not None:
        raise UsageError("--start and --weights both give the initial weights; omit one of them")
    if is_code(args.model):
        use(args.model, weights=args.weights, weights_key=args.weights_key)
    elif args.weights is not None:
        raise UsageError("--weights is for networks of your own, --model FILE.py:NAME; --start takes a checkpoint")
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
                execution=Execution(
                    stored_command(args),
                    device,
                    workers,
                    view.batch,
                    view.epoch,
                    compiled=args.compile,
                    on_compiler_failure=view.compiler_failed,
                ),
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
