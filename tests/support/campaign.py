"""Check mutated files in several processes, and keep the files that fail.

A worker sends two kinds of messages: ("bad", complaint, content of the file) for a complaint, and
("done", verdicts, measurements) for a portion of files: how many files had which verdict, and the largest of each
measurement among them.
"""

from __future__ import annotations

import collections
import multiprocessing
import multiprocessing.connection
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

REPORT_SECONDS = 20.0  # seconds between two lines of progress


@dataclass
class Outcome:
    """The outcome of a campaign so far.

    Attributes:
        verdicts: Number of files by verdict.
        complaints: A message for each file or process that failed.
        largest: The largest value of each measurement.
    """

    verdicts: collections.Counter[str] = field(default_factory=collections.Counter)
    complaints: list[str] = field(default_factory=list)
    largest: tuple[float, ...] = ()

    def add(self, verdicts: dict[str, int], measurements: tuple[float, ...]) -> None:
        """Add a portion of files."""
        self.verdicts.update(verdicts)
        pairs = zip(self.largest or measurements, measurements, strict=True)
        self.largest = tuple(max(pair) for pair in pairs)


def shares(count: int, processes: int) -> list[int]:
    """Return the number of files of each process."""
    return [count // processes + (index < count % processes) for index in range(processes)]


def run(
    work: Callable[..., None],
    count: int,
    processes: int,
    keep: Path,
    seed: object,
    *options: object,
    suffix: str = ".snnb",
) -> Outcome:
    """Run work(seed of the process, number of files, pipe, *options) in each process.

    Args:
        work: Function at the top level of a module, which checks files and closes the pipe at the end.
        count: Number of files.
        processes: Number of processes.
        keep: Folder for the files that fail.
        seed: Seed of the campaign.
        options: Further arguments of `work`.
        suffix: Suffix of the files that are kept.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices are tiny, and threads cost address space
    context = multiprocessing.get_context("spawn")
    pipes, workers = [], []
    for index, share in enumerate(shares(count, processes)):
        receiver, sender = context.Pipe(duplex=False)
        workers.append(context.Process(target=work, args=(f"{seed}-{index}", share, sender, *options), daemon=True))
        workers[-1].start()
        sender.close()
        pipes.append(receiver)
    outcome = Outcome()
    started = reported = time.monotonic()
    for kind, *values in _messages(pipes):
        if kind == "bad":
            complaint, content = values
            keep.mkdir(parents=True, exist_ok=True)
            path = keep / f"seed-{seed}-{len(outcome.complaints)}{suffix}"
            path.write_bytes(content)
            outcome.complaints.append(f"{path}: {complaint}")
            print(outcome.complaints[-1], file=sys.stderr, flush=True)
            continue
        outcome.add(*values)
        if time.monotonic() > reported + REPORT_SECONDS:
            reported = time.monotonic()
            files = outcome.verdicts.total()
            rate = files / (reported - started)
            print(f"{files:>9,} files, {len(outcome.complaints)} complaints, {rate:.0f} a second", flush=True)
    for worker in workers:
        worker.join()
        if worker.exitcode != 0:
            outcome.complaints.append(f"a process ended with exit code {worker.exitcode} before its last portion")
            print(outcome.complaints[-1], file=sys.stderr, flush=True)
    return outcome


def _messages(pipes: list[multiprocessing.connection.Connection]) -> Iterator[tuple[str, ...]]:
    """Yield the messages of all pipes until every one is closed."""
    while pipes:
        for pipe in multiprocessing.connection.wait(pipes):
            try:
                yield pipe.recv()
            except EOFError:
                pipes.remove(pipe)
