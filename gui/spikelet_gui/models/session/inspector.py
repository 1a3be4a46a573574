"""State shared by all panels: bundle, input, trace and selection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet import shipped
from spikelet.data import ImageSet
from spikelet.data.options import DEFAULTS, DataOptions, Split
from spikelet_gui.models.activity.table import NeuronTable, table_of
from spikelet_gui.models.activity.trace import Trace, record
from spikelet_gui.models.analysis.sweep import Sweep, sweep
from spikelet_gui.models.jobs import Jobs, PartialProgress
from spikelet_gui.models.network.blocks import blocks
from spikelet_gui.models.session.cursor import Cursor
from spikelet_gui.models.session.data_file import DataFile
from spikelet_gui.models.session.derived import with_copies
from spikelet_gui.models.session.document import BrokenBundle, Document
from spikelet_gui.models.session.inputs import Source, data_for, from_data, open_source, read_bundle, start_source
from spikelet_gui.models.session.kept.keeper import Keeper, Restored
from spikelet_gui.models.session.pictures import Saves, keep
from spikelet_gui.models.session.results import Results
from spikelet_gui.models.session.selection import Selection
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.signal import Signal

if TYPE_CHECKING:
    from spikelet_converters.planning.settings import Setting

FIRST_SWEEP = 100  # images that are measured when a bundle is opened


class Inspector:
    """State of the window.

    Args:
        dispatch: Calls a function in the thread of the window.
        settings: Settings of the last session; updated while the window is used.
        kept: Folder of results that are kept between sessions; None keeps none.

    Attributes:
        opened: Emitted when a document was opened or refused.
        showing: Emitted when another image is selected.
        traced: Emitted when the network has run on the image.
        swept: Emitted when the accuracy, partial or complete, is set.
        threshold_moved: Emitted when the margin of early exit changes.
        profile_changed: Emitted when another hardware profile is chosen.
        status: Emitted with a message for the status line.
        failed: Emitted with the message of an error for the status line.
        going: Emitted with the name of the panel to show.
        document: The open bundle, or None.
        problem: The file that was refused, or None.
        source: The images.
        index: Index of the selected image in `source`.
        engine: Name of the engine.
        trace: The run on the selected image, or None.
        keeper: Files of results that are kept between sessions.
        sweep: Accuracy over many images, or None.
        sweep_data: The data set of `sweep`, which can be that of its first images only; or None.
        threshold: Margin of early exit, in logits.
    """

    def __init__(
        self, dispatch: Callable[[Callable[[], object]], object], settings: Settings, kept: Path | None = None
    ) -> None:
        self.opened, self.showing, self.traced, self.swept = Signal[[]](), Signal[[]](), Signal[[]](), Signal[[]]()
        self.threshold_moved, self.profile_changed = Signal[[]](), Signal[[]]()
        self.status, self.failed, self.going = Signal[[str]](), Signal[[str]](), Signal[[str]]()
        self.settings, self.keeper = settings, Keeper(kept)
        self.jobs = Jobs(dispatch)
        self.results = Results(self.jobs, settings, self.status, self.failed)
        self.cursor = Cursor()
        self.cursor.loop, self.cursor.speed = settings.loop, settings.speed
        self.document: Document | None = None
        self.problem: BrokenBundle | None = None
        self.source: Source | None = None
        self.index = 0
        self.engine = "numpy"
        self.trace: Trace | None = None
        self.sweep: Sweep | None = None
        self.sweep_data: ImageSet | None = None
        self.threshold = settings.threshold
        self._table_cache: tuple[tuple[int, str, int], NeuronTable] | None = None
        self.selection = Selection(self._table)
        self.selection.focused.connect(self._remember_layer)
        self.selection.revealed.connect(lambda: self.going.emit("layers"))

    # bundles

    def open(self, path: Path) -> None:
        """Open a bundle in the background."""
        self.status.emit(f"Opening {path.name}…")
        self.jobs.start(
            "open",
            lambda _: read_bundle(path),
            self._opened,
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

    def _opened(self, document: Document | BrokenBundle) -> None:
        self.jobs.cancel_all()
        self.cursor.pause()
        self.trace, self.sweep, self.sweep_data, self._table_cache = None, None, None, None
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

        def opened(source: Source) -> None:
            self._image_opened(source, last, index)

        def failed(message: str) -> None:
            self.settings.data = []
            self.failed.emit(f"The images of the last session cannot be opened: {message}")
            self._measure_first()

        self._read_images(last.path.name, lambda: last.path, last.options, last.split, opened, failed)

    def look_into(self, setting: Setting) -> None:
        """Show a measured setting in all panels, in the background: its network, T, and margin of early exit."""
        planned = self.results.planned
        if planned is None:
            return
        self.status.emit(f"Opening {planned.path.name} with {setting}…")
        self.jobs.start(
            "open",
            lambda _: with_copies(planned.bundle, planned.path, setting.copies),
            lambda document: self._show_setting(document, setting),
            self.failed.emit,
        )

    def _show_setting(self, document: Document, setting: Setting) -> None:
        source, index, planned, last = self.source, self.index, self.results.planned, self.settings.data
        digest = self.results.digests.get("plan", "")
        self.settings.steps = setting.steps
        if setting.margin is not None:
            self.set_threshold(setting.margin)
        self._opened(document)
        if planned is not None:
            self.results.set_planned(planned, digest)
        if source is not None:
            self.show(source, index)
            self.settings.data = last
        self.status.emit(f"{document.name} is open with {setting}")

    def _refuse(self, problem: BrokenBundle) -> None:
        self.document, self.problem, self.source = None, problem, None
        self.selection.begin((), (), "")
        self.opened.emit()
        self.failed.emit(f"{problem.path.name} cannot be opened")

    # images

    def show(self, source: Source, index: int = 0) -> None:
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

    def open_image(
        self,
        path: Path,
        options: DataOptions = DEFAULTS,
        split: Split = "auto",
        then: Callable[[Source], object] = lambda source: None,
    ) -> None:
        """Open a picture, a folder of pictures or a data set in the background, read as by `open_source`.

        Args:
            path: File or folder.
            options: Axes of arrays, and the value of white.
            split: Split, for data with several splits.
            then: Called with the images after they are shown.
        """

        def opened(source: Source) -> None:
            self._image_opened(source, DataFile(path, options, split))
            then(source)

        self._read_images(path.name, lambda: path, options, split, opened)

    def open_pasted(self, picture: Saves) -> None:
        """Open a picture from the clipboard, in the background."""
        self._read_images("pasted picture", lambda: keep(picture), DEFAULTS, "auto", self._image_opened)

    def _read_images(
        self,
        name: str,
        path_of: Callable[[], Path],
        options: DataOptions,
        split: Split,
        opened: Callable[[Source], object],
        failed: Callable[[str], object] | None = None,
    ) -> None:
        if self.document is None:
            return self.failed.emit("Open a bundle before you drop a picture")
        bundle = self.document.bundle
        self.status.emit(f"Reading {name}…")
        failed = failed or self.failed.emit
        self.jobs.start("image", lambda _: open_source(path_of(), bundle, options, split), opened, failed)

    def _image_opened(self, source: Source, file: DataFile | None = None, index: int | None = None) -> None:
        """Show images that were read.

        Args:
            source: The images.
            file: File from which the next session reads them; None for a pasted picture.
            index: Image that the last session showed; None for images that were opened in this session.
        """
        self.status.emit(f"{source.name}: {source.note}" if source.note else source.name)
        self.show(source, min(index or 0, len(source) - 1))
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
                self._swept(known.sweep, data)
            self.results.restore(known, data.digest)

        self.jobs.start("kept", lambda _: self.keeper.restore(document, data, steps, engine), done, self.failed.emit)

    @property
    def data(self) -> ImageSet | None:
        """Images for measurements: the open data set, or the shipped images; None if neither fits."""
        return None if self.document is None else data_for(self.document.bundle, self.source)

    def run(self) -> None:
        """Run the network on the selected image, in the background."""
        if self.document is None or self.source is None:
            return
        bundle, engine, steps = self.document.bundle, self.engine, self.cursor.steps
        image = self.source.image(self.index)
        self.jobs.start(
            "run", lambda progress: record(bundle, engine, image, steps, progress), self._traced, self.failed.emit
        )

    def _traced(self, trace: Trace) -> None:
        self.trace, self._table_cache = trace, None
        self.selection.set_trace()
        self.traced.emit()
        self.selection.filtered.emit()
        self.selection.picking.emit()

    def set_steps(self, steps: int) -> None:
        """Set T, and run the network again."""
        if self.document is None:
            return
        steps = min(max(steps, 1), self.document.most_steps)
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

    def _table(self, layer: str) -> NeuronTable | None:
        if self.trace is None or layer not in self.trace.spikes:
            return None
        key = (id(self.trace), layer, id(self.sweep))
        if self._table_cache is None or self._table_cache[0] != key:
            rates = None if self.sweep is None else self.sweep.rates(layer)
            self._table_cache = key, table_of(self.trace, layer, rates)
        return self._table_cache[1]

    # accuracy and early exit

    def run_sweep(self, data: ImageSet, count: int | None = None, first: bool = False) -> None:
        """Measure accuracy, spike rates and operations in the background.

        Args:
            data: The images.
            count: Measure the first images only; None measures all.
            first: Whether to accept a measurement that was kept from another session.
        """
        if self.document is None:
            return
        bundle, engine, steps, keeper = self.document.bundle, self.engine, self.cursor.steps, self.keeper
        part = data if count is None else data.take(slice(0, count))

        def work(progress: PartialProgress[Sweep]) -> Sweep:
            _ = data.digest  # computed in the background: whether results are out of date depends on it
            known = keeper.restore_sweep(bundle, data, steps, engine) if first else None
            return known or keeper.sweep(bundle, data, sweep(bundle, part, steps, engine, progress))

        self.jobs.start(
            "sweep",
            work,
            lambda complete: self._swept(complete, data),
            self.failed.emit,
            lambda partial: self._partly_swept(partial, data),
        )

    def _partly_swept(self, partial: Sweep, data: ImageSet) -> None:
        self.sweep, self.sweep_data = partial, data
        self.swept.emit()

    def _swept(self, complete: Sweep, data: ImageSet) -> None:
        self._partly_swept(complete, data)
        self.selection.refresh()

    @property
    def shows_measured(self) -> bool:
        """Whether the selected image is one of the data set of `sweep`, with the same index."""
        return self.sweep_data is not None and self.source is not None and self.source.data is self.sweep_data

    def show_measured(self, index: int) -> None:
        """Select an image of the data set of `sweep`, and run the network on it."""
        if self.shows_measured:
            self.show_index(index)
        elif self.sweep_data is not None:
            self.show(from_data(self.sweep_data), index)

    def set_threshold(self, threshold: float) -> None:
        """Set the margin of early exit, in logits, at least 0."""
        threshold = max(0.0, threshold)
        if threshold != self.threshold:
            self.threshold = self.settings.threshold = threshold
            self.threshold_moved.emit()

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
