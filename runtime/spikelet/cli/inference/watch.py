"""Classify every image that appears in a folder, or every frame of a camera.

SOURCE is a folder into which a camera or another program writes image files, a Linux camera such as /dev/video0, or -
for raw frames on standard input:

  ffmpeg -i rtsp://camera -f rawvideo -pix_fmt rgb24 - | spikelet watch vgg9-cifar10 - --frame 640x480

Each prediction is printed at once with its latency, the time from reading the file or the complete frame to the class;
with --json, as one line of JSON. Percentiles are printed at the end (Ctrl-C, SIGTERM, --once, or the end of the input).
A file that is still being written is read once it stops changing. A file that is overwritten is classified again.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from spikelet.choices import FRAME_FORMATS
from spikelet.cli.arguments import above_zero, add_bundle, add_early_exit, add_engine, existing, positive
from spikelet.cli.inference.latency import Summary
from spikelet.cli.inference.new_images import Version, new_images
from spikelet.cli.printing import emit
from spikelet.display import number_of
from spikelet.errors import DataError, UsageError
from spikelet.escapes import printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from spikelet.session import Model
    from spikelet.session.early_exit import ExitRule

HELP = "classify every image that appears in a folder, or every frame of a camera"
EXAMPLE = "spikelet watch vgg9-cifar10 camera/ --steps 4"
JSON = "print one JSON object per line: of each image at once, and of all images at the end"
CAMERA_STEPS = 4
STANDARD_INPUT = Path("-")
CAMERA_SIZE = (640, 480)

# "class" is a key, so the functional form is needed
Answer = TypedDict("Answer", {"file": str, "class": int, "label": str, "steps": int, "ms": float})


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    parser.add_argument(
        "source",
        type=_source,
        metavar="SOURCE",
        help="folder, camera such as /dev/video0, or - for frames on standard input",
    )
    parser.add_argument(
        "--steps", type=positive, metavar="T", help=f"time-steps T (default {CAMERA_STEPS}, or that of the bundle)"
    )
    add_engine(parser)
    add_early_exit(parser)
    parser.add_argument(
        "--frame",
        type=_size,
        metavar="WxH",
        help="size of the frames (default: 640x480 of a camera, or that of the network)",
    )
    parser.add_argument(
        "--frame-format",
        choices=FRAME_FORMATS,
        help="bytes of the frames (default: those of the camera; on standard input rgb24, or gray for one channel)",
    )
    parser.add_argument("--once", action="store_true", help="classify the images in the folder and exit")
    parser.add_argument(
        "--every",
        type=above_zero,
        default=0.2,
        metavar="SECONDS",
        help="interval between checks of the folder (default 0.2); a file that did not change is complete",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import numpy as np

    from spikelet.session import load
    from spikelet.session.early_exit import Margin

    is_camera = args.source is STANDARD_INPUT or args.source.is_char_device()
    if not is_camera and not args.source.is_dir():
        raise UsageError(f"{args.source}: is a file; watch takes a folder (spikelet run takes one image)")
    if not is_camera and (args.frame or args.frame_format):
        raise UsageError("--frame and --frame-format describe the frames of a camera; the source is a folder")
    summary = Summary()
    rule = None if args.early_exit is None else Margin(args.early_exit)
    with interrupted_by_sigterm():
        model = load(args.bundle, args.engine)
        args.steps = args.steps or min(CAMERA_STEPS, model.bundle.default_steps)
        start = np.full(model.graph.input.shape, model.graph.input.low)
        model.run(start, args.steps, early_exit=rule)  # compile before the first image
        watched = _watch_frames if is_camera else _watch
        try:
            with suppress(KeyboardInterrupt):  # ends the loop
                watched(args, model, rule, summary)
        finally:
            latency = summary.latency()
            facts = {"engine": model.engine, "images": summary.images, "latency_ms": latency}
            emit(args, facts, _text(model.engine, summary.images, latency), flush=True)
    return 0


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Raise KeyboardInterrupt at SIGTERM too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _watch(args: argparse.Namespace, model: Model, rule: ExitRule | None, summary: Summary) -> None:
    """Classify the images of a folder until an exception ends the loop; with --once, a single time."""
    from spikelet.data.folder import read_image

    seen: dict[Path, tuple[Version, bool]] = {}
    shape = model.graph.input.shape
    while True:
        for path in new_images(args.source, seen, wait=not args.once):
            _classify(args, model, rule, path.name, partial(read_image, path, shape), summary)
        if args.once:
            return
        time.sleep(max(args.every, 0.01))


def _watch_frames(args: argparse.Namespace, model: Model, rule: ExitRule | None, summary: Summary) -> None:
    """Classify the frames of standard input or of a camera until they end; with --once, only the first one."""
    from spikelet.data.camera.frames import fitted

    shape = model.graph.input.shape
    if len(shape) != 3:
        raise UsageError(f"frames are images, and the network takes values of shape {shape}")
    with _frames(args, model) as frames:
        for index, frame in enumerate(frames):
            _classify(args, model, rule, f"frame {index}", partial(fitted, frame, shape), summary)
            if args.once:
                return


def _frames(args: argparse.Namespace, model: Model) -> AbstractContextManager[Iterator[npt.NDArray[np.uint8]]]:
    """Open the camera, or standard input."""
    from spikelet.data.camera.frames import Form, frames
    from spikelet.data.camera.v4l2 import camera

    shape, is_stream = model.graph.input.shape, args.source is STANDARD_INPUT
    width, height = args.frame or ((shape[2], shape[1]) if is_stream else CAMERA_SIZE)
    form = Form(width, height, args.frame_format or ("gray" if shape[0] == 1 else "rgb24"))
    model.limits.check(f"frames of {width}×{height} pixels", 4 * form.bytes)
    if is_stream:
        return nullcontext(frames(sys.stdin.buffer, form))
    return camera(args.source, width, height, args.frame_format)


def _source(text: str) -> Path:
    """Argument type: an existing path, or - for standard input."""
    return STANDARD_INPUT if text == "-" else existing(text)


def _size(text: str) -> tuple[int, int]:
    """Argument type: a size such as 640x480."""
    width, _, height = text.lower().partition("x")
    try:
        return positive(width), positive(height)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"expected a size such as 640x480, found {text!r}") from None


def _classify(
    args: argparse.Namespace,
    model: Model,
    rule: ExitRule | None,
    name: str,
    read: Callable[[], npt.NDArray[np.uint8]],
    summary: Summary,
) -> None:
    """Read an image, print its prediction and count it.

    Args:
        args: Arguments of the command.
        model: The network.
        rule: Rule of early exit, or None.
        name: Name of the image in the output.
        read: Returns the pixels of the image.
        summary: Statistics, which are updated.
    """
    started = time.perf_counter()
    try:
        image = read()
    except DataError as error:
        if args.json:
            emit(args, {"file": name, "error": str(error)}, "", flush=True)
        print(f"spikelet watch: {printable(str(error))}", file=sys.stderr)
        return
    result = model.run(image, args.steps, early_exit=rule)
    ms = (time.perf_counter() - started) * 1000
    index, steps = int(result.predictions[-1, 0]), int(result.exit_steps[0])
    label = model.labels[index] if model.labels else str(index)
    answer: Answer = {"file": name, "class": index, "label": label, "steps": steps, "ms": ms}
    summary.add(ms)
    cost = f"{number_of(steps, 'time-step')}, {ms:.1f} ms"
    emit(args, answer, f"{printable(name)}: {label} ({cost})", flush=True)


def _text(engine: str, images: int, latency: dict[str, float] | None) -> str:
    if latency is None:
        return f"no image was classified (engine {engine})"
    shown = ", ".join(f"{name} {ms:.1f}" for name, ms in latency.items())
    return f"{number_of(images, 'image')}, engine {engine}; latency in ms: {shown}"
