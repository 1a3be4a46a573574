"""Write widgets as PNG and SVG files: a file is complete, or the one before it stays."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect, QSize
from PySide6.QtGui import QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from spikelet.files.atomic import replacing


def write_png(widget: QWidget, path: Path) -> None:
    """Write a widget as a PNG file.

    Raises:
        SpikeletError: The file cannot be written.
    """
    buffer = _buffer()
    widget.grab().save(buffer, "PNG")
    _write(buffer, path)


def write_svg(widget: QWidget, path: Path) -> None:
    """Write a widget as an SVG file.

    Raises:
        SpikeletError: The file cannot be written.
    """
    buffer, drawing = _buffer(), QSvgGenerator()
    drawing.setOutputDevice(buffer)
    drawing.setSize(QSize(widget.width(), widget.height()))
    drawing.setViewBox(QRect(0, 0, widget.width(), widget.height()))
    drawing.setTitle(path.stem)
    painter = QPainter(drawing)
    widget.render(painter, QPoint())
    painter.end()
    _write(buffer, path)


def _buffer() -> QBuffer:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    return buffer


def _write(buffer: QBuffer, path: Path) -> None:
    with replacing(path) as file:
        file.write(bytes(buffer.data().data()))
