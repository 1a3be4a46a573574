"""Train a source network whose spiking form will keep its accuracy.

DIR is a data set (CIFAR-10, CIFAR-100, IDX) or a folder of images with class subfolders; its training split
is taken, a tenth of it held out to choose the checkpoint. The test split is not read.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from spikelet.cli.common import Progress, command_line, emit, existing, positive
from spikelet.errors import MissingDependency

HELP = "train a source network"
EXAMPLE = "spikelet train --data cifar/ --model vgg9 --residual gaussian --epochs 30 --seed 1 --out runs/a"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--data", type=existing, required=True, metavar="DIR")
    parser.add_argument("--model", choices=["vgg9", "vgg16", "resnet20", "resnet18"], default="vgg9")
    parser.add_argument(
        "--residual", choices=["none", "gaussian", "local", "channel", "empirical", "exact"], default="gaussian"
    )
    parser.add_argument("--levels", type=positive, default=4, metavar="L", help="quantiser levels (default 4)")
    parser.add_argument("--steps", type=positive, default=4, metavar="T", help="validated at T (default 4)")
    parser.add_argument("--epochs", type=positive, default=30, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--batch", type=positive, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--lambda-init", type=float, default=2.0, help="threshold at the start (default 2)")
    parser.add_argument(
        "--time-steps",
        type=positive,
        nargs="+",
        default=(),
        metavar="T",
        help="residual exact: T is drawn from these for each batch (default: --steps)",
    )
    parser.add_argument("--start", type=existing, metavar="CHECKPOINT", help="begin with the weights of another run")
    parser.add_argument("--freeze-norm", action="store_true", help="keep the statistics of batch norm as they are")
    parser.add_argument("--data-name", metavar="NAME", help="what the data is called in results")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from spikelet.data import read

    try:
        from spikelet.converters.checkpoint import load_checkpoint
        from spikelet.converters.networks import NetworkSpec
        from spikelet.converters.training import Recipe, train
    except ModuleNotFoundError as error:
        raise MissingDependency(str(error.name), "convert") from None
    data = read(args.data, "train")
    if args.data_name:
        data = data.renamed(args.data_name)
    pixels = data.images[:: max(1, len(data) // 10_000)].astype(np.float32)
    spec = NetworkSpec(
        model=args.model,
        shape=data.shape,
        classes=data.class_count,
        mean=tuple(round(float(m)) for m in pixels.mean((0, 2, 3))),
        std=tuple(float(max(round(float(s)), 1)) for s in pixels.std((0, 2, 3))),
        levels=args.levels,
        residual=args.residual,
        lambda_init=args.lambda_init,
    )
    recipe = Recipe(
        epochs=args.epochs,
        seed=args.seed,
        batch=args.batch,
        learning_rate=args.learning_rate,
        steps=args.steps,
        time_steps=tuple(args.time_steps),
        freeze_norm=args.freeze_norm,
    )
    bar = Progress("training", quiet=args.json)
    best = train(
        spec,
        recipe,
        data,
        args.out,
        command=command_line(),
        start=None if args.start is None else load_checkpoint(args.start),
        resume=args.resume,
        on_batch=lambda p: bar((p.epoch - 1) * p.batches + p.batch, p.epochs * p.batches),
        on_epoch=lambda row: None if args.json else print(_line(row), flush=True),
    )
    facts = {
        "checkpoint": str(args.out / "best.pt"),
        "data": data.name,
        "validation": best.provenance["validation"],
    }
    emit(args, facts, f"best epoch {facts['validation']['epoch']}: {facts['checkpoint']}")
    return 0


def _line(row: dict[str, Any]) -> str:
    return (
        f"epoch {row['epoch']:>3}  loss {row['loss']:.3f}  validation: float {row['float_accuracy']:.1%}, "
        f"spiking {row['spiking_accuracy']:.1%}  ({row['seconds']:.0f} s)"
    )
