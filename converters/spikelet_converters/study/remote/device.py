"""Train the next networks of a list within a time limit, with torch and NumPy only.

    images DIR NAME     on the machine of the study: pack the training split of a data set
    train FILE.toml …   on the other machine: train, then pack finished networks and the state of unfinished ones
    take FOLDER         on the machine of the study: unpack the results of a call

`train` can be called again at any time. It continues with the first network of the list that is not finished, from
its last complete epoch. A finished network is packed once, the state of an unfinished one after every call.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from spikelet.data import read
from spikelet.errors import SpikeletError
from spikelet.escapes import without_folders
from spikelet_converters.study.perform import train_network
from spikelet_converters.study.remote import parcels
from spikelet_converters.study.remote.clock import Clock, EpochWatch, TimeUp
from spikelet_converters.study.remote.images import pack_images, unpack_images
from spikelet_converters.study.remote.queue import Item, Queue
from spikelet_converters.training.execution import DEFAULT_EXECUTION, Execution
from spikelet_converters.training.parallel import choose_device

MODULE = "spikelet_converters.study.remote.device"
COMPILED_FROM = 20  # smallest number of epochs of a compiled run; compiling takes a minute
Report = Callable[[str], None]


def train_queue(queue: Queue, clock: Clock, execution: Execution = DEFAULT_EXECUTION, report: Report = print) -> None:
    """Train networks one after another until the list or the time ends.

    Args:
        queue: The list.
        clock: Time of the call.
        execution: Command line and device; only long runs are compiled.
        report: Called with a message for each network.
    """
    for item in queue:
        if not item.finished and not train_item(queue, item, clock, execution, report):
            return


def train_item(queue: Queue, item: Item, clock: Clock, execution: Execution, report: Report) -> bool:
    """Train one network, if it can be trained now, and return whether there is time for the next."""
    obstacle = _obstacle(item)
    if obstacle is not None:
        report(f"{item.name}: {obstacle}")
        return True
    if clock.left <= 0:
        return False
    watch = EpochWatch(clock)
    compiled = execution.compiled and item.run.options.get("epochs", 0) >= COMPILED_FROM
    execution = replace(execution, compiled=compiled, on_batch=watch.on_batch, on_epoch=watch.on_epoch)
    try:
        train_network(item.study, item.run.name, item.folder, queue.data(item), execution)
    except TimeUp:
        report(f"{item.name}: stopped by the clock" + ("" if item.finished else ", continues at the next call"))
        if not item.finished:
            return False
    except SpikeletError as error:
        report(f"{item.name}: failed: {error}")
        return True
    report(f"{item.name}: finished, {clock.left:.0f} s left")
    return True


def _obstacle(item: Item) -> str | None:
    if not item.study.data.exists():
        return f"waits for its images, {item.study.data}"
    if not item.ready:
        return f"waits for {item.run.begins}"
    return None


def train_side_by_side(queue: Queue, clock: Clock, count: int, child: Callable[[Item], list[str]]) -> None:
    """Train up to `count` networks at a time, each in a separate process.

    Args:
        queue: The list.
        clock: Time of the call.
        count: Largest number of processes.
        child: Returns the command line of the process that trains a network.
    """
    running: dict[str, subprocess.Popen[bytes]] = {}
    tried: set[str] = set()
    while True:
        running = {name: process for name, process in running.items() if process.poll() is None}
        for item in queue:
            if len(running) >= count or clock.left <= 0:
                break
            if item.name in tried or item.finished or _obstacle(item) is not None:
                continue
            tried.add(item.name)
            running[item.name] = subprocess.Popen(child(item))
        if not running:
            return
        time.sleep(0.1)


def pack_results(queue: Queue, out: Path, report: Report = print) -> None:
    """Pack finished networks that were not packed yet, then the state of unfinished ones, as far as they fit.

    Networks that do not fit stay in the folder of the runs, for the next call on this machine.
    """
    unsent = queue.unsent()
    unfinished = [item for item in queue if item.started and not item.finished]
    packed = parcels.pack({item.name: item.files() for item in [*unsent, *unfinished]}, out, "networks")
    queue.mark_sent([item.name for item in unsent if item.name in packed])
    for item in [*unsent, *unfinished]:
        state = "finished" if item.finished else "unfinished"
        report(f"{item.name}: {state}, " + ("packed" if item.name in packed else "did not fit: call again"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    args = _parser().parse_args(arguments)
    try:
        {"images": _images, "train": _train, "take": _take}[args.action](args)
    except SpikeletError as error:
        print(f"{MODULE}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(MODULE, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    images = actions.add_parser("images")
    images.add_argument("data", type=Path, metavar="DIR")
    images.add_argument("name", help="name of the data in the study, in lower case: cifar100 for CIFAR-100")
    images.add_argument("--to", type=Path, default=Path("build/gpu/data"), metavar="DIR")
    train = actions.add_parser("train")
    train.add_argument("studies", type=Path, nargs="+", metavar="FILE.toml")
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the parcels")
    train.add_argument("--data", type=Path, default=Path("build/gpu/data"), metavar="DIR", help="parcels of images")
    train.add_argument("--state", type=Path, default=Path("build/gpu/state"), metavar="DIR", help="parcels of networks")
    train.add_argument("--images", type=Path, default=Path("build/gpu/images"), metavar="DIR")
    train.add_argument("--runs", type=Path, default=Path("build/gpu/runs"), metavar="DIR")
    train.add_argument("--seconds", type=float, default=570, help="length of the call")
    train.add_argument("--reserve", type=float, default=40, help="seconds at the end of the call for packing")
    train.add_argument("--device", default="auto")
    train.add_argument("--parallel", type=int, default=1, metavar="N", help="networks trained at a time")
    train.add_argument("--compile", action="store_true", help="compile the pass of runs of 20 epochs and more")
    train.add_argument("--only", metavar="STUDY/RUN", help="train this network and pack nothing")
    take = actions.add_parser("take")
    take.add_argument("folder", type=Path)
    take.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    return parser


def _images(args: argparse.Namespace) -> None:
    args.to.mkdir(parents=True, exist_ok=True)
    for part in pack_images(read(args.data, "train"), args.name, args.to):
        print(f"{part}  {part.stat().st_size:,} bytes")


def _train(args: argparse.Namespace) -> None:
    clock = Clock(args.seconds, args.reserve)
    command = shlex.join(["python", "-m", MODULE, *without_folders(sys.argv[1:])])
    execution = Execution(command, choose_device(args.device), compiled=args.compile)
    if args.only is None:
        for message in unpack_images(args.data, args.images):
            print(message, flush=True)
        _restore(args.state, args.runs)
    queue = Queue(args.studies, args.images, args.runs)

    def report(message: str) -> None:
        print(message, flush=True)

    if args.only is not None:
        train_item(queue, queue.item(args.only), clock, execution, report)
        return
    if args.parallel > 1:
        train_side_by_side(queue, clock, args.parallel, lambda item: _child(args, item, clock))
    else:
        train_queue(queue, clock, execution, report)
    pack_results(queue, args.out, report)


def _child(args: argparse.Namespace, item: Item, clock: Clock) -> list[str]:
    options = ["--out", str(args.out), "--images", str(args.images), "--runs", str(args.runs), "--device", args.device]
    options += ["--seconds", str(clock.left), "--reserve", "0", "--only", item.name]
    options += ["--compile"] if args.compile else []
    return [sys.executable, "-m", MODULE, "train", *map(str, args.studies), *options]


def _restore(state: Path, runs: Path) -> None:
    """Unpack the networks of earlier calls, unless this machine has them."""
    if runs.exists() or not state.is_dir():
        return
    part = runs.with_name(f".{runs.name}.part")
    parcels.unpack(state, part)
    part.rename(runs)


def _take(args: argparse.Namespace) -> None:
    for path in parcels.unpack(args.folder, args.runs):
        print(args.runs / path)


if __name__ == "__main__":
    sys.exit(main())
