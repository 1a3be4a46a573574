"""Accuracy per time-step over a data set, and what early exit changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QListView, QListWidget, QListWidgetItem, QVBoxLayout

from spikelet.gui.models.inputs import Source, from_data, open_source, shown
from spikelet.gui.models.inspector import Inspector
from spikelet.gui.models.sweep import Sweep
from spikelet.gui.views.base import View
from spikelet.gui.views.evidence import class_names
from spikelet.gui.views.exits import ExitCard
from spikelet.gui.views.plots import Plot, TimeLine
from spikelet.gui.views.runner import Runner
from spikelet.gui.views.theme import GAP, colour, theme
from spikelet.gui.views.widgets import Card, Empty, Numbers, button, label
from spikelet.metrics import words

LISTED, PICTURE = 200, 56  # images at most; pixels of each


class CurveCard(View):
    """Accuracy after each time-step with its interval; the float network; chance."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Accuracy after each time-step")
        self.card.numbers = self._numbers
        hint = "Measure on the whole data set, in the background  (R)"
        self.runner = Runner(inspector.jobs, "sweep", "Run all images", self.run_all, hint, self._draw)
        self.choose = button("Other data…", self._choose, "A folder of class folders, CIFAR, IDX or .npz")
        self.plot = Plot("accuracy by time-step", "time-steps", "accuracy", percent=("left",))
        clear_pen = pg.mkPen((0, 0, 0, 0))
        self.low = self.plot.plot([], [], pen=clear_pen)
        self.high = self.plot.plot([], [], pen=clear_pen)
        self.plot.addItem(pg.FillBetweenItem(self.low, self.high, brush=colour(theme().series[0], 45)))
        self.curve = self.plot.line([], [], 0, 2.6, symbol="o", symbolSize=7)
        self.curve.setSymbolBrush(theme().series[0])
        self.curve.setSymbolPen(None)
        self.timeline = TimeLine(self.plot, inspector.cursor.go)
        self._levels: list[Any] = []
        self.words, self.empty = label("", "caption", wrap=True), Empty("")
        self.card.head.addWidget(self.choose)
        self.card.head.addWidget(self.runner)
        for each in (self.plot, self.empty):
            self.card.body.addWidget(each, 1)
        self.card.body.addWidget(self.words)
        self.fill(self.card)
        self.follow(self._draw, inspector.swept, inspector.opened)
        self.follow(lambda: self.timeline.go(inspector.cursor.time), inspector.cursor.moved)

    def run_all(self) -> None:
        """Measure on all images of the source, or on those that ship."""
        data = self.inspector.data
        if self.inspector.document is None:
            return
        if data is None:
            self.inspector.said.emit("No images with labels fit this network here: choose a data set")
        else:
            self.inspector.run_sweep(data)

    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open a data set")
        document = self.inspector.document
        if not name or document is None:
            return
        bundle = document.bundle

        def opened(source: Source) -> None:
            self.inspector.show(source)
            if source.data is not None:
                self.inspector.run_sweep(source.data)

        self.inspector.jobs.start("image", lambda _: open_source(Path(name), bundle), opened, self.inspector.said.emit)

    def _draw(self) -> None:
        sweep = self.inspector.sweep
        for item in self._levels:
            self.plot.removeItem(item)
        self._levels = []
        known = sweep is not None and sweep.accuracy is not None
        self.plot.setVisible(known)
        self.words.setVisible(known)
        self.empty.setVisible(not known)
        if sweep is None or sweep.accuracy is None:
            self.card.say("")
            if self.inspector.jobs.running("sweep"):
                self.empty.say("Measuring: what is known so far will stand here.")
            elif sweep is None:
                self.empty.say("Nothing is measured yet: run the images that ship, or choose a data set.")
            else:
                self.empty.say(words.NO_LABELS + " Choose a data set that has some.")
            return
        found = sweep.accuracy
        x = [each["time_steps"] for each in found]
        self.low.setData(x, [each["low"] for each in found])
        self.high.setData(x, [each["high"] for each in found])
        self.curve.setData(x, [each["accuracy"] for each in found])
        levels = self._floats(sweep)
        assert self.inspector.document is not None
        chance = 1 / self.inspector.document.bundle.graph.classes
        for value, name, stroke in [*levels, (chance, "chance", theme().muted)]:
            self._levels.append(self.plot.level(value, stroke, f"{name} {value:.1%}"))
        top = max([each["high"] for each in found] + [value for value, _, _ in levels])
        low = min(each["low"] for each in found)
        self.plot.setYRange(max(0.0, low - 0.12), min(1.0, top + 0.05), padding=0)
        self.plot.steps_axis(len(found))
        self.plot.setXRange(0.6, len(found) + 0.4, padding=0)
        last, state = found[-1], "" if sweep.measured is not None else f" so far, of {len(sweep.data):,}"
        self.card.say(f"{sweep.data.name}, {sweep.done:,} images{state}")
        interval = f"{last['low']:.2%} – {last['high']:.2%}"
        self.words.setText(
            f"T = {len(found)}: {last['accuracy']:.2%}, 95 % interval {interval} (Wilson). Chance: {chance:.0%}."
        )
        self.timeline.go(self.inspector.cursor.time)

    def _floats(self, sweep: Sweep) -> list[tuple[float, str, str]]:
        """The float network on the same images: as the bundle tells it, or as it is computed here."""
        found = []
        if sweep.measured is not None and sweep.measured.float_network["accuracy"] is not None:
            found.append((float(sweep.measured.float_network["accuracy"]), "float network", theme().over))
        elif sweep.source_accuracy is not None:
            found.append((sweep.source_accuracy, "float network, computed here", theme().over))
        return found

    def _numbers(self) -> Numbers | None:
        sweep = self.inspector.sweep
        if sweep is None or sweep.accuracy is None:
            return None
        rows = [[each["time_steps"], each["accuracy"], each["low"], each["high"]] for each in sweep.accuracy]
        return Numbers("accuracy", ["time_steps", "accuracy", "low_95", "high_95"], rows)


