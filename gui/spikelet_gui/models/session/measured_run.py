"""The input that is shown with its run, and what is measured with the open network on many images."""

from __future__ import annotations

from pathlib import Path

from spikelet.data import ImageSet
from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.session.input_run import InputRun
from spikelet_gui.models.session.kept.keeper import Keeper, Restored
from spikelet_gui.models.session.measured import Measured
from spikelet_gui.models.session.results import Results
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.session.sources.inputs import from_data
from spikelet_gui.models.signal import Signal

FIRST_SWEEP = 100  # images that are measured when a bundle is opened


class MeasuredRun(InputRun):
    """Measures the open network on many images in the background, and keeps the results between sessions.

    Args:
        jobs: Runs the tasks.
        settings: Settings of the session.
        kept: Folder of results that are kept between sessions; None keeps none.

    Attributes:
        profile_changed: Emitted when another hardware profile is chosen.
        keeper: Files of results that are kept between sessions.
        measured: Accuracy over many images.
        results: Results that the panels compute.

    The attributes of `InputRun` are those of the input and its run.
    """

    def __init__(self, jobs: Jobs, settings: Settings, kept: Path | None) -> None:
        super().__init__(jobs, settings)
        self.profile_changed = Signal[[]]()
        self.keeper = Keeper(kept)
        self.results = Results(jobs, settings, self.status, self.failed)
        self.measured = Measured(jobs, self.keeper, settings, self.failed)

    def run_sweep(self, data: ImageSet, count: int | None = None, first: bool = False) -> None:
        """Measure accuracy, spike rates and operations in the background.

        Args:
            data: The images.
            count: Measure the first images only; None measures all.
            first: Whether to accept a measurement that was kept from another session.
        """
        if self.document is not None:
            self.measured.run(self.document.bundle, self.engine, self.cursor.steps, data, count, first)

    @property
    def shows_measured(self) -> bool:
        """Whether the selected image is one of the measured data set, with the same index."""
        data = self.measured.data
        return data is not None and self.source is not None and self.source.data is data

    def show_measured(self, index: int) -> None:
        """Select an image of the measured data set, and run the network on it."""
        if self.shows_measured:
            self.show_index(index)
        elif self.measured.data is not None:
            self.show(from_data(self.measured.data), index)

    def set_profile(self, name: str) -> None:
        """Choose the hardware profile of energy estimates."""
        if name != self.settings.profile:
            self.settings.profile = name
            self.profile_changed.emit()

    def _measure_first(self) -> None:
        """Measure the first images, or show the results that were kept from other sessions."""
        if self.source is not None and self.source.data is not None:
            self.run_sweep(self.source.data, FIRST_SWEEP, first=True)
            self._restore(self.source.data)

    def _restore(self, data: ImageSet | None) -> None:
        """Show the results on these images that were kept from other sessions, unless there are newer ones."""
        if self.document is None or data is None:
            return
        document, engine, steps = self.document, self.engine, self.cursor.steps

        def done(known: Restored) -> None:
            if known.sweep is not None and not self.jobs.running("sweep"):
                self.measured.complete(known.sweep, data)
            self.results.restore(known, data.digest)

        self.jobs.start("kept", lambda _: self.keeper.restore(document, data, steps, engine), done, self.failed.emit)
