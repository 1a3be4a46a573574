"""Accuracy over many images, and the margin of early exit at which it is shown."""

from __future__ import annotations

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet_gui.models.analysis.sweep import Sweep, sweep
from spikelet_gui.models.jobs import Jobs, PartialProgress
from spikelet_gui.models.session.kept.keeper import Keeper
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.signal import Signal


class Measured:
    """Accuracy, spike rates and operations over many images.

    Args:
        jobs: Runs the measurement in the background.
        keeper: Files of results that are kept between sessions.
        settings: Settings of the session, which include the margin.
        failed: Emitted with the message of an error.

    Attributes:
        swept: Emitted when the accuracy, partial or complete, is set.
        completed: Emitted after `swept` when the accuracy is complete.
        threshold_moved: Emitted when the margin of early exit changes.
        sweep: Accuracy over many images, or None.
        data: The data set of `sweep`, which can be that of its first images only; or None.
        threshold: Margin of early exit, in logits.
    """

    def __init__(self, jobs: Jobs, keeper: Keeper, settings: Settings, failed: Signal[[str]]) -> None:
        self.swept, self.completed, self.threshold_moved = Signal[[]](), Signal[[]](), Signal[[]]()
        self._jobs, self._keeper, self._settings, self._failed = jobs, keeper, settings, failed
        self.sweep: Sweep | None = None
        self.data: ImageSet | None = None
        self.threshold = settings.threshold

    def clear(self) -> None:
        """Discard the accuracy, without a signal."""
        self.sweep, self.data = None, None

    def run(self, bundle: Bundle, engine: str, steps: int, data: ImageSet, count: int | None, first: bool) -> None:
        """Measure accuracy, spike rates and operations in the background.

        Args:
            bundle: The network.
            engine: Name of the engine.
            steps: T.
            data: The images.
            count: Measure the first images only; None measures all.
            first: Whether to accept a measurement that was kept from another session.
        """
        part, keeper = data if count is None else data.take(slice(0, count)), self._keeper

        def work(progress: PartialProgress[Sweep]) -> Sweep:
            _ = data.digest  # computed in the background: whether results are out of date depends on it
            known = keeper.restore_sweep(bundle, data, steps, engine) if first else None
            return known or keeper.sweep(bundle, data, sweep(bundle, part, steps, engine, progress))

        self._jobs.start(
            "sweep",
            work,
            lambda complete: self.complete(complete, data),
            self._failed.emit,
            lambda partial: self._set(partial, data),
        )

    def complete(self, complete: Sweep, data: ImageSet) -> None:
        """Set the accuracy over all images that were to be measured. data: their data set."""
        self._set(complete, data)
        self.completed.emit()

    def set_threshold(self, threshold: float) -> None:
        """Set the margin of early exit, in logits, at least 0."""
        threshold = max(0.0, threshold)
        if threshold != self.threshold:
            self.threshold = self._settings.threshold = threshold
            self.threshold_moved.emit()

    def _set(self, partial: Sweep, data: ImageSet) -> None:
        self.sweep, self.data = partial, data
        self.swept.emit()
