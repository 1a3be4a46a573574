"""Icons as paths on a grid of 24 × 24, drawn in any colour."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from spikelet_gui.views.widgets.theme import disabled_colour, theme

STROKES = {
    "overview": "M4 5h7v6H4z M13 5h7v6h-7z M4 13h7v6H4z M13 13h7v6h-7z",
    "layers": "M12 4l8 4-8 4-8-4z M4 12l8 4 8-4 M4 16l8 4 8-4",
    "accuracy": "M4 4v16h16 M7 16l4-5 3 2 5-7",
    "energy": "M13 3L6 13h5l-1 8 8-11h-5z",
    "residuals": "M12 4v16 M12 7h7 M12 12H6 M12 17h4",
    "robustness": "M7 7h10v10H7z M9 4v3 M15 4v3 M9 17v3 M15 17v3 M4 9h3 M4 15h3 M17 9h3 M17 15h3 M13 7l-2 4 3 2-2 4",
    "plan": "M4 4v16h16 M7 17c1-6 4-9 12-10 M7 17h.01 M10 11h.01 M14 8h.01 M19 7h.01 M14 14h.01 M17 17h.01",
    "compare": "M9 4H4v16h5 M15 4h5v16h-5 M12 3v18",
    "validate": "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z M9 12l2 2 4-4",
    "open": "M3 7v12h15l3-9H8l-3 9 M3 7h6l2 3",
    "recent": "M12 4a8 8 0 1 1-8 8 M4 5v4h4 M12 8v5l3 2",
    "theme": "M12 4a8 8 0 1 0 8 8 6 6 0 0 1-8-8z",
    "help": "M12 4a8 8 0 1 0 .01 0z M9.8 9.6a2.3 2.3 0 1 1 3.4 2c-.8.4-1.2.9-1.2 1.7 M12 16.6h.01",
    "export": "M12 4v11 M8 8l4-4 4 4 M5 14v6h14v-6",
    "play": "M8 5l11 7-11 7z",
    "pause": "M9 5v14 M15 5v14",
    "first": "M6 5v14 M19 5l-9 7 9 7z",
    "last": "M18 5v14 M5 5l9 7-9 7z",
    "back": "M15 5l-8 7 8 7",
    "next": "M9 5l8 7-8 7",
    "loop": "M5 11V9a3 3 0 0 1 3-3h10 M15 3l3 3-3 3 M19 13v2a3 3 0 0 1-3 3H6 M9 15l-3 3 3 3",
    "pictures": "M8 8h12v11H8z M4 15V4h12",
    "picture": "M4 5h16v14H4z M4 16l5-5 4 4 3-3 4 4 M15 9h.01",
    "pencil": "M5 19l1-4L16 5l3 3L9 18z",
    "down": "M6 9l6 6 6-6",
    "up": "M6 15l6-6 6 6",
    "close": "M6 6l12 12 M18 6L6 18",
    "more": "M6 12h.01 M12 12h.01 M18 12h.01",
    "paste": "M8 5H6v15h12V5h-2 M9 3h6v4H9z",
    "fit": "M4 9V4h5 M15 4h5v5 M20 15v5h-5 M9 20H4v-5",
    "plus": "M12 5v14 M5 12h14",
    "minus": "M5 12h14",
    "search": "M11 4a7 7 0 1 0 .01 0z M16 16l4 4",
    "check": "M5 13l4 4 10-11",
    "cross": "M6 6l12 12 M18 6L6 18",
}


def icon(name: str, colour: str | None = None) -> QIcon:
    """Return an icon, by default in the text colour of the theme."""
    result = QIcon()
    for size in (20, 40, 60):
        result.addPixmap(pixmap(name, size, colour))
    result.addPixmap(pixmap(name, 40, disabled_colour()), QIcon.Mode.Disabled)
    return result


def pixmap(name: str, size: int, colour: str | None = None) -> QPixmap:
    """Return an icon as a picture of size × size pixels."""
    return QPixmap.fromImage(_drawn(name, size, colour or theme().text))


@cache
def _drawn(name: str, size: int, colour: str) -> QImage:
    """Draw an icon, once. The cache holds images: a pixmap must not outlive the application."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="{STROKES[name]}" fill="none" '
        f'stroke="{colour}" stroke-width="{2.6 if name == "more" else 1.7}" stroke-linecap="round" '
        'stroke-linejoin="round"/></svg>'
    )
    image = QImage(QSize(size, size), QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    return image
