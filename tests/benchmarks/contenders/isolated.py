"""Contenders of a measurement, each in a process of its own that is stopped while the others run.

Threads of ONNX Runtime, OpenVINO and PyTorch poll for work for up to 50 ms after a call. In one process, or in a process
that is not stopped, they occupy the cores of the contender that is measured next.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

Run = Callable[[int], object]  # runs T time-steps
Result = TypeVar("Result")
WARM = 0.02  # seconds of warm-up before a measurement; at least one run

_context = multiprocessing.get_context("fork")


class Contender:
    """A process that builds a contender and measures it on request.

    Args:
        build: Returns the function to be measured; called in the process.

    Attributes:
        failure: Reason why it cannot be built, or "".
    """

    def __init__(self, build: Callable[[], Run]) -> None:
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(target=_serve, args=(theirs, build), daemon=True)
        self._process.start()
        weakref.finalize(self, self._process.kill)  # at the end of the program, too: it does not end stopped processes
        theirs.close()
        self.failure: str = self._received()

    def measure(self, steps: int) -> tuple[float, float]:
        """Warm up, run once and return the wall-clock and the processor time, in ms."""
        os.kill(self.pid, signal.SIGCONT)
        self._pipe.send(steps)
        return self._received()

    def close(self) -> None:
        """End the process."""
        self._process.kill()  # a stopped process too
        self._process.join()
        self._pipe.close()

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def _received(self):
        """Return the answer of the process, which is then stopped."""
        answer = self._pipe.recv()
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return answer


def alone(function: Callable[..., Result], *arguments: object) -> Result:
    """Return the result of a function that runs in a process of its own, whose threads end with it."""
    pipe, theirs = _context.Pipe()
    process = _context.Process(target=lambda: theirs.send(function(*arguments)))
    process.start()
    theirs.close()  # so that the pipe closes when the process fails
    result: Result = pipe.recv()
    process.join()
    return result


def _serve(pipe: Connection, build: Callable[[], Run]) -> None:
    try:
        run = build()
        run(1)
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
        return
    pipe.send("")
    while True:
        pipe.send(measured(run, pipe.recv()))


def measured(run: Run, steps: int) -> tuple[float, float]:
    """Warm up, run once and return the wall-clock and the processor time, in ms."""
    warm(run, steps)
    wall, cpu = time.perf_counter(), time.process_time()
    run(steps)
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000


def warm(run: Run, steps: int) -> None:
    """Load weights into the caches and train the branch predictor, which the previous contender used."""
    until = time.perf_counter() + WARM
    run(steps)
    while time.perf_counter() < until:
        run(steps)