class LostCard(View):
    """Images that the float network gets right and the spiking one does not."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Lost by spiking")
        self.card.numbers = self._numbers
        self.words = label("", "muted", wrap=True)
        self.list = QListWidget()
        self.list.setAccessibleName("images that only the float network gets right")
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setIconSize(QSize(PICTURE, PICTURE))
        self.list.setResizeMode(QListView.ResizeMode.Adjust)
        self.list.setMovement(QListView.Movement.Static)
        self.list.setWordWrap(True)
        self.list.setUniformItemSizes(True)
        self.list.itemActivated.connect(self._show)
        self.list.itemClicked.connect(self._show)
        self.card.body.addWidget(self.words)
        self.card.body.addWidget(self.list, 1)
        self.card.body.addStretch()
        self.fill(self.card)
        self.follow(self._draw, inspector.swept, inspector.opened, inspector.cursor.moved)

    def _draw(self) -> None:
        inspector, sweep = self.inspector, self.inspector.sweep
        self.list.clear()
        self.list.hide()
        if sweep is None or sweep.labels is None or sweep.source is None or inspector.document is None:
            self.words.setText("Needs images with labels, and a network that has a float activation.")
            self.card.say("")
            return
        time = min(inspector.cursor.time, sweep.counted.steps)
        lost, names = sweep.lost(time), class_names(inspector)
        node = inspector.document.bundle.graph.input
        self.card.say(f"after t = {time}: {len(lost)} of {sweep.done:,}")
        self.words.setText(
            "Right in the float network; below each stands what the spiking one says. Click to look into one."
            if len(lost)
            else "None: whatever the float network gets right, the spiking one does too."
        )
        metrics = self.list.fontMetrics()
        wide = max(metrics.horizontalAdvance(f"not {name}") for name in names)
        place = QSize(max(92, wide + 24), PICTURE + 2 * metrics.lineSpacing() + 8)
        self.list.setGridSize(place)
        self.list.setVisible(bool(len(lost)))
        ratio = self.devicePixelRatioF()
        for index in lost[:LISTED]:
            pixels = shown(sweep.data.images[index].astype(np.float32), node.low, node.high)
            height, width, _ = pixels.shape
            image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            picture = QPixmap.fromImage(image).scaled(
                round(PICTURE * ratio), round(PICTURE * ratio), Qt.AspectRatioMode.KeepAspectRatio
            )
            picture.setDevicePixelRatio(ratio)
            answer = int(sweep.counted.predictions[time - 1][index])
            item = QListWidgetItem(picture, f"{names[answer]}\nnot {names[sweep.labels[index]]}")
            item.setSizeHint(place)  # or all would be as wide as the words of the first
            item.setData(Qt.ItemDataRole.UserRole, int(index))
            self.list.addItem(item)

    def _show(self, item: QListWidgetItem) -> None:
        sweep = self.inspector.sweep
        if sweep is not None:
            self.inspector.show(from_data(sweep.data), int(item.data(Qt.ItemDataRole.UserRole)))
            self.inspector.said.emit(f"image {self.inspector.index + 1} is shown: see Overview and Layers")

    def _numbers(self) -> Numbers | None:
        sweep = self.inspector.sweep
        if sweep is None or sweep.labels is None:
            return None
        time = min(self.inspector.cursor.time, sweep.counted.steps)
        names = class_names(self.inspector)
        rows = [
            [int(i), names[sweep.labels[i]], names[sweep.counted.predictions[time - 1][i]]] for i in sweep.lost(time)
        ]
        return Numbers("lost", ["image", "label", "spiking_answer"], rows)


class Accuracy(View):
    """Curve at the left, early exit and losses at the right."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        outer = QHBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(GAP)
        left = QVBoxLayout()
        left.setSpacing(GAP)
        self.curve = CurveCard(inspector)
        left.addWidget(self.curve, 3)
        left.addWidget(LostCard(inspector), 2)
        outer.addLayout(left, 5)
        outer.addWidget(ExitCard(inspector), 4)

    def run(self) -> None:
        """Key R."""
        self.curve.run_all()

    def prepare(self) -> None:
        """For a screenshot: all images."""
        self.curve.run_all()
