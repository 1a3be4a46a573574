"""Two bundles, or one bundle on two engines, side by side."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from spikelet_gui.models.analysis.compare import Comparison, Side, Survey, compare, survey
from spikelet_gui.models.session.document import Document
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.compare.cards import AnswersCard, DifferenceCard, LayersCard, SideCard
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.fields import Choice
from spikelet_gui.views.widgets.theme import GAP
from spikelet_gui.views.widgets.widgets import Empty, Tabs, button, column, label, row, tool

CHOOSE = "Choose a second bundle, or another engine for the same one."


class ComparePanel(View):
    """Choice above; both rasters and their difference; layers and answers."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.names = Choice("engine of the first"), Choice("engine of the second")
        for box in self.names:
            box.textActivated.connect(lambda _: self.run())
        self.second = Choice("second bundle")
        self.second.activated.connect(self._chosen)
        self.all = button("Compare on all images", self.survey, "Run both on every image, in the background")
        self.message = label("", "caption", wrap=True)
        self.tabs: Tabs | None = None
        self._tabs = QHBoxLayout()
        self._tabs.addStretch(1)
        self.first_name = label("", "title")
        choice = row(
            self.first_name,
            self.names[0],
            label("against", "muted"),
            self.second,
            self.names[1],
            tool("open", "Open a bundle to compare with", self.choose),
            spacing=8,
        )
        choice.addStretch(1)
        choice.addWidget(self.all)
        self.rasters = SideCard(inspector, 0), SideCard(inspector, 1)
        self.difference, self.layers, self.answers = (
            DifferenceCard(inspector),
            LayersCard(inspector),
            AnswersCard(inspector),
        )
        self.whole, self.empty, self._why = QWidget(), Empty(""), ""
        panes = QHBoxLayout(self.whole)
        panes.setContentsMargins(0, 0, 0, 0)
        panes.setSpacing(GAP)
        left = column(spacing=GAP)
        left.addLayout(row(*self.rasters, stretch=(1, 1), spacing=GAP), 1)
        left.addWidget(self.difference, 1)
        panes.addLayout(left, 8)
        panes.addLayout(column(self.layers, self.answers, stretch=(6, 5), spacing=GAP), 5)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(8)
        outer.addLayout(choice)
        outer.addWidget(self.message)
        outer.addLayout(self._tabs)
        outer.addWidget(self.empty, 1)
        outer.addWidget(self.whole, 1)
        self.follow(self._reset, inspector.opened)
        self.follow(self.run, inspector.opened, inspector.showing, inspector.beside.opened, inspector.cursor.changed)
        self.follow(self._draw, inspector.beside.compared, inspector.selection.focused)
        self.follow(self._move, inspector.cursor.moved)

    # what is compared

    @property
    def comparison(self) -> Comparison | None:
        """Comparison on the current image."""
        return self.inspector.beside.comparison

    @property
    def counted(self) -> Survey | None:
        """Comparison over many images."""
        return self.inspector.beside.survey

    def sides(self) -> tuple[Side, Side] | None:
        """Both bundles and engines, as chosen."""
        document, other = self.inspector.document, self.inspector.beside.other
        if document is None or not self.names[0].count():
            return None
        second = document if other is None else other
        return Side(document.bundle, self.names[0].currentText()), Side(second.bundle, self.names[1].currentText())

    def run(self) -> None:
        """Show both the image."""
        inspector, sides = self.inspector, self.sides()
        if sides is None or inspector.source is None:
            return
        image = inspector.source.image(inspector.index)
        steps = min(inspector.cursor.steps, *(document.most_steps for document in self._documents()))
        key = (sides[0].bundle.digest, sides[0].engine, sides[1].bundle.digest, sides[1].engine, steps, image.tobytes())
        if key == inspector.beside.key:
            return
        inspector.beside.key, self._why = key, ""
        inspector.jobs.start(
            "compare",
            lambda progress: compare(sides, image, steps, progress),
            inspector.beside.set_comparison,
            self._failed,
        )

    prepare = run

    def survey(self) -> None:
        """Show both all images."""
        inspector, sides, data = self.inspector, self.sides(), self.inspector.data
        if sides is None:
            return
        if data is None:
            inspector.said.emit("Requires a data set: open a folder or a data set in the Overview")
            return
        steps = min(inspector.cursor.steps, *(document.most_steps for document in self._documents()))
        inspector.jobs.start(
            "survey", lambda progress: survey(sides, data, steps, progress), inspector.beside.set_survey, self._failed
        )

    def choose(self) -> None:
        """Ask for the second bundle."""
        name, _ = QFileDialog.getOpenFileName(self, "Open a bundle to compare with", "", "Bundles (*.snnb)")
        if name:
            self.inspector.beside.open(Path(name))

    def _documents(self) -> list[Document]:
        return [each for each in (self.inspector.document, self.inspector.beside.other) if each is not None]

    def _failed(self, text: str) -> None:
        self._why = text[:1].upper() + text[1:] + ".\n\n"
        self.inspector.beside.set_comparison(None)

    # views

    def _chosen(self, index: int) -> None:
        path = self.second.itemData(index)
        if path == "":
            self.inspector.beside.close()
        elif path is not None:
            self.inspector.beside.open(Path(path))

    def _reset(self) -> None:
        document = self.inspector.document
        if document is None:
            return
        self.first_name.setText(document.name)
        self._fill()

    def _fill(self) -> None:
        """The choices there are."""
        document, other = self.inspector.document, self.inspector.beside.other
        assert document is not None
        second = other or document
        for index, (box, each) in enumerate(zip(self.names, (document, second), strict=True)):
            kept = box.currentText()
            if [box.itemText(i) for i in range(box.count())] != list(each.engines):
                box.clear()
                box.addItems(list(each.engines))
                usual = self.inspector.engine if index == 0 or other is not None else "numpy"
                box.setCurrentText(kept if kept in each.engines else usual)
        self.second.clear()
        self.second.addItem("the same bundle", "")
        paths = [Path(name) for name in self.inspector.settings.recent if Path(name) != document.path.resolve()]
        if other is not None and other.path.resolve() not in paths:
            paths.insert(0, other.path.resolve())
        for path in paths:
            self.second.addItem(path.name, str(path))
        if other is not None:
            self.second.setCurrentIndex(self.second.findData(str(other.path.resolve())))

    def _draw(self) -> None:
        comparison, inspector = self.comparison, self.inspector
        if inspector.document is None:
            return
        self._fill()
        self._fill_tabs(comparison)
        self.whole.setVisible(comparison is not None)
        self.empty.setVisible(comparison is None)
        self.message.setText("" if comparison is None else verdict(comparison))
        running = inspector.jobs.running("compare")
        self.empty.say("Running both on the image…" if running else f"{self._why}{CHOOSE}")
        for each in (*self.rasters, self.difference, self.layers, self.answers):
            each.draw()

    def _fill_tabs(self, comparison: Comparison | None) -> None:
        names = list(comparison.layers) if comparison is not None else []
        if self.tabs is not None:
            self._tabs.removeWidget(self.tabs)
            self.tabs.deleteLater()
            self.tabs = None
        if names:
            self.tabs = Tabs("layer", names, lambda index: self.inspector.selection.focus(names[index]))
            self._tabs.insertWidget(0, self.tabs)
            if self.inspector.selection.layer in names:
                self.tabs.choose(names.index(self.inspector.selection.layer))

    def _move(self) -> None:
        for each in (*self.rasters, self.difference, self.answers):
            each.go(self.inspector.cursor.time)


def verdict(comparison: Comparison) -> str:
    """Summarise a comparison in one or two sentences."""
    if not comparison.layers:
        return "The networks have no layer with the same name and shape: only predictions are compared."
    differing = sum(comparison.differing(layer) for layer in comparison.layers)
    if not differing:
        return f"None of {comparison.spikes:,} spikes differ in {len(comparison.layers)} layers."
    text = f"{differing:,} of {comparison.spikes:,} spikes were fired by one network only."
    first = comparison.first
    if first is None:
        return text
    place = first.place
    where = f"layer {place.layer}, neuron {','.join(map(str, place.neuron))}, t = {place.time}"
    potentials = " and ".join(f"{each:.4f} θ" for each in first.before)
    return (
        f"{text} First: {where}; potentials before the reset {potentials}{' (a threshold tie)' if first.tie else ''}."
    )
