"""Terminal display of a study: finished runs, progress of the current run, results."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import TracebackType
from typing import Any

from spikelet_converters.study.config import Study


class StudyView:
    """Two progress bars on a terminal (rich), and a line for each finished run.

    Args:
        study: the study.
        quiet: show nothing.
    """

    def __init__(self, study: Study, quiet: bool = False) -> None:
        self.study, self.quiet, self.finished = study, quiet, 0
        self.bar: Any = None
        if not quiet and sys.stderr.isatty() and find_spec("rich"):
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar = Progress(*columns, console=Console(stderr=True))
            self.total_task = self.bar.add_task(study.title, total=len(study.runs))
            self.run_task = self.bar.add_task("", total=None)

    def __enter__(self) -> StudyView:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def begin(self, name: str) -> None:
        """Show that a run starts."""
        if self.bar is not None:
            self.bar.reset(self.run_task, description=name, total=None)

    def tick(self, part: str, done: int, total: int) -> None:
        """Show the progress of the current run."""
        if self.bar is not None:
            name = self.bar.tasks[self.run_task].description.partition(":")[0]
            self.bar.update(self.run_task, description=f"{name}: {part}", completed=done, total=total)

    def done(self, name: str, metrics: dict[str, Any]) -> None:
        """Show the accuracies of a finished run."""
        accuracy = metrics.get("accuracy", {})
        line = "  ".join(f"T={t} {share:.2%}" for t, share in accuracy.items()) or "trained"
        self._end(f"{name}: {line}")

    def failed(self, name: str, message: str) -> None:
        """Show the error of a failed run."""
        self._end(f"{name}: FAILED, {message}")

    def _end(self, line: str) -> None:
        self.finished += 1
        line = f"[{self.finished}/{len(self.study.runs)}] {line}"
        if self.bar is not None:
            self.bar.console.print(line, highlight=False, markup=False)
            self.bar.update(self.total_task, completed=self.finished)
        elif not self.quiet:
            print(line, flush=True)
