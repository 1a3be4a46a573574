"""Threads that share the time-steps of one sample, see `kernels/host/program/share.h`."""

from __future__ import annotations

import ctypes
import os
import weakref

SPINS = 2000  # polls for work before a thread sleeps, about 50 microseconds


class Workers:
    """Threads of a library, started once and ended with this object.

    There are at most as many threads as cores that this process may use. If no thread can be started (a single core, no
    thread support in the library, or a limit of the system), the caller's thread does all work. So it does in a forked
    process, which does not inherit the threads.

    Args:
        library: The library of a network.
        threads: Number of threads, including that of the caller.
        parameters: Parameters that calls of `spikelet_step` read; kept alive until the threads have ended.
    """

    def __init__(self, library: ctypes.CDLL, threads: int, parameters: object = None) -> None:
        self._address: int | None = None
        self._process = os.getpid()
        threads = min(threads, _cores())
        if threads > 1 and hasattr(library, "spikelet_start_workers"):
            self._address = library.spikelet_start_workers(threads, SPINS)
        if self._address is not None:
            weakref.finalize(self, _stop, library, self._address, self._process, parameters)

    @property
    def address(self) -> int | None:
        """Address of the threads for `spikelet_step`; None if only the caller's thread works."""
        return self._address if os.getpid() == self._process else None


def _stop(library: ctypes.CDLL, address: int, process: int, parameters: object) -> None:
    if os.getpid() == process:
        library.spikelet_stop_workers(address)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
