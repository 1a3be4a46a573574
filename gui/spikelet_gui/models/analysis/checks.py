"""Proof by others: the bundle's own record replayed on every engine, and Brian2, an independent simulator.

Brian2 runs in a process of its own: it wants to be the main thread of one, and it can be ended there at once.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikelet import bundle as bundles
from spikelet.bundle import Bundle
from spikelet.errors import MissingDependency, SpikeletError
from spikelet.verify import Verification, verify
from spikelet_gui.models.jobs import Progress

if TYPE_CHECKING:
    from spikelet_converters.brian2 import ValidationReport

NEURONS = (64, 256, 1024)  # sampled of each layer
IMAGES = 3


@dataclass
class Checks:
    """What is known so far. verified: by engine. report: of Brian2."""

    verified: dict[str, Verification] = field(default_factory=dict)
    report: ValidationReport | None = None


def replay(bundle: Bundle, engines: tuple[str, ...], progress: Progress) -> dict[str, Verification]:
    """The bundle's golden inputs on each engine."""
    found = {}
    for done, name in enumerate(engines):
        progress(done, len(engines))
        found[name] = verify(bundle, name)
    progress(len(engines), len(engines))
    return found


def brian2_missing() -> str | None:
    """Why there is no Brian2 here, in words; None if there is."""
    return None if find_spec("brian2") else str(MissingDependency("Brian2", "brian2"))


def validation(
    path: Path, images: np.ndarray[Any, Any], steps: int, neurons: int, engine: str
) -> Callable[[Progress], ValidationReport]:
    """The work of a validation. neurons: sampled of each layer; 0 takes all."""

    def work(progress: Progress) -> ValidationReport:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_validate, args=(there, path, images, steps, neurons, engine), daemon=True)
        process.start()
        there.close()
        try:
            return _followed(here, progress)
        finally:
            process.kill()
            process.join()
            here.close()

    return work


def _followed(pipe: Connection, progress: Progress) -> ValidationReport:
    """Hand on what the process says until it has its report."""
    while True:
        progress.check()
        if not pipe.poll(0.1):
            continue
        try:
            what, value = pipe.recv()
        except EOFError:
            raise SpikeletError("Brian2's process ended unexpectedly; it may have run out of memory") from None
        if what == "report":
            report: ValidationReport = value
            return report
        if what == "failed":
            raise SpikeletError(value)
        progress(*value)


def _validate(
    pipe: Connection, path: Path, images: np.ndarray[Any, Any], steps: int, neurons: int, engine: str
) -> None:
    """In the process."""
    from spikelet_converters.brian2 import validate

    try:
        report = validate(
            bundles.read(path),
            images,
            steps=steps,
            neurons=neurons or "all",
            engine=engine,
            on_progress=lambda done, total: pipe.send(("progress", (done, total))),
        )
        pipe.send(("report", report))
    except SpikeletError as error:
        pipe.send(("failed", str(error)))
