"""Texts and widgets of a panel that are cut off or overlap."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QScrollArea,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QWidget,
)

from spikelet_gui.views.images.gallery import Gallery
from spikelet_gui.views.panels.layers.neuron_table import NeuronView
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.widgets.cards import Card
from spikelet_gui.views.widgets.tables import Table
from spikelet_gui.views.widgets.text import Elided

PADDING = 6  # pixels on each side of a cell of a table


def shown(panel, kind):
    return [widget for widget in panel.findChildren(kind) if widget.isVisible()]


def cut_texts(panel):
    """Yield texts of labels and buttons that have less space than they need."""
    for label in shown(panel, QLabel):
        if isinstance(label, Elided):
            if "…" in label.text() and "…" not in label.toolTip():
                yield label.toolTip()
        elif label.wordWrap():
            if label.height() < label.heightForWidth(label.width()):
                yield label.text()
        elif label.width() < label.minimumSizeHint().width():
            yield label.text()
    for button in shown(panel, QAbstractButton):
        if button.text() and button.width() < button.minimumSizeHint().width():
            yield button.text()


def cut_cells(panel):
    """Yield cells of the neuron table that have less space than they need, and the title of a column out of sight."""
    for view in shown(panel, NeuronView):
        model, metrics = view.model(), QFontMetricsF(view.font())  # QFontMetrics rounds down
        assert not view.horizontalHeader().highlightSections()  # titles of selected columns would be bold
        for column in range(model.columnCount()):
            title = model.headerData(column, Qt.Orientation.Horizontal)
            if view.horizontalHeader().fontMetrics().horizontalAdvance(title) + 2 * PADDING > view.columnWidth(column):
                yield title
            if view.columnViewportPosition(column) + view.columnWidth(column) > view.viewport().width():
                yield f"{title}: out of sight"
        for row in range(0, model.rowCount(), 101):
            for column in range(model.columnCount()):
                text = model.index(row, column).data()
                if metrics.horizontalAdvance(text) + 2 * PADDING > view.columnWidth(column):
                    yield text


def cut_names(panel):
    """Yield names in charts that lie outside of them, or overlap."""
    for plot in shown(panel, Plot):
        inside = plot.plotItem.vb.sceneBoundingRect().adjusted(-4, -4, 4, 4)
        items = [item for item in plot.scene().items() if isinstance(item, pg.TextItem) and item.isVisible()]
        texts = [item for item in items if item.toPlainText()]
        areas = [text.mapRectToScene(text.boundingRect()) for text in texts]
        yield from (text.toPlainText() for text, area in zip(texts, areas, strict=True) if not inside.contains(area))
        named = [text for text, _ in plot.names.names if text.scene() is not None and text.isVisible()]
        tops = sorted(text.mapRectToScene(text.boundingRect()).center().y() for text in named)
        yield from (f"{plot.accessibleName()}: names overlap" for gap in np.diff(tops) if gap < 12)


def cut_numbers(panel):
    """Yield charts without space for the uppermost number of the axis, and captions of galleries that do not fit."""
    for plot in shown(panel, Plot):
        if plot.getAxis("left").isVisible() and plot.plotItem.vb.sceneBoundingRect().top() < 7:
            yield plot.accessibleName()
    for gallery in shown(panel, Gallery):
        metrics, pictures = gallery.fontMetrics(), gallery.pictures
        for text in map(pictures.caption, pictures.numbers):
            if gallery.gridSize().width() < max(map(metrics.horizontalAdvance, text.split("\n"))) + 2 * PADDING:
                yield text


def overlapping(panel):
    """Yield cards that overlap, or exceed the panel."""
    cards = [
        (card.name, card.rect().translated(card.mapTo(panel, card.rect().topLeft()))) for card in shown(panel, Card)
    ]
    for index, (name, area) in enumerate(cards):
        if not panel.rect().contains(area):
            yield name
        yield from (f"{name} overlaps {other}" for other, other_area in cards[:index] if area.intersects(other_area))
    for card in shown(panel, Card):
        parts = [widget for widget in shown(card, QWidget) if widget.parentWidget() is card]
        for index, part in enumerate(parts):
            yield from (f"{card.name}: {part} overlaps {other}" for other in parts[:index] if overlaps(part, other))


def overlaps(part, other):
    """Return whether two widgets overlap."""
    return part.geometry().intersects(other.geometry())


def cut_fields(panel):
    """Yield number fields and drop-down lists whose text does not fit; lists of names may be elided, with a tooltip."""
    for box in shown(panel, QComboBox):
        option = QStyleOptionComboBox()
        QComboBox.initStyleOption(box, option)
        field = box.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, box
        )
        elided = box.sizeAdjustPolicy() == QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        if elided and box.minimumContentsLength() > 1:
            if box.currentText() not in box.toolTip():
                yield f"{box.accessibleName()}: no tooltip"
        elif box.fontMetrics().horizontalAdvance(box.currentText()) > field.width():
            yield f"{box.accessibleName()}: {box.currentText()}"
    for spin in shown(panel, QSpinBox):
        line = spin.lineEdit()
        space = line.width() - line.textMargins().left() - line.textMargins().right()
        if line.fontMetrics().horizontalAdvance(spin.prefix() + str(spin.maximum()) + spin.suffix()) > space:
            yield f"{spin.accessibleName()}: {spin.text()}"


def cut_columns(panel):
    """Yield columns of result tables that are too narrow; names of layers may be elided, since they have a tooltip."""
    for table in shown(panel, Table):
        for column in range(table.columnCount()):
            cells = 0 if column == 0 else table.sizeHintForColumn(column)
            needed = max(cells, table.horizontalHeader().sectionSizeHint(column))
            if needed > table.columnWidth(column):
                yield f"{table.accessibleName()}: {table.horizontalHeaderItem(column).text()}"


def squeezed(panel):
    """Yield cards that are smaller than their contents need."""
    for card in shown(panel, Card):
        minimum = card.minimumSizeHint()
        if card.width() < minimum.width() or card.height() < minimum.height():
            yield f"{card.name}: {card.width()} × {card.height()}, needs {minimum.width()} × {minimum.height()}"


def hidden(panel):
    """Yield scroll areas whose contents are wider than they are, without a scroll bar to reach the rest."""
    for area in shown(panel, QScrollArea):
        if area.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff:
            excess = area.widget().width() - area.viewport().width()
            if excess > 0:
                yield f"{area.accessibleName()}: {excess} pixels too wide"


def wrong(panel):
    """Return descriptions of everything that is cut off or overlaps on a panel."""
    checks = cut_texts, cut_fields, cut_cells, cut_columns, cut_names, cut_numbers, squeezed, overlapping, hidden
    return [text for check in checks for text in check(panel)]
