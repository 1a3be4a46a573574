"""Browser of the measured images, with filters. A selected image is shown in all panels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QImage

from spikelet.nodes import Input
from spikelet_gui.models.analysis.browse import KINDS, Filter, exit_steps, first_kind, kinds_of, selected
from spikelet_gui.models.analysis.sweep import Sweep
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.freshness import unmeasured
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.sources.rgb import shown
from spikelet_gui.views.images.gallery import Gallery
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Choice
from spikelet_gui.views.widgets.layouts import row
from spikelet_gui.views.widgets.no_results import EARLIER, NoResults

ANY = -1  # entry of a list of classes that selects all of them


class BrowserCard(CardView):
    """Images filtered by result, true class and prediction."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Images", data=self._data)
        self.kind = Choice("images by result", "Which images are shown")
        self.truth, self.predicted = Choice("true class"), Choice("predicted class")
        # characters that fit in any window; longer texts are elided in small ones
        for box, letters in ((self.kind, 14), (self.truth, 7), (self.predicted, 10)):
            box.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(letters)
        for box in (self.kind, self.truth, self.predicted):
            box.activated.connect(lambda _: self._filter())
        self.empty = NoResults(inspector.jobs, {"sweep": "Measuring.", **EARLIER})
        self.gallery = Gallery("images", self._show, self._enter)
        self.body.addLayout(row(self.kind, self.truth, self.predicted, stretch=(3, 2, 3), spacing=6))
        self.body.addWidget(self.empty, 1)
        self.body.addWidget(self.gallery, 1)
        self._drawn: tuple[object, ...] = ()
        self.follow(
            self._draw,
            inspector.measured.swept,
            inspector.opened,
            inspector.cursor.moved,
            inspector.measured.threshold_moved,
        )
        self.follow(self._draw, inspector.results.filter_changed)
        self.follow(self._mark, inspector.showing)

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        """Return True: a stacked layout else takes the preferred height for the minimum, and the next card loses it."""
        return True

    @property
    def filter(self) -> Filter:
        """The conditions; initially those of wrong predictions."""
        sweep, chosen = self.inspector.measured.sweep, self.inspector.results.filter
        if sweep is None:
            return Filter()
        if chosen is None:
            return Filter(first_kind(sweep))
        return chosen if chosen.kind in kinds_of(sweep) else replace(chosen, kind="all")

    def _filter(self) -> None:
        """Set the conditions from the lists."""
        truth, predicted = self.truth.currentData(), self.predicted.currentData()
        self.inspector.results.set_filter(
            Filter(
                self.kind.currentData(),
                None if truth == ANY else int(truth),
                None if predicted == ANY else int(predicted),
            )
        )

    def _draw(self) -> None:
        inspector, sweep = self.inspector, self.inspector.measured.sweep
        available = sweep is not None and inspector.document is not None
        for widget in (self.kind, self.truth, self.predicted, self.gallery):
            widget.setVisible(available)
        self.empty.setVisible(not available)
        if sweep is None or inspector.document is None:
            advice = "Not measured yet: click Run all images. Each image is listed here with its result."
            self.empty.set_message(unmeasured(inspector, advice))
            self.set_note("")
            return
        time, names = min(inspector.cursor.time, sweep.counted.steps), inspector.class_names
        numbers = selected(sweep, self.filter, time, inspector.measured.threshold)
        self._fill(sweep, time, names)
        self.set_note(f"after t = {time}: {len(numbers):,} of {sweep.done:,}; Enter opens an image in the Overview")
        self.empty.set_message("No image fulfils these conditions.", waits=False)
        self.empty.setVisible(not len(numbers))
        self.gallery.setVisible(bool(len(numbers)))
        key = (id(sweep.data), time, inspector.measured.threshold, numbers.tobytes())
        if key == self._drawn:
            return
        self._drawn = key
        exits, node = exit_steps(sweep, inspector.measured.threshold), inspector.document.bundle.graph.input
        lines = [*(f"(true: {name})" for name in names), "exit t = 1000"]
        self.gallery.show_pictures(
            numbers.tolist(),
            lambda number: _picture(sweep.data.images[number], node),
            lambda number: _caption(sweep, number, time, int(exits[number]), names),
            lines,
        )
        self._mark()

    def _fill(self, sweep: Sweep, time: int, names: list[str]) -> None:
        """Fill the lists, with the number of images of each kind."""
        chosen, inspector = self.filter, self.inspector
        self.kind.clear()
        for kind in kinds_of(sweep):
            count = len(selected(sweep, replace(chosen, kind=kind), time, inspector.measured.threshold))
            self.kind.addItem(f"{KINDS[kind][0]} ({count:,})", kind)
        self.kind.setCurrentIndex(self.kind.findData(chosen.kind))
        for box, title, value in (
            (self.truth, "true", chosen.truth),
            (self.predicted, "predicted", chosen.predicted),
        ):
            if [box.itemText(i) for i in range(1, box.count())] != [f"{title}: {name}" for name in names]:
                box.clear()
                box.addItem(f"{title}: any", ANY)
                for k, name in enumerate(names):
                    box.addItem(f"{title}: {name}", k)
            box.setCurrentIndex(box.findData(ANY if value is None else value))
        self.truth.setEnabled(sweep.labels is not None)

    def _mark(self) -> None:
        inspector = self.inspector
        if inspector.measured.sweep is None:
            self._draw()
        elif inspector.shows_measured:
            self.gallery.mark(inspector.index)

    def _show(self, number: int) -> None:
        inspector = self.inspector
        if inspector.measured.sweep is None or (inspector.shows_measured and inspector.index == number):
            return
        inspector.show_measured(number)
        inspector.status.emit(f"Image {number + 1:,} is shown in all panels")

    def _enter(self, number: int) -> None:
        self._show(number)
        self.inspector.going.emit("overview")

    def _data(self) -> DataTable | None:
        inspector, sweep = self.inspector, self.inspector.measured.sweep
        if sweep is None:
            return None
        time = min(inspector.cursor.time, sweep.counted.steps)
        names, exits = inspector.class_names, exit_steps(sweep, inspector.measured.threshold)
        rows = []
        for number in selected(sweep, self.filter, time, inspector.measured.threshold):
            truth = "" if sweep.labels is None else names[sweep.labels[number]]
            prediction = names[sweep.counted.predictions[time - 1][number]]
            rows.append([int(number) + 1, truth, prediction, int(exits[number]) or ""])
        return DataTable("images", ["image", "label", "prediction", "exit_time_step"], rows)


def _picture(image: npt.NDArray[np.generic], node: Input) -> QImage:
    """Draw an image (C, H, W) or (F,) of the input node."""
    pixels = shown(image.astype(np.float32), node.low, node.high)
    height, width, _ = pixels.shape
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _caption(sweep: Sweep, number: int, time: int, exit_step: int, names: list[str]) -> str:
    """Return the prediction of an image after time-step `time`; below it the true class, or the step of early exit."""
    prediction = int(sweep.counted.predictions[time - 1][number])
    below = f"exit t = {exit_step}" if exit_step else "no exit"
    if sweep.labels is not None and sweep.labels[number] != prediction:
        below = f"(true: {names[sweep.labels[number]]})"
    return f"{names[prediction]}\n{below}"
