"""Footer bar: time cursor, engine, status line and background tasks."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QSlider, QVBoxLayout

from spikelet_gui.models.session.cursor import SPEEDS
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.tasks import progress, title
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.controls import Choice, Number, tool
from spikelet_gui.views.widgets.icons import icon
from spikelet_gui.views.widgets.text import Elided, label, set_style
from spikelet_gui.views.widgets.theme import length

READ_TIME = 15_000  # milliseconds for which a message is shown, or has its own line if it does not fit
NARROW = 860  # pixels below which the status is below the controls
PROGRESS_WIDTH = 150  # least width of the progress in pixels


class Transport(View):
    """Playback of the time cursor, T, the engine, the status line, and progress with a cancel button."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.setObjectName("foot")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.inspector = inspector
        self._make_playback()
        self._make_settings()
        self._make_status()
        self._arrange()
        self._subscribe()
        self._changed()
        self._show()

    def _make_playback(self) -> None:
        """Make the controls of the time cursor."""
        cursor = self.inspector.cursor
        self.timer = QTimer(self)
        self.timer.timeout.connect(cursor.tick)
        self.play = tool("play", "Play or pause  (Space)", cursor.toggle)
        self.loop = tool("loop", "Loop  (L)")
        self.loop.setCheckable(True)
        self.loop.clicked.connect(lambda: cursor.set_loop(self.loop.isChecked()))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("time-step")
        self.slider.setMinimum(1)
        self.slider.valueChanged.connect(cursor.go)
        self.time = label("")
        self.time.setMinimumWidth(length(64))
        self.speed = Choice("speed", "Time-steps per second  ([ and ])")
        self.speed.addItems([f"{speed:g} / s" for speed in SPEEDS])
        self.speed.activated.connect(lambda index: cursor.set_speed(SPEEDS[index]))

    def _make_settings(self) -> None:
        """Make the fields of T and of the engine."""
        inspector = self.inspector
        self.steps = Number("time-steps T", "Number of time-steps T")
        self.steps.setPrefix("T = ")
        self.steps.setFixedWidth(length(92))
        self.steps.valueChanged.connect(inspector.set_steps)
        self.steps.exceeded = lambda: inspector.status.emit(inspector.steps_limit[1])
        self.engine = Choice("engine", "Engine that runs the network; all engines fire identical spikes")
        self.engine.textActivated.connect(inspector.set_engine)

    def _make_status(self) -> None:
        """Make the status line and the progress of background tasks."""
        self.below = label("", "caption", wrap=True)
        self.below.hide()
        self.message = Elided()
        self.read_timer = QTimer(self, singleShot=True)
        self.read_timer.timeout.connect(self._read)
        self.progress = QProgressBar()
        self.progress.setAccessibleName("progress")
        self.progress.setTextVisible(False)
        self.stop = tool("close", "Cancel running tasks  (Esc)", self.inspector.jobs.cancel_all)
        self.text, self._bad, self._elided = "", False, False
        self._running: dict[str, tuple[int, int]] = {}

    def _subscribe(self) -> None:
        inspector, cursor = self.inspector, self.inspector.cursor
        self.listen(cursor.moved, self._moved)
        self.listen(cursor.changed, self._changed)
        for signal in (inspector.opened, inspector.showing, inspector.traced):
            self.listen(signal, self._changed)
        self.listen(inspector.status, self._set_text)
        self.listen(inspector.failed, lambda text: self._set_text(text, bad=True))
        self.listen(inspector.jobs.started, lambda key: self._progressed(key, 0, 0))
        self.listen(inspector.jobs.progressed, self._progressed)
        self.listen(inspector.jobs.finished, self._ended)
        self.listen(inspector.jobs.cancelled, self._cancelled)

    def _arrange(self) -> None:
        """Put the controls into a line, above the line of a long message."""
        cursor = self.inspector.cursor
        outer, line = QVBoxLayout(self), QHBoxLayout()
        self._outer, self._line, self._status, self._narrow = outer, line, QHBoxLayout(), False
        outer.setContentsMargins(12, 7, 12, 7)
        outer.addLayout(line)
        outer.addWidget(self.below)
        line.setSpacing(6)
        self.controls = (  # of an open bundle; a task can be cancelled also without one
            tool("first", "First time-step  (Home)", lambda: cursor.go(1)),
            tool("back", "Previous time-step  (Left)", lambda: cursor.step(-1)),
            self.play,
            tool("next", "Next time-step  (Right)", lambda: cursor.step(1)),
            tool("last", "Last time-step  (End)", lambda: cursor.go(cursor.steps)),
            self.loop,
            self.slider,
            self.time,
            self.speed,
            self.steps,
            self.engine,
        )
        for control in self.controls:
            line.addWidget(control, 2 if control is self.slider else 0)
        line.addSpacing(10)
        status = QVBoxLayout()
        status.setSpacing(3)
        status.addWidget(self.message)
        status.addWidget(self.progress)
        self._status.setSpacing(6)
        self._status.addLayout(status, 1)
        self._status.setAlignment(status, Qt.AlignmentFlag.AlignVCenter)
        self._status.addWidget(self.stop)
        line.addLayout(self._status, 4)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Put the status below the controls in a narrow window, where a task in progress would cover them."""
        super().resizeEvent(event)
        narrow = self.width() < length(NARROW)
        if narrow != self._narrow:
            self._narrow = narrow
            (self._line if narrow else self._outer).removeItem(self._status)
            if narrow:
                self._outer.insertLayout(1, self._status)
            else:
                self._line.addLayout(self._status, 4)

    def _moved(self) -> None:
        cursor = self.inspector.cursor
        self.slider.blockSignals(True)
        self.slider.setValue(cursor.time)
        self.slider.blockSignals(False)
        self.time.setText(f"t = {cursor.time} / {cursor.steps}")

    def _changed(self) -> None:
        cursor, document = self.inspector.cursor, self.inspector.document
        self.slider.blockSignals(True)
        self.slider.setMaximum(cursor.steps)
        self.slider.blockSignals(False)
        self.slider.setPageStep(max(1, cursor.steps // 8))
        self.play.setIcon(icon("pause" if cursor.playing else "play"))
        self.loop.setChecked(cursor.loop)
        self.loop.setIcon(icon("loop", None if cursor.loop else "#7a8594"))
        self.speed.setCurrentIndex(SPEEDS.index(cursor.speed))
        self.steps.blockSignals(True)
        self.steps.setRange(1, self.inspector.steps_limit[0] if document else cursor.steps)
        self.steps.setValue(cursor.steps)
        self.steps.blockSignals(False)
        engines = list(document.engines) if document else []
        if engines != [self.engine.itemText(i) for i in range(self.engine.count())]:
            self.engine.clear()
            self.engine.addItems(engines)
        self.engine.setCurrentText(self.inspector.engine)
        for control in self.controls:
            control.setEnabled(self.inspector.shown is not None)
        self._moved()
        if cursor.playing:
            self.timer.start(round(1000 / cursor.speed))
        else:
            self.timer.stop()

    def _set_text(self, text: str, bad: bool = False) -> None:
        self.text, self._bad, self._elided = text, bad, False
        self.read_timer.start(READ_TIME)
        self._show()

    def _read(self) -> None:
        """Clear a message after a while; an error is elided first, and cleared after the same time again."""
        if self._bad and not self._elided:
            self._elided = True
            self.read_timer.start(READ_TIME)
        else:
            self.text, self._bad = "", False
        self._show()

    def _progressed(self, key: str, done: int, total: int) -> None:
        if key in ("run", "costs", "file", "second file") and not total:  # usually too short to be shown
            return
        self._running[key] = done, total
        self._show()

    def _ended(self, key: str) -> None:
        self._running.pop(key, None)
        self._show()

    def _cancelled(self, keys: list[str]) -> None:
        titles = dict.fromkeys(map(title, keys))
        self._set_text("Cancelled: " + ", ".join(text[0].lower() + text[1:] for text in titles))

    def _show(self) -> None:
        """Show the task that was started last, or the last message."""
        key, (done, total) = next(reversed(self._running.items()), ("", (0, 0)))
        self.progress.setVisible(bool(key))
        self.stop.setVisible(bool(key))
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        # a message that does not fit has its own line for a while
        reading = self.read_timer.isActive() and not self._elided
        self.message.overflow = self.below if reading and not key else None
        self.below.hide()
        forms = _forms(key, done, total) if key else (self.text,)
        self.message.least = PROGRESS_WIDTH if key else 0
        layout = self.layout()
        if layout is not None and self.isVisible():
            layout.activate()  # the message is measured in the width that it has now
        self.message.show_text(*forms)
        for widget in (self.message, self.below):
            set_style(widget, "error" if self._bad and not key and widget.text() else "caption")


def _forms(key: str, done: int, total: int) -> tuple[str, ...]:
    """Return texts of a task, from long to short; the bar shows the count as well."""
    count = (progress(key, done, total),) if total else ()
    return (*count, f"{title(key)}…", f"{title(key).split()[0]}…")
