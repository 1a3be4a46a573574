"""State shared by all panels: bundle, input, trace and selection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spikelet import shipped
from spikelet.data import ImageSet
from spikelet_gui.models.activity.trace import Trace, record
from spikelet_gui.models.analysis.tables import TableCache
from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.network.blocks import blocks
from spikelet_gui.models.session.cursor import Cursor
from spikelet_gui.models.session.document import BrokenBundle, Document
from spikelet_gui.models.session.kept.keeper import Keeper, Restored
from spikelet_gui.models.session.measured import Measured
from spikelet_gui.models.session.results import Results
from spikelet_gui.models.session.selection import Selection
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.session.sources.data_file import DataFile
from spikelet_gui.models.session.sources.inputs import (
    Inputs,
    data_for,
    from_data,
    open_inputs,
    read_bundle,
    start_source,
    steps_limit,
)
from spikelet_gui.models.session.sources.pad import Pad
from spikelet_gui.models.session.sources.pictures import Saves, keep
from spikelet_gui.models.signal import Signal

FIRST_SWEEP = 100  # images that are measured when a bundle is opened


class Inspector:
    """State of the window.

    Args:
        dispatch: Calls a function in the thread of the window.
        settings: Settings of the last session; updated while the window is used.
        kept: Folder of results that are kept between sessions; None keeps none.

    Attributes:
        opened: Emitted when a document was opened, or refused.
        showing: Emitted when another input is selected.
        traced: Emitted when the network has run on the input.
        profile_changed: Emitted when another hardware profile is chosen.
        status: Emitted with a message for the status line.
        failed: Emitted with the message of an error for the status line.
        going: Emitted with the name of the panel to show.
        document: The open bundle, or None.
        problem: The file that was refused, or None.
        source: The images or recordings.
        index: Index of the selected one in `source`.
        engine: Name of the engine.
        trace: The run on the selected input, or None.
        keeper: Files of results that are kept between sessions.
        measured: Accuracy over many images.
        pad: The last drawing pad, or None.
    """

    def __init__(
        self, dispatch: Callable[[Callable[[], object]], object], settings: Settings, kept: Path | None = None
    ) -> None:
        self.opened, self.showing, self.traced = Signal[[]](), Signal[[]](), Signal[[]]()
        self.profile_changed = Signal[[]]()
        self.status, self.failed, self.going = Signal[[str]](), Signal[[str]](), Signal[[str]]()
        self.settings, self.keeper = settings, Keeper(kept)
        self.jobs = Jobs(dispatch)
        self.results = Results(self.jobs, settings, self.status, self.failed)
        self.measured = Measured(self.jobs, self.keeper, settings, self.failed)
        self.cursor = Cursor()
        self.cursor.loop, self.cursor.speed = settings.loop, settings.speed
        self.document: Document | None = None
        self.problem: BrokenBundle | None = None
        self.source: Inputs | None = None
        self.index = 0
        self.engine = "numpy"
        self.trace: Trace | None = None
        self._traced_input: tuple[Inputs, int] | None = None
        self.pad: Pad | None = None
        self._tables = TableCache()
        self.selection = Selection(lambda layer: self._tables.table(self.trace, self.measured.sweep, layer))
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
        self.trace, self._traced_input = None, None
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

    def show(self, source: Inputs, index: int = 0) -> None:
        """Select an image of another source, and run the network on it."""
        self.source, self.index = source, index
        self.settings.data, self.settings.image = [], index
        self.showing.emit()
        self.run()

    def show_index(self, index: int) -> None:
        """Select another image of this source; indices wrap around."""
        if self.source is not None and len(self.source):
            self.index = self.settings.image = index % len(self.source)
            self.showing.emit()
            self.run()

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

    @property
    def data(self) -> ImageSet | None:
        """Images for measurements: the open data set, or the shipped ones; None if none fit, or for recordings."""
        return None if self.document is None else data_for(self.document.bundle, self.source)

    def run(self) -> None:
        """Run the network on the selected input, in the background."""
        if self.document is None or self.source is None:
            return
        bundle, engine, steps = self.document.bundle, self.engine, self.cursor.steps
        source, index = self.source, self.index
        self.jobs.start(
            "run",
            lambda progress: record(bundle, engine, source.input(index, steps), steps, progress),
            lambda trace: self._traced(trace, source, index),
            self._run_failed,
        )

    @property
    def trace_of_input(self) -> Trace | None:
        """The run, unless the network has not yet run on the selected input."""
        return self.trace if self._traced_input == (self.source, self.index) else None

    def _run_failed(self, message: str) -> None:
        """Report an error, and select the input again that is shown by the panels."""
        if self._traced_input is not None and self._traced_input != (self.source, self.index):
            self.source, self.index = self._traced_input
            self.showing.emit()
        self.failed.emit(message)

    def _traced(self, trace: Trace, source: Inputs, index: int) -> None:
        self.trace, self._traced_input = trace, (source, index)
        self.selection.set_trace()
        self.traced.emit()
        self.selection.filtered.emit()
        self.selection.picking.emit()

    @property
    def steps_limit(self) -> tuple[int, str]:
        """Largest T of the bundle and the selected input, and its reason."""
        return (1, "") if self.document is None else steps_limit(self.document, self.source, self.index)

    def _limited(self, steps: int) -> int:
        """Return `steps` within its limits; the status line names a limit that was exceeded."""
        most, reason = self.steps_limit
        if steps > most:
            self.status.emit(reason)
        return min(max(steps, 1), most)

    def set_steps(self, steps: int) -> None:
        """Set T, and run the network again."""
        if self.document is None:
            return
        steps = self._limited(steps)
        if steps != self.cursor.steps:
            self.settings.steps = steps
            self.cursor.set_steps(steps)
            self.run()

    def set_engine(self, engine: str) -> None:
        """Set the engine, and run the network again."""
        if engine != self.engine:
            self.engine = engine
            self.run()

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
