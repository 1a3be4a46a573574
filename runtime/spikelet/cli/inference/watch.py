"""Classify every image that appears in a folder, as written by a camera or another program.

Each prediction is printed at once with its latency, from reading the file to the class; with --json, as one line of
JSON. Percentiles are printed at the end (Ctrl-C, SIGTERM, or --once). A file that is still being written is read once
it stops changing; a file that is written again under the same name is classified again.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from spikelet.choices import ENGINES
from spikelet.cli.common import above_zero, bundle_file, existing, number, positive
from spikelet.errors import DataError, UsageError

if TYPE_CHECKING:
    from spikelet.session import Model
    from spikelet.session.early_exit import ExitRule

HELP = "classify every image that appears in a folder"
EXAMPLE = "spikelet watch vgg9-cifar10 camera/ --steps 4"
STEPS = 4
RECENT = 10_000  # images of which the percentiles of the latency are computed

# "class" is a key, so the functional form is needed
Answer = TypedDict("Answer", {"file": str, "class": int, "label": str, "steps": int, "ms": float})
Version = tuple[int, int, int]  # inode, size and time of the last change of a file


@dataclass
class Summary:
    """Statistics of the predictions, of constant size.

    Attributes:
        images: number of images classified.
        times: latency of the most recent ones, in ms.
        largest: largest latency, in ms.
    """

    images: int = 0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    largest: float = 0.0

    def add(self, ms: float) -> None:
        """Count an image with its latency."""
        self.images += 1
        self.times.append(ms)
        self.largest = max(self.largest, ms)

    def latency(self) -> dict[str, float] | None:
        """Return percentiles in ms, None without images."""
        import numpy as np

        if not self.times:
            return None
        return {f"p{q}": float(np.percentile(self.times, q)) for q in (50, 95, 99)} | {"largest": self.largest}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("bundle", type=bundle_file, metavar="BUNDLE")
    parser.add_argument("folder", type=existing, metavar="DIR")
    parser.add_argument("--steps", type=positive, help=f"time-steps T (default {STEPS}, or that of the bundle)")
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
        help="interval between checks of the folder, below that of the writes to a file (default 0.2)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import numpy as np

    from spikelet.session import load
    from spikelet.session.early_exit import Margin

    if not args.folder.is_dir():
        raise UsageError(f"{args.folder}: is a file; watch takes a folder (spikelet run takes one image)")
    summary = Summary()
    rule = None if args.early_exit is None else Margin(args.early_exit)
    with terminable():
        model = load(args.bundle, args.engine)
        args.steps = args.steps or min(STEPS, model.bundle.default_steps)
        start = np.full(model.graph.input.shape, model.graph.input.low)
        model.run(start, args.steps, early_exit=rule)  # compile before the first image
        with suppress(KeyboardInterrupt):  # it ends the loop
            _watch(args, model, rule, summary)
    latency = summary.latency()
    if args.json:
        print(json.dumps({"engine": model.engine, "images": summary.images, "latency_ms": latency}), flush=True)
    else:
        print(_text(model.engine, summary.images, latency), flush=True)
    return 0


@contextmanager
def terminable() -> Iterator[None]:
    """Raise KeyboardInterrupt at SIGTERM too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _watch(args: argparse.Namespace, model: Model, rule: ExitRule | None, summary: Summary) -> None:
    """Classify images until an exception ends the loop, or once."""
    seen: dict[Path, tuple[Version, bool]] = {}
    while True:
        for path in _ready(args.folder, seen, wait=not args.once):
            _classify(args, model, rule, path, summary)
        if args.once:
            return
        time.sleep(max(args.every, 0.01))


def _ready(folder: Path, seen: dict[Path, tuple[Version, bool]], wait: bool) -> list[Path]:
    """Return the images whose present content was not returned before; with `wait`, only those that stopped changing.

    Args:
        folder: the folder.
        seen: by file, its last version and whether it was returned; updated. Files that are gone are removed.
        wait: whether a version must be the same at two checks.
    """
    from spikelet.data.folder import is_image

    ready: list[Path] = []
    present: dict[Path, tuple[Version, bool]] = {}
    for path in sorted(folder.iterdir()):
        if not is_image(path):
            continue
        try:
            status = path.stat()
        except OSError:  # gone again
            continue
        version = (status.st_ino, status.st_size, status.st_mtime_ns)
        last, returned = seen.get(path, (None, False))
        due = version != last if not wait else version == last and not returned
        if due:
            ready.append(path)
        present[path] = (version, due or (version == last and returned))
    seen.clear()
    seen.update(present)
    return ready


def _classify(args: argparse.Namespace, model: Model, rule: ExitRule | None, path: Path, summary: Summary) -> None:
    """Read an image, print its prediction and count it."""
    from spikelet.data.folder import read_image

    started = time.perf_counter()
    try:
        image = read_image(path, model.graph.input.shape)
    except DataError as error:
        if args.json:
            print(json.dumps({"file": path.name, "error": str(error)}), flush=True)
        print(f"spikelet watch: {error}", file=sys.stderr)
        return
    result = model.run(image, args.steps, early_exit=rule)
    ms = (time.perf_counter() - started) * 1000
    index, steps = int(result.predictions[-1, 0]), int(result.exit_steps[0])
    label = model.labels[index] if model.labels else str(index)
    answer: Answer = {"file": path.name, "class": index, "label": label, "steps": steps, "ms": ms}
    summary.add(ms)
    shown = json.dumps(answer) if args.json else f"{path.name}: {label} ({steps} time-steps, {ms:.1f} ms)"
    print(shown, flush=True)


def _text(engine: str, images: int, latency: dict[str, float] | None) -> str:
    if latency is None:
        return f"no image was classified (engine {engine})"
    shown = ", ".join(f"{name} {ms:.1f}" for name, ms in latency.items())
    return f"{images} images, engine {engine}; latency in ms: {shown}"
