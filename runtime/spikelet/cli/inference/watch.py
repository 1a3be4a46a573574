"""Classify every image that appears in a folder, as written by a camera or another program.

Each prediction is printed with its latency, from reading the file to the class; percentiles are printed at the end
(Ctrl-C, or --once). A file that is still being written is read once it stops growing.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TypedDict

import numpy as np

from spikelet.cli.common import above_zero, emit, existing, number, positive
from spikelet.data.folder import is_image, read_image
from spikelet.engines import ENGINES
from spikelet.errors import DataError, UsageError
from spikelet.session import Model, load
from spikelet.session.early_exit import Margin

HELP = "classify every image that appears in a folder"
EXAMPLE = "spikelet watch vgg9-cifar10.snnb camera/ --steps 4"

# "class" is a key, so the functional form is needed
Answer = TypedDict("Answer", {"file": str, "class": int, "label": str, "steps": int, "ms": float})


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("folder", type=existing, metavar="DIR")
    parser.add_argument("--steps", type=positive, default=4, help="time-steps T (default %(default)s)")
    parser.add_argument("--engine", choices=["auto", *ENGINES], default="auto")
    parser.add_argument(
        "--early-exit",
        type=number,
        metavar="MARGIN",
        help="stop when the mean logit of the best class exceeds the second by MARGIN",
    )
    parser.add_argument("--once", action="store_true", help="classify the images in the folder and exit")
    parser.add_argument(
        "--every",
        type=above_zero,
        default=0.2,
        metavar="SECONDS",
        help="interval between checks of the folder (default 0.2)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if not args.folder.is_dir():
        raise UsageError(f"{args.folder}: is a file; watch takes a folder (spikelet run takes one image)")
    model = load(args.bundle, args.engine)
    model.run(np.full(model.graph.input.shape, model.graph.input.low), args.steps)  # compile before the first image
    seen: dict[Path, int] = {}
    answers: list[Answer] = []
    try:
        while True:
            for path in _ready(args.folder, seen, wait=not args.once):
                answer = _answer(model, path, args)
                if answer is not None:
                    answers.append(answer)
            if args.once:
                break
            time.sleep(max(args.every, 0.01))
    except KeyboardInterrupt:
        pass  # ends the loop
    latency = _percentiles(answers)
    facts = {"engine": model.engine, "answers": answers, "latency_ms": latency}
    emit(args, facts, _text(model.engine, len(answers), latency))
    return 0


def _ready(folder: Path, seen: dict[Path, int], wait: bool) -> list[Path]:
    """Images not yet classified; with `wait`, only those whose size has not changed since the last check."""
    ready = []
    for path in sorted(folder.iterdir()):
        if not is_image(path) or seen.get(path) == -1:
            continue
        try:
            size = path.stat().st_size
        except OSError:  # gone again
            continue
        if not wait or seen.get(path) == size:
            ready.append(path)
            size = -1
        seen[path] = size
    return ready


def _answer(model: Model, path: Path, args: argparse.Namespace) -> Answer | None:
    started = time.perf_counter()
    try:
        image = read_image(path, model.graph.input.shape)
    except DataError as error:
        print(f"spikelet watch: {error}", file=sys.stderr)
        return None
    rule = None if args.early_exit is None else Margin(args.early_exit)
    result = model.run(image, args.steps, early_exit=rule)
    ms = (time.perf_counter() - started) * 1000
    index = int(result.predictions[-1, 0])
    label = model.labels[index] if model.labels else str(index)
    if not args.json:
        print(f"{path.name}: {label} ({result.exit_steps[0]} time-steps, {ms:.1f} ms)", flush=True)
    return {"file": path.name, "class": index, "label": label, "steps": int(result.exit_steps[0]), "ms": ms}


def _percentiles(answers: list[Answer]) -> dict[str, float] | None:
    if not answers:
        return None
    times = [answer["ms"] for answer in answers]
    return {f"p{q}": float(np.percentile(times, q)) for q in (50, 95, 99)} | {"largest": max(times)}


def _text(engine: str, images: int, latency: dict[str, float] | None) -> str:
    if latency is None:
        return f"no image was classified (engine {engine})"
    shown = ", ".join(f"{name} {ms:.1f}" for name, ms in latency.items())
    return f"{images} images, engine {engine}; latency in ms: {shown}"
