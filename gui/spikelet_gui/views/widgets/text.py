"""Labels. Names can be any text: they are never interpreted as markup, and long ones do not widen the window.

Control characters, which names of files can contain, are shown as escapes: one that reverses the direction of text
would disguise the suffix of a file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtGui import Qt as QtText
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from spikelet.escapes import printable
from spikelet_gui.views.widgets.theme import length

PART = 24  # characters of a long word between which a line can break
LINE = 100  # characters of a line of a tooltip; Qt wraps lines of rich text only
ENTRY = 60  # characters of a name in a menu or on a button
RIGHT_TO_LEFT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff"
# From the first to the last letter that is written from right to left, without one of another direction between them.
_RIGHT_TO_LEFT = re.compile(f"[{RIGHT_TO_LEFT}](?:(?:[^\\w\n]|[\\d_{RIGHT_TO_LEFT}])*[{RIGHT_TO_LEFT}])?")
LEFT_TO_RIGHT, ISOLATE, END = "\u200e", "\u2068", "\u2069"
_LONG_WORD = re.compile(rf"\S{{{PART + 1},}}")


def text_width(widget: QWidget, text: str) -> int:
    """Return the width of a text in the font of a widget, in whole pixels; QFontMetrics would round it down."""
    return math.ceil(QFontMetricsF(widget.font()).horizontalAdvance(text))


def isolated(text: str) -> str:
    """Return a text in which names written from right to left do not change the order of the words around them.

    Otherwise a sentence that begins with such a name is reordered, as is a number beside one. A paragraph that begins
    with the mark of the other direction has that direction, in plain and in rich text.
    """
    return _RIGHT_TO_LEFT.sub(lambda name: f"{LEFT_TO_RIGHT}{ISOLATE}{name[0]}{END}", text)


def breakable(text: str) -> str:
    """Return a text with zero-width spaces in long words, such as names of files, where a line can break."""
    return _LONG_WORD.sub(lambda word: "\u200b".join(re.findall(f".{{1,{PART}}}", word[0], re.DOTALL)), text)


def shortened(text: str) -> str:
    """Return a text without its middle if it is longer than ENTRY characters."""
    return text if len(text) <= ENTRY else f"{text[: ENTRY // 2]}…{text[1 - ENTRY // 2 :]}"


class Label(QLabel):
    """A label whose plain text wraps also within long words; `text` returns it unchanged."""

    def __init__(self, text: str, wrap: bool) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self.setText(text)

    def setText(self, text: str) -> None:  # noqa: N802
        self._text = text
        if self.textFormat() == Qt.TextFormat.PlainText:
            text = printable(text, "\n")
            text = isolated(breakable(text) if self.wordWrap() else text)
        super().setText(text)

    def text(self) -> str:
        return self._text

    def clear(self) -> None:
        self.setText("")


def label(text: str, name: str = "", wrap: bool = False) -> QLabel:
    """Return a label with plain text; `name` selects its style."""
    widget = Label(text, wrap)
    widget.setObjectName(name)
    return widget


def tooltip(text: str) -> str:
    """Return the text of a tooltip that shows `text` as it is: Qt interprets one with tags or `&lt;` as HTML."""
    text = printable(text, "\n")
    if not QtText.mightBeRichText(text) and max(map(len, text.split("\n"))) <= LINE:
        return isolated(text)
    return f"<span>{escape(isolated(breakable(text)))}</span>".replace("\n", "<br>")


def menu_text(text: str) -> str:
    """Return the text of a menu entry or a tab that shows `text` as it is: Qt takes & as the mark of a shortcut."""
    return printable(text).replace("&", "&&")


def coloured(colour: str, text: str, bold: str = "") -> str:
    """Return HTML of a coloured square, a text, and a second text in bold."""
    name, strong = (escape(isolated(breakable(part))) for part in (text, bold))
    return f'<span style="color:{colour}">■</span> {name}' + (f"<b>{strong}</b>" if bold else "")


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
        QCoreApplication.sendEvent(widget, QEvent(QEvent.Type.StyleChange))  # sets the margins of a border


class Elided(QLabel):
    """A line of plain text, elided with … if it does not fit; the tooltip has the full text.

    Attributes:
        overflow: Label that shows the text if it does not fit here, and is hidden otherwise; or None.
        least: Width that a layout leaves to the text, unless the text is shorter.
        mode: What is elided: by default the end; the middle of names that can begin alike.
    """

    mode = Qt.TextElideMode.ElideRight

    def __init__(self, text: str = "", name: str = "caption", overflow: QLabel | None = None, least: int = 0) -> None:
        super().__init__()
        self.overflow, self.least = overflow, least
        self.setObjectName(name)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._forms: tuple[str, ...] = ("",)
        self._is_fitting = False
        self.show_text(text)

    def show_text(self, text: str, *shorter: str) -> None:
        """Set the text, and shorter forms of it: the first form that fits is shown, or the last one elided."""
        self._forms = tuple(map(printable, (text, *shorter)))
        self.setToolTip(tooltip(text))
        self.setAccessibleName(text)
        self.ensurePolished()
        self.setMinimumWidth(min(length(self.least), self._full_width()))
        self.updateGeometry()
        self._fit()

    def _full_width(self) -> int:
        """Return the width in which the text is not elided."""
        return text_width(self, self._forms[0])

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Show the text here or in `overflow`. Showing that label can resize this one, which is then fitted again."""
        if self._is_fitting:
            return
        self._is_fitting = True
        width = -1
        while width != self.contentsRect().width():
            width = self.contentsRect().width()
            fits = self._full_width() <= width
            if self.overflow is None:
                text = next((form for form in self._forms if text_width(self, form) <= width), self._forms[-1])
                self.setText(isolated(self.fontMetrics().elidedText(text, self.mode, width)))
            else:
                self.setText(isolated(self._forms[0]) if fits else "")
                self.overflow.setText(self._forms[0])
                self.overflow.setVisible(not fits)
                self.overflow.updateGeometry()  # a layout in progress gives it the height that it had before
        self._is_fitting = False


class Name(Elided):
    """A name beside other widgets, at its full width if that fits."""

    def __init__(self, text: str = "", name: str = "title") -> None:
        super().__init__(text, name, least=160)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(self._full_width(), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(self.minimumWidth(), super().minimumSizeHint().height())
