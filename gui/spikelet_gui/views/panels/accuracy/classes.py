"""Confusion matrix and accuracy by class."""

from __future__ import annotations

from spikelet.display import number_of
from spikelet.report import wording
from spikelet_gui.models.analysis.browse import Filter, by_class, confusion
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.freshness import unmeasured
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.plots.confusion import Cell, ConfusionView
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.no_results import EARLIER, NoResults


class ClassesCard(CardView):
    """The confusion matrix; a selected cell filters the browser of images."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Classes", data=self._data)
        self.matrix = ConfusionView(self._chosen)
        self.empty = NoResults(inspector.jobs, {"sweep": "Measuring.", **EARLIER})
        self.body.addWidget(self.matrix, 1)
        self.body.addWidget(self.empty, 1)
        self.follow(self._draw, inspector.measured.swept, inspector.opened, inspector.cursor.moved)
        self.follow(self._advise, inspector.showing)
        self.follow(self._draw, inspector.results.filter_changed)

    def _time(self) -> int:
        sweep = self.inspector.measured.sweep
        return 1 if sweep is None else min(self.inspector.cursor.time, sweep.counted.steps)

    def _advise(self) -> None:
        """Draw again if there is nothing but advice, which depends on the input."""
        if self.inspector.measured.sweep is None:
            self._draw()

    def _draw(self) -> None:
        inspector, sweep = self.inspector, self.inspector.measured.sweep
        names = inspector.class_names
        counts = None if sweep is None else confusion(sweep, self._time(), len(names))
        self.matrix.setVisible(counts is not None)
        self.empty.setVisible(counts is None)
        if counts is None or sweep is None:
            advice = unmeasured(inspector, "Not measured yet: click Run all images.")
            self.empty.set_message(advice if sweep is None else wording.NO_LABELS, waits=sweep is None)
            self.set_note("")
            return
        chosen = inspector.results.filter or Filter()
        self.matrix.show_counts(counts, names, (chosen.truth, chosen.predicted))
        self.set_note(f"{number_of(sweep.done, 'image')} after t = {self._time()}; click a cell to list its images")

    def _chosen(self, cell: Cell) -> None:
        self.inspector.results.set_filter(Filter("all", *cell) if cell != (None, None) else None)

    def _data(self) -> DataTable | None:
        inspector, sweep = self.inspector, self.inspector.measured.sweep
        names = inspector.class_names
        counts = None if sweep is None else confusion(sweep, self._time(), len(names))
        if counts is None:
            return None
        head = ["true_class", "images", "accuracy", "low_95", "high_95", *(f"predicted {name}" for name in names)]
        rows = [
            [name, score.images, "" if score.share is None else score.share, score.low, score.high, *map(int, line)]
            for name, score, line in zip(names, by_class(counts), counts, strict=True)
        ]
        return DataTable("confusion", head, rows)
