"""Run long tasks in threads, with progress, partial results and cancellation.

Results and progress are passed to `dispatch`, which calls the callbacks in the thread of the window. Callbacks of a
task that was cancelled or replaced are not called.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from spikelet.errors import Cancelled, SpikeletError, out_of_memory, unstated_cause
from spikelet_gui.models.signal import Signal

OUT_OF_MEMORY = "out of memory; try fewer time-steps or fewer images"
INTERVAL = 1 / 30  # seconds between two reports of progress
Call = Callable[[], object]
Result = TypeVar("Result")


class Progress:
    """Reports the progress of a task, and cancels it.

    Args:
        report: Called with the number of finished and of all parts.

    Attributes:
        cancelled: Set when the task must stop.
        parts: The number of finished and of all parts; (0, 0) while unknown.
    """

    def __init__(self, report: Callable[[int, int], object]) -> None:
        self.cancelled = threading.Event()
        self.parts = 0, 0
        self._begun = time.monotonic()
        self._report = report
        self._last = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` parts are finished. Raises Cancelled if the task must stop."""
        self.check()
        self.parts = done, total
        now = time.monotonic()
        if now - self._last >= INTERVAL or done >= total:
            self._last = now
            self._report(done, total)

    @property
    def seconds(self) -> float:
        """Seconds since the start of the task."""
        return time.monotonic() - self._begun

    def check(self) -> None:
        """Raise Cancelled if the task must stop."""
        if self.cancelled.is_set():
            raise Cancelled("task")


class PartialProgress(Progress, Generic[Result]):
    """Progress of a task with partial results of the same type as its result.

    Args:
        report: See `Progress`.
        ready: Called when there is a partial result to `deliver`.
    """

    def __init__(self, report: Callable[[int, int], object], ready: Call) -> None:
        super().__init__(report)
        self._ready = ready
        self._newest: deque[Result] = deque(maxlen=1)

    def partial(self, value: Result) -> None:
        """Offer a partial result. Raises Cancelled if the task must stop."""
        self.check()
        self._newest.append(value)
        self._ready()

    def deliver(self, callback: Callable[[Result], object]) -> None:
        """Pass the newest partial result to `callback`; older ones are dropped."""
        if self._newest:
            callback(self._newest.pop())


class Jobs:
    """Tasks by key, at most one per key: a new task replaces the previous one.

    A key is a kind of task, such as "sweep", or a kind and a subject, such as "report:page.html", for tasks of one kind
    that run at the same time.

    Args:
        dispatch: Calls a function in the thread of the window.

    Attributes:
        started: Emitted with the key.
        progressed: Emitted with the key and the number of finished and of all parts.
        cancelled: Emitted with a list of keys.
        finished: Emitted with the key when a task ends, is cancelled or is replaced.
        patience: Seconds that `close` waits for threads.
    """

    patience = 20.0

    def __init__(self, dispatch: Callable[[Call], object]) -> None:
        self.started, self.finished = Signal[[str]](), Signal[[str]]()
        self.progressed, self.cancelled = Signal[[str, int, int]](), Signal[[list[str]]]()
        self._dispatch = dispatch
        self._current: dict[str, Progress] = {}
        self._threads: list[threading.Thread] = []
        self._closed = False

    def start(
        self,
        key: str,
        work: Callable[[PartialProgress[Result]], Result],
        done: Callable[[Result], object],
        failed: Callable[[str], object],
        partial: Callable[[Result], object] = lambda value: None,
    ) -> None:
        """Run `work` in a thread.

        Args:
            key: Name of the task.
            work: The task. It calls its argument to report progress.
            done: Called with the result.
            failed: Called with the message of an error.
            partial: Called with partial results.
        """
        if self._closed:
            return
        self._drop(key)

        def dispatch(callback: Call) -> None:
            """Call a function in the thread of the window, unless the task was cancelled or replaced before."""
            self._dispatch(lambda: callback() if self._current.get(key) is progress else None)

        progress: PartialProgress[Result] = PartialProgress(
            lambda done, total: dispatch(lambda: self.progressed.emit(key, done, total)),
            lambda: dispatch(lambda: progress.deliver(partial)),
        )

        def end(callback: Call) -> None:
            del self._current[key]
            callback()
            self.finished.emit(key)

        def body() -> None:
            callback = _outcome(lambda: work(progress), done, failed)
            if callback is not None:
                dispatch(lambda: end(callback))

        self._current[key] = progress
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=body, name=f"spikelet-{key}", daemon=True)
        self.started.emit(key)
        try:
            thread.start()
        except RuntimeError:  # no more threads, or no memory for the stack of one
            end(lambda: failed(OUT_OF_MEMORY))
        else:
            self._threads.append(thread)

    def running(self, key: str) -> bool:
        """Return whether a task of that key is running."""
        return key in self._current

    @property
    def busy(self) -> bool:
        """Whether any task is running."""
        return bool(self._current)

    def cancel(self, *keys: str) -> None:
        """Cancel tasks; unknown keys are ignored."""
        running = [key for key in keys if key in self._current]
        for key in running:
            self._drop(key)
        if running:
            self.cancelled.emit(running)

    def running_for(self, seconds: float) -> dict[str, tuple[int, int]]:
        """Return the `parts` of the tasks that have run for at least `seconds`, by key."""
        return {key: task.parts for key, task in self._current.items() if task.seconds >= seconds}

    def _drop(self, key: str) -> None:
        progress = self._current.pop(key, None)
        if progress is not None:
            progress.cancelled.set()
            self.finished.emit(key)

    def cancel_all(self, keep: Collection[str] = ()) -> None:
        """Cancel every task, except those of some kinds."""
        self.cancel(*(key for key in self._current if kind_of(key) not in keep))

    def close(self) -> bool:
        """Cancel every task and wait for the threads; no task can be started afterwards.

        Returns:
            Whether all threads have ended.
        """
        self._closed = True
        self.cancel_all()
        until = time.monotonic() + self.patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return not self._threads


def _outcome(
    work: Callable[[], Result], done: Callable[[Result], object], failed: Callable[[str], object]
) -> Call | None:
    """Do the work, and return the callback with its result or the message of its error; None if it was cancelled."""
    try:
        result = work()
    except Cancelled:
        return None
    except Exception as error:  # every error is shown
        message = message_of(error)
        return lambda: failed(message)
    return lambda: done(result)


def kind_of(key: str) -> str:
    """Return the kind of task of a key."""
    return key.partition(":")[0]


def message_of(error: Exception) -> str:
    """Return a message for an exception, with its type unless its text alone explains it."""
    if isinstance(error, SpikeletError):
        return str(error)
    if out_of_memory(error):
        return OUT_OF_MEMORY + unstated_cause(error)
    if isinstance(error, OSError) and error.filename and error.strerror:  # a file or folder removed meanwhile
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {error}"
