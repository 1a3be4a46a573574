"""Show the progress of training: a live bar on a terminal, and one line per epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet.cli.printing import Progress
from spikelet.display import number_of
from spikelet.files.decoded import ReadOnlyDocument
from spikelet_converters.cli.live_display import LiveDisplay

if TYPE_CHECKING:
    from rich.progress import ProgressColumn, TaskID

    from spikelet_converters.training.execution import TrainingProgress
    from spikelet_converters.training.phases import Phase


class TrainingView(LiveDisplay):
    """A progress bar with loss and remaining time, if rich is installed, and one line per epoch.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(quiet)
        self.task: TaskID | None = None
        self.simple = Progress("training", quiet)

    def columns(self) -> list[ProgressColumn]:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        return [
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.3f}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        ]

    def phase(self, number: int, count: int, phase: Phase) -> None:
        """Print the start of a phase, with its main options."""
        if count > 1:
            self.simple.label = f"phase {number}/{count}"
        self.line(
            f"phase {number} of {count}: {number_of(phase.recipe.epochs, 'epoch')}, residual {phase.spec.residual}, "
            f"augmentation: {phase.recipe.augmentation or 'none'}"
        )

    def batch(self, progress: TrainingProgress) -> None:
        """Update the bar after a batch."""
        done, total = (progress.epoch - 1) * progress.batches + progress.batch, progress.epochs * progress.batches
        if self.bar is None:
            self.simple(done, total)
            return
        if self.task is None or self.bar.tasks[self.task].total != total or progress.epoch == progress.batch == 1:
            if self.task is not None:
                self.bar.remove_task(self.task)
            self.task = self.bar.add_task("training", total=total, epoch=0, epochs=0, loss=0.0)
        self.bar.update(self.task, completed=done, epoch=progress.epoch, epochs=progress.epochs, loss=progress.loss)

    def epoch(self, row: ReadOnlyDocument) -> None:
        """Print the log row of a finished epoch."""
        self.line(
            f"epoch {row['epoch']:>3}  loss {row['loss']:.3f}  validation: source network {row['float_accuracy']:.1%}, "
            f"spiking {row['spiking_accuracy']:.1%}  ({row['seconds']:.0f} s)"
        )
