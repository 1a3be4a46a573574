"""Write widgets as PNG and SVG files: a file is complete, or the one before it stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QPointF, QRect, QRectF, QSize
from PySide6.QtGui import QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QAbstractItemView, QAbstractScrollArea, QGraphicsItem, QGraphicsView, QWidget

from spikelet.escapes import printable
from spikelet.files.atomic import replacing
from spikelet_gui.views.plots.chart import ChartView

View: TypeAlias = QGraphicsView | QAbstractItemView
DPI = 96  # pixels of CSS in an inch: a picture is shown in the size of the widget


def write_png(widget: QWidget, path: Path) -> None:
    """Write a widget as a PNG file.

    Raises:
        SpikeletError: The file cannot be written.
    """
    buffer = _buffer()
    widget.grab().save(buffer, "PNG")
    _write(bytes(buffer.data().data()), path)


def write_svg(widget: QWidget, path: Path) -> None:
    """Write a widget as an SVG file.

    Qt does not clip in SVG: the curves of a chart that is zoomed would leave it, as would the last row of a table. They
    are drawn apart, as elements that clip their contents.

    Raises:
        SpikeletError: The file cannot be written.
    """
    areas = [area for area in widget.findChildren(QAbstractScrollArea) if area.isVisible()]
    views = [area for area in areas if isinstance(area, QGraphicsView | QAbstractItemView)]
    parts = "".join(_part(view, widget) for view in views)
    hidden = [item for view in views for item in _contents(view) if item.isVisible()]
    for item in hidden:
        item.hide()
    try:
        page = _svg(widget.size(), lambda painter: widget.render(painter, QPoint()), printable(path.stem))
    finally:
        for item in hidden:
            item.show()
    head, end, rest = page.rpartition("</svg>")
    _write(f"{head}{parts}{end}{rest}".encode(), path)


def _part(view: View, widget: QWidget) -> str:
    """Return the contents of a view as an SVG element at its place in a widget."""
    viewport = view.viewport()
    area = viewport.rect()
    if isinstance(view, ChartView):
        area = view.mapFromScene(view.box.sceneBoundingRect()).boundingRect().intersected(area)
    at = viewport.mapTo(widget, area.topLeft())

    def draw(painter: QPainter) -> None:
        if isinstance(view, QGraphicsView):
            view.render(painter, QRectF(QPointF(), area.size()), area)
        else:
            viewport.render(painter, QPoint())

    page = _svg(area.size(), draw, "")
    tag = f'<svg x="{at.x()}" y="{at.y()}" width="{area.width()}" height="{area.height()}"'
    return re.sub(r'^.*?<svg width="[^"]*" height="[^"]*"', tag, page, count=1, flags=re.DOTALL)


def _contents(view: View) -> Sequence[QGraphicsItem | QWidget]:
    """Return what can be outside of a view; of a chart, what is between its axes."""
    if isinstance(view, QAbstractItemView):
        return [view.viewport()]
    if isinstance(view, ChartView):
        return [box.childGroup for box in view.boxes()]
    return [item for item in view.items() if item.parentItem() is None]


def _svg(size: QSize, draw: Callable[[QPainter], object], title: str) -> str:
    buffer, drawing = _buffer(), QSvgGenerator()
    drawing.setOutputDevice(buffer)
    drawing.setResolution(DPI)
    drawing.setSize(size)
    drawing.setViewBox(QRect(QPoint(), size))
    drawing.setTitle(title)
    painter = QPainter(drawing)
    draw(painter)
    painter.end()
    return bytes(buffer.data().data()).decode()


def _buffer() -> QBuffer:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    return buffer


def _write(content: bytes, path: Path) -> None:
    with replacing(path) as file:
        file.write(content)
