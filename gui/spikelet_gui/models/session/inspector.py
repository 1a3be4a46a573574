"""State shared by all panels: bundle, input, trace and selection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from spikelet import shipped
from spikelet.data import ImageSet
from spikelet_gui.models.analysis.blocks import blocks
from spikelet_gui.models.analysis.sweep import Sweep, sweep
from spikelet_gui.models.analysis.table import NeuronTable, table_of
from spikelet_gui.models.analysis.trace import Trace, record
from spikelet_gui.models.jobs import Jobs, Progress
from spikelet_gui.models.session.beside import Beside
from spikelet_gui.models.session.cursor import Cursor
from spikelet_gui.models.session.document import BrokenBundle, Document, attempt
from spikelet_gui.models.session.inputs import Source, data_for, open_source, start_source
from spikelet_gui.models.session.pictures import Saves, keep
from spikelet_gui.models.session.selection import Selection
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.signal import Signal

FIRST_LOOK = 100  # images that are measured when a bundle opens


class Inspector:
    """State of the window.

    opened: a document, or the problem with one, is there. showing: another image is to be shown. traced: the network
    has answered it. swept: accuracy so far, or all of it. threshold_moved: of early exit. profile_changed: of energy.
    said: message for the status line.
    """

    def __init__(self, dispatch: Callable[[Callable[[], None]], None], settings: Settings) -> None:
        self.opened, self.showing, self.traced, self.swept = Signal(), Signal(), Signal(), Signal()
        self.threshold_moved, self.profile_changed, self.said = Signal(), Signal(), Signal()
        self.settings = settings
        self.jobs = Jobs(dispatch)
        self.beside = Beside(self.jobs, self.said)
        self.cursor = Cursor()
        self.cursor.loop, self.cursor.speed = settings.loop, settings.speed
        self.document: Document | None = None
        self.problem: BrokenBundle | None = None
        self.source: Source | None = None
        self.index = 0
        self.engine = "numpy"
        self.trace: Trace | None = None
        self.sweep: Sweep | None = None
        self.threshold = settings.threshold
        self._known: tuple[Any, NeuronTable] | None = None
        self.selection = Selection(self._table)
        self.selection.focused.connect(self._focused)

    # bundles

    def open(self, path: Path) -> None:
        """Open a bundle in the background."""
        self.said.emit(f"Opening {path.name}…")
        self.jobs.start(
            "open", lambda _: _read(path), self._opened, lambda text: self._close(BrokenBundle(path, text, ()))
        )

    def open_first(self) -> None:
        """The bundle that was open last, or the one that ships; nothing if there is neither."""
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
        self.trace, self.sweep, self._known = None, None, None
        if isinstance(document, BrokenBundle):
            self._close(document)
            return
        again = self.document is None and str(document.path.resolve()) == self.settings.bundle
        self.problem, self.document = None, document
        self.engine = document.engine
        self.beside.reset()
        graph = document.bundle.graph
        self.selection.begin(blocks(graph), tuple(graph.spiking), self.settings.layer)
        self.settings.remember(document.path)
        self.cursor.set_steps(min(max(self.settings.steps, 1), document.most_steps))
        self.source = start_source(document.bundle)
        self.index = min(self.settings.image, len(self.source) - 1) if again else 0
        self.opened.emit()
        self.selection.focused.emit()
        self.run()
        if self.source.data is not None:
            self.run_sweep(self.source.data.take(slice(0, FIRST_LOOK)))
        self.said.emit(f"{document.name} is open; integrity OK")

    def _close(self, problem: BrokenBundle) -> None:
        self.document, self.problem, self.source = None, problem, None
        self.selection.begin((), (), "")
        self.opened.emit()
        self.said.emit(f"{problem.path.name} cannot be opened")

    # images

    def show(self, source: Source, index: int = 0) -> None:
        """Show an image of another source."""
        self.source, self.index = source, index
        self.showing.emit()
        self.run()

    def show_index(self, index: int) -> None:
        """Show another image of this source, round and round."""
        if self.source is not None and len(self.source):
            self.index = self.settings.image = index % len(self.source)
            self.showing.emit()
            self.run()

    def open_image(self, path: Path) -> None:
        """Show a picture, a folder of them or a data set."""
        self._open_image(path.name, lambda: path)

    def open_pasted(self, picture: Saves) -> None:
        """Show a picture that is no file yet."""
        self._open_image("pasted picture", lambda: keep(picture))

    def _open_image(self, name: str, place: Callable[[], Path]) -> None:
        if self.document is None:
            return self.said.emit("Open a bundle first; then drop a picture on it")
        bundle = self.document.bundle
        self.said.emit(f"Reading {name}…")
        self.jobs.start("image", lambda _: open_source(place(), bundle), self._image_opened, self.said.emit)

    def _image_opened(self, source: Source) -> None:
        self.said.emit(f"{source.name}: {source.note}" if source.note else source.name)
        self.show(source)

    @property
    def data(self) -> ImageSet | None:
        """The images that panels run: those that are shown, else those that ship; None where neither is a data set."""
        return None if self.document is None else data_for(self.document.bundle, self.source)

    def run(self) -> None:
        """Let the network answer the image in the background."""
        if self.document is None or self.source is None:
            return
        bundle, engine, steps = self.document.bundle, self.engine, self.cursor.steps
        image = self.source.image(self.index)
        self.jobs.start(
            "run", lambda progress: record(bundle, engine, image, steps, progress), self._traced, self.said.emit
        )

    def _traced(self, trace: Trace) -> None:
        self.trace, self._known = trace, None
        self.selection.answered()
        self.traced.emit()
        self.selection.filtered.emit()
        self.selection.picking.emit()

    def set_steps(self, steps: int) -> None:
        """T from now on."""
        if self.document is None:
            return
        steps = min(max(steps, 1), self.document.most_steps)
        if steps != self.cursor.steps:
            self.settings.steps = steps
            self.cursor.set_steps(steps)
            self.run()

    def set_engine(self, engine: str) -> None:
        """Run on another engine from now on."""
        if engine != self.engine:
            self.engine = engine
            self.run()

    def _focused(self) -> None:
        self.settings.layer = self.selection.layer

    def _table(self, layer: str) -> NeuronTable | None:
        if self.trace is None or layer not in self.trace.spikes:
            return None
        key = (id(self.trace), layer, id(self.sweep))
        if self._known is None or self._known[0] != key:
            everywhere = None if self.sweep is None else self.sweep.rates(layer)
            self._known = key, table_of(self.trace, layer, everywhere)
        return self._known[1]

    # accuracy and early exit

    def run_sweep(self, data: ImageSet) -> None:
        """Measure accuracy, rates and operations on a data set, in the background."""
        if self.document is None:
            return
        bundle, engine, steps = self.document.bundle, self.engine, self.cursor.steps

        def work(progress: Progress) -> Sweep:
            return sweep(bundle, data, steps, engine, progress)

        self.jobs.start("sweep", work, self._swept, self.said.emit, self._sweeping)

    def _sweeping(self, so_far: Sweep) -> None:
        self.sweep = so_far
        self.swept.emit()

    def _swept(self, whole: Sweep) -> None:
        self.sweep = whole
        self.swept.emit()
        self.selection.refresh()

    def set_threshold(self, threshold: float) -> None:
        """The margin at which an image has its answer."""
        threshold = max(0.0, threshold)
        if threshold != self.threshold:
            self.threshold = self.settings.threshold = threshold
            self.threshold_moved.emit()

    def set_profile(self, name: str) -> None:
        """The hardware profile that prices operations."""
        if name != self.settings.profile:
            self.settings.profile = name
            self.profile_changed.emit()

    def close(self) -> bool:
        """Stop everything; True if no thread is left."""
        self.cursor.pause()
        self.settings.speed, self.settings.loop = self.cursor.speed, self.cursor.loop
        return self.jobs.close()


def _read(path: Path) -> Document | BrokenBundle:
    """A bundle, and the images that it opens with: `start_source` has them at hand afterwards."""
    found = attempt(path)
    if isinstance(found, Document):
        start_source(found.bundle)
    return found
