"""The session: open bundle and images, settings, selection and measurements, shared by all panels."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from spikelet import shipped
from spikelet_gui.models.activity.trace import Trace
from spikelet_gui.models.analysis.tables import TableCache
from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.network.blocks import blocks
from spikelet_gui.models.session import tasks
from spikelet_gui.models.session.bundle_file import BundleFile
from spikelet_gui.models.session.document import BrokenBundle, Document
from spikelet_gui.models.session.measured_run import MeasuredRun
from spikelet_gui.models.session.selection import Selection
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.session.sources.data_file import DataFile, remedy_of_dialog
from spikelet_gui.models.session.sources.inputs import (
    Inputs,
    open_inputs,
    read_bundle,
    start_source,
)
from spikelet_gui.models.session.sources.pad import Pad
from spikelet_gui.models.session.sources.pictures import Saves, keep
from spikelet_gui.models.signal import Signal


class Inspector(MeasuredRun):
    """State of the window: the input that is shown and its run, and what is opened, selected and measured.

    Args:
        dispatch: Calls a function in the thread of the window.
        settings: Settings of the last session; updated while the window is used.
        kept: Folder of results that are kept between sessions; None keeps none.

    Attributes:
        opened: Emitted when a document was opened, or refused.
        going: Emitted with the name of the panel to show.
        problem: The file that was refused, while its errors are shown, or None. The open bundle stays open.
        bundle_file: Whether the file of the open bundle has changed.
        second_file: Whether the file of the second bundle of a comparison has changed.
        selection: The selected layer and neurons.
        pad: The last drawing pad, or None.
        confirm: Asks whether to do something that loses results: called with what is done, and with a function that
            returns the tasks that run at the moment, in words.

    The attributes of `MeasuredRun` are those of the input, its run and the measurements.
    """

    def __init__(
        self, dispatch: Callable[[Callable[[], object]], object], settings: Settings, kept: Path | None = None
    ) -> None:
        super().__init__(Jobs(dispatch), settings, kept)
        self.opened, self.going = Signal[[]](), Signal[[str]]()
        self.bundle_file, self.second_file = BundleFile(self.jobs, "file"), BundleFile(self.jobs, "second file")
        self.results.second_changed.connect(lambda: self.second_file.begin(self.results.second))
        self.problem: BrokenBundle | None = None
        self.pad: Pad | None = None
        self.confirm: Callable[[str, Callable[[], list[str]]], bool] = lambda action, lost: True
        self._tables = TableCache()
        self.selection = Selection(lambda layer: self._tables.table(self.trace, self.measured.sweep, layer))
        self.traced.connect(self.selection.set_trace)
        self.measured.completed.connect(self.selection.refresh)
        self.selection.focused.connect(self._remember_layer)
        self.selection.revealed.connect(lambda: self.going.emit("layers"))

    # bundles

    @property
    def shown(self) -> Document | None:
        """The open bundle; None while the errors of a refused file are shown."""
        return self.document if self.problem is None else None

    def open(self, path: Path) -> None:
        """Open a bundle in the background."""
        self.status.emit(f"Opening {path.name}…")
        self.jobs.start(
            "open",
            lambda _: read_bundle(path),
            self.show_document,
            lambda message: self._refuse(BrokenBundle(path, message, ())),
        )

    def leave_problem(self) -> None:
        """Show the open bundle again after a file was refused."""
        self.problem = None
        self.opened.emit()

    def reload(self) -> None:
        """Open the file of the open bundle again. An invalid one is reported, and the bundle remains open."""
        if self.document is None:
            return
        path = self.document.path

        def opened(document: Document | BrokenBundle) -> None:
            if isinstance(document, BrokenBundle):
                self.failed.emit(f"{path.name} cannot be reloaded: {document}")
            else:
                self.show_document(document)

        self.jobs.start("open", lambda _: read_bundle(path), opened, self.failed.emit)

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
        """Show a bundle that was read, or the errors of an invalid one, in all panels, unless the user declines."""
        if isinstance(document, BrokenBundle):
            self._refuse(document)
        elif self.may_replace(document):
            self.replace(document)

    def may_replace(self, document: Document) -> bool:
        """Return whether a bundle may be shown: ask before measurements that have run for long are cancelled."""
        may = self._may_lose(f"Open {document.name}", tasks.MEASURED)
        if not may:
            self.status.emit(f"{document.name} was not opened")
        return may

    def may_close(self) -> bool:
        """Return whether the session may end: ask before tasks that have run for long are cancelled."""
        return self._may_lose("Quit", (*tasks.MEASURED, *tasks.INDEPENDENT))

    def _may_lose(self, action: str, kinds: Collection[str]) -> bool:
        """Ask whether to do something that cancels tasks of some kinds, if any have run for long."""

        def lost() -> list[str]:
            return tasks.lost(self.jobs, kinds)

        return not lost() or self.confirm(action, lost)

    def replace(self, document: Document) -> None:
        """Show a bundle in all panels. Tasks of the previous one are cancelled."""
        self.jobs.cancel_all(keep=tasks.INDEPENDENT)
        self.cursor.pause()
        self.forget_run()
        self.measured.clear()
        opened_again = self.document is None or self.document.path == document.path
        restored = opened_again and str(document.path.resolve()) == self.settings.bundle
        self.problem, self.document = None, document
        self.engine = document.engine
        self.bundle_file.begin(document)
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
        """Show the errors of a file. An open bundle stays open behind them, with its tasks and results."""
        self.problem = problem
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
        if self.shown is None:
            return self.failed.emit("Open a bundle before you drop an image")
        bundle, steps = self.shown.bundle, self.cursor.steps
        self.status.emit(f"Reading {name}…")
        report = failed or self.failed.emit
        self.jobs.start(
            "image",
            lambda _: open_inputs(file_of(), bundle, steps),
            opened,
            lambda message: report(remedy_of_dialog(message)),
        )

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

    def _traced(self, trace: Trace, source: Inputs, index: int) -> None:
        super()._traced(trace, source, index)
        self.selection.filtered.emit()
        self.selection.picking.emit()

    def _remember_layer(self) -> None:
        self.settings.layer = self.selection.layer

    def close(self) -> bool:
        """Cancel all tasks, and return whether all threads have ended."""
        self.cursor.pause()
        self.settings.speed, self.settings.loop = self.cursor.speed, self.cursor.loop
        return self.jobs.close()
