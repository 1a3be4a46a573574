"""Threads that share the time-steps of one sample, see `kernels/host/share.h`."""

from __future__ import annotations

import ctypes
import os
import weakref

SPINS = 2000  # looks for the other threads, some 50 microseconds, before a thread sleeps


class Crew:
    """Threads of a library, started once and ended with this object.

    Where they cannot be started (no threads in the library, or none left on this system), the caller's thread works
    alone, as it does in a forked process, which has none of the threads.

    Args:
        library: The library of a network.
        threads: Number of threads with that of the caller.
    """

    def __init__(self, library: ctypes.CDLL, threads: int) -> None:
        self._address: int | None = None
        self._process = os.getpid()
        if hasattr(library, "spikelet_recruit"):
            self._address = library.spikelet_recruit(threads, SPINS if threads <= _cores() else 0)
        if self._address is not None:
            weakref.finalize(self, _dismiss, library, self._address, self._process)

    @property
    def address(self) -> int | None:
        """Address of the threads for `spikelet_step`; None for the caller's thread alone."""
        return self._address if os.getpid() == self._process else None


def _dismiss(library: ctypes.CDLL, address: int, process: int) -> None:
    if os.getpid() == process:
        library.spikelet_dismiss(address)


def _cores() -> int:
    """Return the number of cores that this process may use: threads that share one must not spin."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
