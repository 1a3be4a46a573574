"""Texts of painted widgets that are cut or overlap. Run as a program, it prints them: for another size of text."""

from contextlib import ExitStack
from types import SimpleNamespace
from typing import ClassVar
from unittest.mock import patch

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QImage, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem

from gui_support.bundles import plain_graph
from spikelet.metrics.energy import LEVELS, Energy
from spikelet_gui.models.network.blocks import blocks
from spikelet_gui.views.panels.residuals import layer_bars
from spikelet_gui.views.panels.residuals.layer_bars import LayerBars
from spikelet_gui.views.plots import confusion, prediction, range_bars, raster
from spikelet_gui.views.plots.confusion import ConfusionView
from spikelet_gui.views.plots.network.block import Badge, Look
from spikelet_gui.views.plots.network.view import GraphView
from spikelet_gui.views.plots.prediction import ClassBar, PredictionBars
from spikelet_gui.views.plots.range_bars import RangeBars
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.shell.app import application
from spikelet_gui.views.widgets.theme import length

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MODULES = (layer_bars, confusion, prediction, range_bars, raster)


class Recorder(QPainter):
    """A painter that keeps its texts with the areas that they are given and that they take."""

    texts: ClassVar[list] = []

    def drawText(self, area, flags, text):
        metrics = QFontMetricsF(self.font(), self.device())
        taken = metrics.boundingRect(area, int(flags), text)
        middle, letters = taken.center().y(), metrics.capHeight()
        letters_only = QRectF(taken.left(), middle - letters / 2, taken.width(), letters)
        self.texts.append((text, self.transform().mapRect(area), self.transform().mapRect(letters_only)))
        super().drawText(area, flags, text)


def faults():
    """Return the texts that exceed their areas, that are elided, or that overlap, by widget."""
    wrong_by_widget = {}
    for widget in widgets():
        wrong_by_widget[widget.accessibleName()] = wrong_texts(lambda widget=widget: widget.grab())
    wrong_by_widget["network"] = wrong_texts(network)
    return {name: texts for name, texts in wrong_by_widget.items() if texts}


def painted_texts(widget):
    """Return the texts that a widget paints."""
    return [text for text, _, _ in recorded(widget.grab)]


def recorded(draw):
    """Draw, and return the texts with the areas that they are given and that they take."""
    Recorder.texts.clear()
    with ExitStack() as patches:
        for module in MODULES:
            patches.enter_context(patch.object(module, "QPainter", Recorder))
        draw()
    return list(Recorder.texts)


def wrong_texts(draw):
    """Return the texts of a drawing that are cut, that are elided, or that overlap."""
    texts = recorded(draw)
    assert texts
    wrong = [text for text, area, taken in texts if "…" in text or not area.adjusted(-1, -1, 1, 1).contains(taken)]
    for index, (text, _, taken) in enumerate(texts):
        wrong += [f"{text} on {other}" for other, _, behind in texts[:index] if taken.intersects(behind)]
    return wrong


def widgets():
    """Return painted widgets with contents, in their smallest sizes."""
    bars = PredictionBars()
    bars.show_bars([ClassBar(name, 0.1, 1.0, "#62aef0", name == "automobile") for name in CLASSES])
    bars.resize(length(254), length(170))
    levels = {level: Energy(2.08e6, 6.54e6) for level in LEVELS}
    ranges = RangeBars("energy by level")
    ranges.show_rows([(name, levels) for name in ("spiking", "float32", "4-bit activations")])
    ranges.resize(length(420), ranges.minimumHeight())
    matrix = ConfusionView(lambda cell: None)
    matrix.show_counts(np.full((10, 10), 100), CLASSES, (None, None))
    matrix.resize(length(480), length(320))
    spikes = Raster("spikes", lambda time: None)
    spikes.show_spikes(np.zeros((15, 115_200), np.uint8))
    spikes.resize(spikes.minimumSize())
    layers = [SimpleNamespace(layer=f"if{k}", under=0.014, over=0.022, rms=0.067) for k in range(8)]
    inspector = SimpleNamespace(selection=SimpleNamespace(layer="if1"))
    residuals = LayerBars(SimpleNamespace(layers=lambda: layers, inspector=inspector))
    residuals.show_layers()
    residuals.resize(length(414), residuals.minimumHeight())
    return bars, ranges, matrix, spikes, residuals


def network():
    """Draw the blocks of a network as large as its view does."""
    view = GraphView(*[lambda *_: None] * 4)
    view.resize(length(368), length(420))
    badges = Badge(3684, "dead"), Badge(3, "saturated")
    named = blocks(plain_graph())
    looks = {block.name: Look("pool 2×2 · conv 3×3", "32×32×32", 0.211, badges) for block in named}
    view.show_blocks(named, looks, (), {})
    image = QImage(view.size(), QImage.Format.Format_ARGB32)
    painter = Recorder(image)
    painter.setTransform(view.viewportTransform())
    for item in view.items_by_name.values():
        painter.save()
        painter.translate(item.pos())
        item.paint(painter, QStyleOptionGraphicsItem())
        painter.restore()
    painter.end()
    form = next(iter(view.items_by_name.values())).form
    assert QPointF(form.width * view.transform().m11(), 0).x() <= view.width()


if __name__ == "__main__":
    application()
    print(faults())
