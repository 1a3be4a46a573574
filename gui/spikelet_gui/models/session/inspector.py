"""The session: open bundle and images, settings, selection and measurements, shared by all panels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spikelet import shipped
from spikelet.data import ImageSet
from spikelet_gui.models.activity.trace import Trace
from spikelet_gui.models.analysis.tables import TableCache
from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.network.blocks import blocks
from spikelet_gui.models.session.document import BrokenBundle, Document
from spikelet_gui.models.session.input_run import InputRun
from spikelet_gui.models.session.kept.keeper import Keeper, Restored
from spikelet_gui.models.session.measured import Measured
from spikelet_gui.models.session.results import Results
from spikelet_gui.models.session.selection import Selection
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.session.sources.data_file import DataFile
from spikelet_gui.models.session.sources.inputs import (
    Inputs,
    from_data,
    open_inputs,
    read_bundle,
    start_source,
)
from spikelet_gui.models.session.sources.pad import Pad
from spikelet_gui.models.session.sources.pictures import Saves, keep
from spikelet_gui.models.signal import Signal

FIRST_SWEEP = 100  # images that are measured when a bundle is opened


class Inspector(InputRun):
    """State of the window: the input that is shown and its run, and what is opened, selected and measured.

    Args:
        dispatch: Calls a function in the thread of the window.
        settings: Settings of the last session; updated while the window is used.
        kept: Folder of results that are kept between sessions; None keeps none.

    Attributes:
        opened: Emitted when a document was opened, or refused.
        profile_changed: Emitted when another hardware profile is chosen.
        going: Emitted with the name of the panel to show.
        problem: The file that was refused, or None.
        keeper: Files of results that are kept between sessions.
        measured: Accuracy over many images.
        results: Results that the panels compute.
        selection: The selected layer and neurons.
        pad: The last drawing pad, or None.

    The attributes of `InputRun` are those of the input and its run.
    """

    def __init__(
        self, dispatch: Callable[[Callable[[], object]], object], settings: Settings, kept: Path | None = None
    ) -> None:
        super().__init__(Jobs(dispatch), settings)
        self.opened, self.profile_changed, self.going = Signal[[]](), Signal[[]](), Signal[[str]]()
        self.keeper = Keeper(kept)
        self.results = Results(self.jobs, settings, self.status, self.failed)
        self.measured = Measured(self.jobs, self.keeper, settings, self.failed)
        self.problem: BrokenBundle | None = None
        self.pad: Pad | None = None
        self._tables = TableCache()
        self.selection = Selection(lambda layer: self._tables.table(self.trace, self.measured.sweep, layer))
        self.traced.connect(self.selection.set_trace)
        self.measured.completed.connect(self.selection.refresh)
        self.selection.focused.connect(self._remember_layer)
        self.selection.revealed.connect(lambda: self.going.emit("layers"))

    # bundles

    def open(self, path: Path) -> None:
        """Open a bundle in the background."""
        self.status.emit(f"Opening {path.name}…")
        self.jobs.start(
            "open",
            lambda _: read_bundle(path),
            self.show_document,
            lambda message: self._refuse(BrokenBundle(path, message, ())),
        )

    def open_first(self) -> None:
        """Open the bundle of the last session, or the shipped one; without either, show the start page."""
        last = self.settings.bundle
        if last and Path(last).is_file():
            self.open(Path(last))
            return
        demo = shipped.demo()
        if demo is not None:
            self.open(demo)
        else:
            self.opened.emit()

    def show_document(self, document: Document | BrokenBundle) -> None:
        """Show a bundle that was read, or the errors of an invalid one, in all panels."""
        self.jobs.cancel_all()
        self.cursor.pause()
        self.forget_run()
        self.measured.clear()
        if isinstance(document, BrokenBundle):
            self._refuse(document)
            return
        restored = self.document is None and str(document.path.resolve()) == self.settings.bundle
        self.problem, self.document = None, document
        self.engine = document.engine
        self.results.reset()
        graph = document.bundle.graph
        self.selection.begin(blocks(graph), tuple(graph.spiking), self.settings.layer)
        self.settings.remember(document.origin or document.path)
        self.cursor.set_steps(min(max(self.settings.steps, 1), document.most_steps))
        self.source = start_source(document.bundle)
        last = DataFile.of_entry(self.settings.data) if restored else None
        image = self.settings.image if restored else 0
        self.index = min(image, len(self.source) - 1) if last is None else 0
        self.opened.emit()
        self.selection.focused.emit()
        self.run()
        self.status.emit(f"{document.name} is open; integrity OK")
        self.results.reopen_second(restored)
        if last is not None:
            self._reopen(last, image)
            return
        self.settings.data, self.settings.image = [], self.index
        self._measure_first()

    def _measure_first(self) -> None:
        """Measure the first images, or show the results that were kept from other sessions."""
        if self.source is not None and self.source.data is not None:
            self.run_sweep(self.source.data, FIRST_SWEEP, first=True)
            self._restore(self.source.data)

    def _reopen(self, last: DataFile, index: int) -> None:
        """Open the images of the last session in the background, at the image that was selected."""

        def opened(source: Inputs) -> None:
            self._data_opened(source, last, index)

        def failed(message: str) -> None:
            self.settings.data = []
            self.failed.emit(f"The images of the last session cannot be opened: {message}")
            self._measure_first()

        self._read(last.path.name, lambda: last, opened, failed)

    def _refuse(self, problem: BrokenBundle) -> None:
        self.document, self.problem, self.source = None, problem, None
        self.selection.begin((), (), "")
        self.opened.emit()
        self.failed.emit(f"{problem.path.name} cannot be opened")

    # images

    def open_data(self, file: DataFile, then: Callable[[Inputs], object] = lambda source: None) -> None:
        """Open an image, a folder, a data set or recordings in the background, read as by `open_inputs`.

        Args:
            file: File or folder, and how it is read.
            then: Called with the inputs after they are shown.
        """

        def opened(source: Inputs) -> None:
            self._data_opened(source, file)
            then(source)

        self._read(file.path.name, lambda: file, opened)

    def open_pasted(self, picture: Saves) -> None:
        """Open an image from the clipboard, in the background."""
        self._read("pasted image", lambda: DataFile(keep(picture)), self._data_opened)

    def _read(
        self,
        name: str,
        file_of: Callable[[], DataFile],
        opened: Callable[[Inputs], object],
        failed: Callable[[str], object] | None = None,
    ) -> None:
        if self.document is None:
            return self.failed.emit("Open a bundle before you drop an image")
        bundle, steps = self.document.bundle, self.cursor.steps
        self.status.emit(f"Reading {name}…")
        failed = failed or self.failed.emit
        self.jobs.start("image", lambda _: open_inputs(file_of(), bundle, steps), opened, failed)

    def _data_opened(self, source: Inputs, file: DataFile | None = None, index: int | None = None) -> None:
        """Show images or recordings that were read.

        Args:
            source: The images or recordings.
            file: Where they are read from in the next session; None for a pasted image.
            index: The image that the last session showed; None for images that were opened in this one.
        """
        self.status.emit(f"{source.name}: {source.note}" if source.note else source.name)
        self.source, self.index = source, min(index or 0, len(source) - 1)
        self.cursor.set_steps(self._limited(self.cursor.steps))
        self.show(source, self.index)
        if file is not None:
            self.settings.remember_data(file.entry())
        if index is not None and source.data is not None:
            self._measure_first()
        else:
            self._restore(source.data if index is None else self.data)

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

    def _traced(self, trace: Trace, source: Inputs, index: int) -> None:
        super()._traced(trace, source, index)
        self.selection.filtered.emit()
        self.selection.picking.emit()

    def _remember_layer(self) -> None:
        self.settings.layer = self.selection.layer

    # measurements

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

    def close(self) -> bool:
        """Cancel all tasks, and return whether all threads have ended."""
        self.cursor.pause()
        self.settings.speed, self.settings.loop = self.cursor.speed, self.cursor.loop
        return self.jobs.close()
