"""A number of threads of the process that concurrent blocks limit and restore."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class ThreadLimit:
    """Limits the threads of a library while any block is active.

    The setting applies to the process. Among concurrent blocks, the first one sets it for all, and the last one
    restores the number from before.

    Args:
        get_threads: Returns the number of threads.
        set_threads: Sets the number of threads.
    """

    def __init__(self, get_threads: Callable[[], int], set_threads: Callable[[int], None]) -> None:
        self._get, self._set = get_threads, set_threads
        self._lock = threading.Lock()
        self._active = 0  # number of blocks in all threads
        self._before = 0

    @property
    def saved(self) -> int | None:
        """The number of threads that the last block restores; None outside of all blocks."""
        return self._before if self._active else None

    @contextmanager
    def __call__(self, threads: int) -> Iterator[None]:
        """Limit the number of threads inside the block."""
        with self._lock:
            if self._active == 0:
                self._before = self._get()
                self._set(threads)
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                self._active -= 1
                if self._active == 0:
                    self._set(self._before)
