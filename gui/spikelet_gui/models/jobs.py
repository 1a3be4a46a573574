"""Long tasks in threads of their own: with progress, partial results, and an end whenever one is wanted.

What a task returns, and what it says on its way, is handed to `dispatch`, which calls it in the thread of the
window; a task that was cancelled or replaced is not heard any more.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from spikelet.errors import Cancelled, SpikeletError, out_of_memory
from spikelet_gui.models.signal import Signal

OUT_OF_MEMORY = "out of memory; try fewer time-steps or fewer images"
EVERY = 1 / 30  # seconds between two reports of progress
Call = Callable[[], None]


class Progress:
    """What a task holds: it says how far it is, and learns here that it should stop.

    report: called with done and total. partial: called when there is a result to `give`.
    """

    def __init__(self, report: Callable[[int, int], None], partial: Call) -> None:
        self.cancelled = threading.Event()
        self._report, self._partial = report, partial
        self._newest: deque[Any] = deque(maxlen=1)
        self._last = 0.0

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` are finished. Raises Cancelled when the task should stop."""
        self.check()
        now = time.monotonic()
        if now - self._last >= EVERY or done >= total:
            self._last = now
            self._report(done, total)

    def partial(self, value: Any) -> None:
        """Show a result that is not the last one. Raises Cancelled when the task should stop."""
        self.check()
        self._newest.append(value)
        self._partial()

    def give(self, call: Callable[[Any], None]) -> None:
        """Hand over the newest result; where several have waited, the older ones are not shown any more."""
        if self._newest:
            call(self._newest.pop())

    def check(self) -> None:
        """Raise Cancelled when the task should stop."""
        if self.cancelled.is_set():
            raise Cancelled("cancelled")


Work = Callable[[Progress], Any]


class Jobs:
    """Tasks by key: at most one per key; a new task replaces the old one.

    started, finished: emitted with the key. progressed: with the key, done and total. cancelled: with all keys.
    patience: seconds that `close` waits for threads.
    """

    patience = 20.0

    def __init__(self, dispatch: Callable[[Call], None]) -> None:
        self.started, self.progressed, self.cancelled, self.finished = Signal(), Signal(), Signal(), Signal()
        self._dispatch = dispatch
        self._current: dict[str, Progress] = {}
        self._threads: list[threading.Thread] = []
        self._closed = False

    def start(
        self,
        key: str,
        work: Work,
        done: Callable[[Any], None],
        failed: Callable[[str], None],
        partial: Callable[[Any], None] = lambda value: None,
    ) -> None:
        """Run `work`; call `done` with its result or `failed` with an error message."""
        if self._closed:
            return
        self._drop(key)

        def current(call: Callable[..., None], *values: Any) -> None:
            """Call it in the window's thread, if the task still counts there."""
            self._dispatch(lambda: call(*values) if self._current.get(key) is progress else None)

        progress = Progress(
            lambda done, total: current(self.progressed.emit, key, done, total),
            lambda: current(progress.give, partial),
        )

        def end(call: Callable[[Any], None], value: Any) -> None:
            del self._current[key]
            call(value)
            self.finished.emit(key)

        def body() -> None:
            try:
                result = work(progress)
            except Cancelled:
                return
            except Exception as error:  # whatever it is, a person has to hear of it
                current(end, failed, _in_words(error))
            else:
                current(end, done, result)

        self._current[key] = progress
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=body, name=f"spikelet-{key}", daemon=True)
        self.started.emit(key)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads to give, or no memory for another's stack
            end(failed, OUT_OF_MEMORY)
        else:
            self._threads.append(thread)

    def running(self, key: str) -> bool:
        """Whether a task of that key is under way."""
        return key in self._current

    @property
    def busy(self) -> bool:
        """Whether any task is under way."""
        return bool(self._current)

    def cancel(self, *keys: str) -> None:
        """Tell tasks to stop; they are not heard from now on."""
        found = [key for key in keys if key in self._current]
        for key in found:
            self._drop(key)
        if found:
            self.cancelled.emit(found)

    def _drop(self, key: str) -> None:
        progress = self._current.pop(key, None)
        if progress is not None:
            progress.cancelled.set()
            self.finished.emit(key)

    def cancel_all(self) -> None:
        """Tell every task to stop."""
        self.cancel(*self._current)

    def close(self) -> bool:
        """Stop everything and wait for the threads; True if none is left. No task can be started after it."""
        self._closed = True
        self.cancel_all()
        until = time.monotonic() + self.patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return not self._threads


def _in_words(error: Exception) -> str:
    if isinstance(error, SpikeletError):
        return str(error)
    return OUT_OF_MEMORY if out_of_memory(error) else f"{type(error).__name__}: {error}"
