"""Replay the golden inputs on every engine, and validate the bundle with Brian2, an independent simulator.

Brian2 runs in a separate process: it requires the main thread, and a process can be stopped at any time.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikelet.bundle import SUFFIX, Bundle, decode, write
from spikelet.errors import MissingDependency, SpikeletError
from spikelet.verify import StepVerification, Verification, verify, verify_step
from spikelet_gui.models.jobs import Progress

if TYPE_CHECKING:
    from spikelet_converters.brian2 import ValidationReport

NEURONS = (64, 256, 1024)  # choices of the number of neurons per layer
IMAGES = 3  # default number of images


@dataclass
class Checks:
    """Results of the checks.

    Attributes:
        verified: Replay of the golden inputs, by engine; empty before the first run.
        step_model: Replay of the golden inputs through step.onnx, or None before the first run.
        report: Validation with Brian2, or None.
    """

    verified: dict[str, Verification] = field(default_factory=dict)
    step_model: StepVerification | None = None
    report: ValidationReport | None = None


def replay(
    bundle: Bundle, engines: tuple[str, ...], progress: Progress
) -> tuple[dict[str, Verification], StepVerification]:
    """Replay the golden inputs of a bundle on each engine and through its step.onnx."""
    verified, total = {}, len(engines) + 1
    for done, name in enumerate(engines):
        progress(done, total)
        verified[name] = verify(bundle, name)
    progress(len(engines), total)
    step_model = verify_step(bundle)
    progress(total, total)
    return verified, step_model


def brian2_missing() -> str | None:
    """Return the message that Brian2 is not installed, or None if it is."""
    return None if find_spec("brian2") else str(MissingDependency("Brian2", "brian2"))


def validation(
    bundle: Bundle, images: npt.NDArray[np.generic], steps: int, neurons: int, engine: str
) -> Callable[[Progress], ValidationReport]:
    """Return a task that validates a bundle with Brian2.

    Args:
        bundle: The bundle.
        images: (N, *input shape).
        steps: T.
        neurons: Number of neurons per layer to simulate; 0 simulates all.
        engine: Engine that is compared with Brian2.
    """

    def work(progress: Progress) -> ValidationReport:
        context = multiprocessing.get_context("spawn")
        with tempfile.TemporaryDirectory(prefix="spikelet-") as folder:
            copy = Path(folder) / f"open{SUFFIX}"
            write(bundle, copy)  # the file that was opened can have been changed or removed since
            receiver, sender = context.Pipe(duplex=False)
            arguments = sender, copy, images, steps, neurons, engine
            process = context.Process(target=validate_alone, args=arguments, daemon=True)
            process.start()
            sender.close()
            try:
                return receive(receiver, progress)
            finally:
                process.kill()
                process.join()
                receiver.close()

    return work


def receive(pipe: Connection, progress: Progress) -> ValidationReport:
    """Report the progress of the process until it sends its report."""
    while True:
        progress.check()
        if not pipe.poll(0.1):
            continue
        try:
            kind, value = pipe.recv()
        except EOFError:
            raise SpikeletError("the process of Brian2 ended unexpectedly; it may have run out of memory") from None
        if kind == "report":
            report: ValidationReport = value
            return report
        if kind == "failed":
            raise SpikeletError(value)
        progress(*value)


def validate_alone(
    pipe: Connection, path: Path, images: npt.NDArray[np.generic], steps: int, neurons: int, engine: str
) -> None:
    """Validate, and send progress and the report; runs in the separate process."""
    from spikelet_converters.brian2 import validate

    try:
        report = validate(
            decode(path.read_bytes()),
            images,
            steps=steps,
            neurons=neurons or "all",
            engine=engine,
            on_progress=lambda done, total: pipe.send(("progress", (done, total))),
        )
        pipe.send(("report", report))
    except SpikeletError as error:
        pipe.send(("failed", str(error)))
