"""What a person sees of a study: how many runs are done, what the current one does, what each one found."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import TracebackType
from typing import Any

from spikelet_converters.study.config import Study


class StudyView:
    """Two bars on a terminal (rich), and a line for each run that ends.

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
            self.all = self.bar.add_task(study.title, total=len(study.runs))
            self.one = self.bar.add_task("", total=None)

    def __enter__(self) -> StudyView:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def begin(self, name: str) -> None:
        """A run begins."""
        if self.bar is not None:
            self.bar.reset(self.one, description=name, total=None)

    def tick(self, what: str, done: int, total: int) -> None:
        """The current run has done a part of something."""
        if self.bar is not None:
            name = self.bar.tasks[self.one].description.partition(":")[0]
            self.bar.update(self.one, description=f"{name}: {what}", completed=done, total=total)

    def done(self, name: str, metrics: dict[str, Any]) -> None:
        """A run is done."""
        found = metrics.get("accuracy", {})
        line = "  ".join(f"T={t} {share:.2%}" for t, share in found.items()) or "trained"
        self._end(f"{name}: {line}")

    def failed(self, name: str, why: str) -> None:
        """A run failed."""
        self._end(f"{name}: FAILED, {why}")

    def _end(self, line: str) -> None:
        self.finished += 1
        line = f"[{self.finished}/{len(self.study.runs)}] {line}"
        if self.bar is not None:
            self.bar.console.print(line, highlight=False, markup=False)
            self.bar.update(self.all, completed=self.finished)
        elif not self.quiet:
            print(line, flush=True)
