"""Show the progress of training: a live bar on a terminal, and one line per epoch."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import TracebackType
from typing import Any

from spikelet.cli import common
from spikelet_converters.training.loop import TrainingProgress


class TrainingView:
    """A progress bar with loss and remaining time, if rich is installed, and one line per epoch.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.bar: Any = None
        self.task: Any = None
        self.simple = common.Progress("training", quiet)
        if not quiet and sys.stderr.isatty() and find_spec("rich"):
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self.bar = Bar(
                TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
                BarColumn(),
                TextColumn("loss {task.fields[loss]:.3f}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )

    def __enter__(self) -> TrainingView:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def batch(self, now: TrainingProgress) -> None:
        """Update the bar after a batch."""
        done, total = (now.epoch - 1) * now.batches + now.batch, now.epochs * now.batches
        if self.bar is None:
            self.simple(done, total)
            return
        facts = {"epoch": now.epoch, "epochs": now.epochs, "loss": now.loss}
        if self.task is None or self.bar.tasks[self.task].total != total or now.epoch == now.batch == 1:
            if self.task is not None:
                self.bar.remove_task(self.task)
            self.task = self.bar.add_task("training", total=total, **facts)
        self.bar.update(self.task, completed=done, **facts)

    def epoch(self, row: dict[str, Any]) -> None:
        """Print the log row of a finished epoch."""
        if self.quiet:
            return
        line = (
            f"epoch {row['epoch']:>3}  loss {row['loss']:.3f}  validation: float {row['float_accuracy']:.1%}, "
            f"spiking {row['spiking_accuracy']:.1%}  ({row['seconds']:.0f} s)"
        )
        if self.bar is None:
            print(line, flush=True)
        else:
            self.bar.console.print(line, highlight=False)
