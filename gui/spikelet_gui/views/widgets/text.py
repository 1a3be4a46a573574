"""Labels. Text that contains names, which can be any text, is never interpreted as markup."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy


def label(text: str, name: str = "", wrap: bool = False) -> QLabel:
    """Return a label with plain text; `name` selects its style."""
    widget = QLabel(text)
    widget.setObjectName(name)
    widget.setWordWrap(wrap)
    widget.setTextFormat(Qt.TextFormat.PlainText)
    return widget


def tooltip(text: str) -> str:
    """Return the text of a tooltip that shows `text` as it is: Qt interprets a tooltip with tags as HTML."""
    if "<" not in text:
        return text
    return f"<span>{escape(text)}</span>".replace("\n", "<br>")


def menu_text(text: str) -> str:
    """Return the text of a menu entry or a tab that shows `text` as it is: Qt takes & as the mark of a shortcut."""
    return text.replace("&", "&&")


def coloured(colour: str, text: str, bold: str = "") -> str:
    """Return HTML of a coloured square, a text, and a second text in bold."""
    strong = f"<b>{escape(bold)}</b>" if bold else ""
    return f'<span style="color:{colour}">■</span> {escape(text)}{strong}'


class Legend(QLabel):
    """Names with coloured squares."""

    def __init__(self, entries: Sequence[tuple[str, str]] = (), wrap: bool = False) -> None:
        super().__init__()
        self.setObjectName("caption")
        self.setWordWrap(wrap)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.show_entries(entries)

    def show_entries(self, entries: Sequence[tuple[str, str]], more: bool = False) -> None:
        """Show (colour, name) entries. more: whether there are others that are not listed."""
        self.setText("&nbsp; ".join(coloured(colour, name) for colour, name in entries) + (" …" if more else ""))


def set_style(widget: QLabel, name: str) -> None:
    """Give a label the style of a name, such as "caption" or "bad"."""
    if widget.objectName() != name:
        widget.setObjectName(name)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class Elided(QLabel):
    """A line of plain text, elided with … if it does not fit; the tooltip has the full text.

    Attributes:
        overflow: Label that shows the text if it does not fit here, and is hidden otherwise; or None.
    """

    def __init__(self, text: str = "", name: str = "caption", overflow: QLabel | None = None) -> None:
        super().__init__()
        self.overflow = overflow
        self.setObjectName(name)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._full_text, self._is_fitting = "", False
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Set the text."""
        self._full_text = text
        self.setToolTip(tooltip(text))
        self.setAccessibleName(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Show the text here or in `overflow`. Showing that label can resize this one, which is then fitted again."""
        if self._is_fitting:
            return
        self._is_fitting = True
        width = -1
        while width != self.width():
            width = self.width()
            fits = self.fontMetrics().horizontalAdvance(self._full_text) <= width
            if self.overflow is None:
                self.setText(self.fontMetrics().elidedText(self._full_text, Qt.TextElideMode.ElideRight, width))
            else:
                self.setText(self._full_text if fits else "")
                self.overflow.setText(self._full_text)
                self.overflow.setVisible(not fits)
        self._is_fitting = False
