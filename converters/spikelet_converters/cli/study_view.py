"""Show the progress of a study: finished runs, progress of the current run, results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet.files.decoded import ReadOnlyDocument
from spikelet_converters.cli.live_display import LiveDisplay

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from spikelet_converters.study.grid import Study


class StudyView(LiveDisplay):
    """Two progress bars, if rich is installed, and one line for each finished run.

    Args:
        study: The study.
        quiet: Show nothing.
    """

    def __init__(self, study: Study, quiet: bool = False) -> None:
        super().__init__(quiet)
        self.study, self.finished = study, 0
        if self.bar is not None:
            self.total_task = self.bar.add_task(study.title, total=len(study.runs))
            self.run_task = self.bar.add_task("", total=None)

    def columns(self) -> list[ProgressColumn]:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        return [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]

    def begin(self, name: str) -> None:
        """Show that a run starts."""
        if self.bar is not None:
            self.bar.reset(self.run_task, description=name, total=None)

    def tick(self, part: str, done: int, total: int) -> None:
        """Show the progress of the current run."""
        if self.bar is not None:
            name = self.bar.tasks[self.run_task].description.partition(":")[0]
            self.bar.update(self.run_task, description=f"{name}: {part}", completed=done, total=total)

    def done(self, name: str, metrics: ReadOnlyDocument) -> None:
        """Show the accuracies of a finished run."""
        accuracy = metrics.get("accuracy", {})
        text = ", ".join(f"{share:.2%} at T = {t}" for t, share in accuracy.items()) or "trained"
        self._end(f"{name}: {text}")

    def failed(self, name: str, message: str) -> None:
        """Show the error of a failed run."""
        self._end(f"{name}: FAILED, {message}")

    def _end(self, text: str) -> None:
        self.finished += 1
        self.line(f"[{self.finished}/{len(self.study.runs)}] {text}")
        if self.bar is not None:
            self.bar.update(self.total_task, completed=self.finished)
