"""The input that is shown, and the run of the open network on it."""

from __future__ import annotations

from spikelet.data import ImageSet
from spikelet_gui.models.activity.trace import Trace, record
from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.session.cursor import Cursor
from spikelet_gui.models.session.document import Document
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.session.sources.inputs import Inputs, data_for, steps_limit
from spikelet_gui.models.signal import Signal


class InputRun:
    """Selects one input of a source, and runs the network on it in the background.

    Args:
        jobs: Runs the network.
        settings: Settings of the session, in which the selected image and T are stored.

    Attributes:
        showing: Emitted when another input is selected.
        traced: Emitted when the network has run on the input.
        status: Emitted with a message for the status line.
        failed: Emitted with the message of an error for the status line.
        document: The open bundle, or None.
        source: The images or recordings, or None.
        index: Index of the selected one in `source`.
        engine: Name of the engine.
        trace: The last run, or None; that on the selected input is `trace_of_input`.
        cursor: The time-step that is shown, and T.
    """

    def __init__(self, jobs: Jobs, settings: Settings) -> None:
        self.showing, self.traced = Signal[[]](), Signal[[]]()
        self.status, self.failed = Signal[[str]](), Signal[[str]]()
        self.jobs, self.settings = jobs, settings
        self.cursor = Cursor()
        self.cursor.set_loop(settings.loop)
        self.cursor.set_speed(settings.speed)
        self.document: Document | None = None
        self.source: Inputs | None = None
        self.index = 0
        self.engine = "numpy"
        self.trace: Trace | None = None
        self._traced_input: tuple[Inputs, int] | None = None

    def forget_run(self) -> None:
        """Discard the run, without a signal; called before another bundle is shown."""
        self.trace, self._traced_input = None, None

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

    @property
    def class_names(self) -> list[str]:
        """Names of the classes of the open bundle, or their indices; empty if no bundle is open."""
        if self.document is None:
            return []
        bundle = self.document.bundle
        return list(bundle.manifest.labels or (str(k) for k in range(bundle.graph.classes)))

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
        self.traced.emit()

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
