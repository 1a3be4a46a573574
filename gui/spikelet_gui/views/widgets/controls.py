"""Controls: buttons, lists of options, tabs, and fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QKeyEvent, QPainter, QPaintEvent, QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QTabBar,
    QToolButton,
    QWidget,
)

from spikelet_gui.views.widgets.icons import icon
from spikelet_gui.views.widgets.text import menu_text, tooltip
from spikelet_gui.views.widgets.theme import length

ARROWS = 18  # pixels of the arrows of a number field, which its style sets

Action = Callable[[], object]


def button(text: str, action: Action, hint: str = "", primary: bool = False) -> QPushButton:
    """Return a button with text."""
    widget = QPushButton(text)
    widget.setObjectName("primary" if primary else "")
    widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    widget.setAccessibleName(text)
    widget.setToolTip(hint)
    widget.clicked.connect(lambda: action())
    return widget


def tool(glyph: str, name: str, action: Action | None = None) -> QToolButton:
    """Return a button with an icon; `name` is its tooltip and its name for screen readers."""
    widget = QToolButton()
    widget.setObjectName("flat")
    widget.setIcon(icon(glyph))
    widget.setIconSize(QSize(length(18), length(18)))
    widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    widget.setToolTip(name)
    widget.setAccessibleName(name.partition("  ")[0])
    if action is not None:
        widget.clicked.connect(lambda: action())
    return widget


def check(button: QAbstractButton) -> None:
    """Check a button of a group without a signal. Tab visits it, and arrow keys reach the others."""
    button.setChecked(True)
    for other in button.group().buttons():
        other.setFocusPolicy(Qt.FocusPolicy.TabFocus if other is button else Qt.FocusPolicy.NoFocus)


class Segments(QWidget):
    """A row of options of which one is selected."""

    def __init__(self, name: str, options: Sequence[str], chosen: Callable[[int], object]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._group = QButtonGroup(self)
        for index, option in enumerate(options):
            segment = QPushButton(option)
            segment.setObjectName("segment")
            segment.setCheckable(True)
            segment.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            segment.setAccessibleName(f"{name}: {option}")
            self._group.addButton(segment, index)
            layout.addWidget(segment)
        self._chosen = chosen
        self._group.idClicked.connect(lambda index: chosen(index))
        if options:
            self.choose(0)

    def choose(self, index: int) -> None:
        """Select an option, without a signal."""
        segment = self._group.button(index)
        if segment is not None:
            check(segment)

    def pick(self, index: int) -> None:
        """Select an option as a click does."""
        if index != self.chosen and self._group.button(index) is not None:
            self.choose(index)
            self._chosen(index)

    def allow(self, index: int, allowed: bool) -> None:
        """Enable or disable an option."""
        segment = self._group.button(index)
        if segment is not None:
            segment.setEnabled(allowed)

    @property
    def chosen(self) -> int:
        """Index of the selected option."""
        return self._group.checkedId()


class Tabs(QTabBar):
    """A row of tabs, which scrolls if they do not fit."""

    def __init__(self, name: str, chosen: Callable[[int], object]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setElideMode(Qt.TextElideMode.ElideNone)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.currentChanged.connect(lambda index: chosen(index))
        self._titles: list[str] = []

    def show_titles(self, titles: Sequence[str]) -> None:
        """Show tabs with these titles, without a signal. Equal tabs remain, and with them the keyboard focus."""
        if list(titles) == self._titles:
            return
        self._titles = list(titles)
        self.blockSignals(True)
        while self.count():
            self.removeTab(0)
        for title in titles:
            self.addTab(menu_text(title))
        self.blockSignals(False)

    def choose(self, index: int) -> None:
        """Select a tab, without a signal."""
        self.blockSignals(True)
        self.setCurrentIndex(index)
        self.blockSignals(False)


class Field(QLineEdit):
    """A text field with a button that clears it.

    Args:
        name: Name for screen readers.
        hint: Text that is shown while the field is empty.
        changed: Called with the text when it changes.
    """

    def __init__(self, name: str, hint: str, changed: Callable[[str], object]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(hint)
        self.setToolTip(hint)
        self.setClearButtonEnabled(True)
        for clear_button in self.findChildren(QToolButton):
            clear_button.setAccessibleName(f"clear: {name}")
        self.textChanged.connect(lambda text: changed(text))


class Search(Field):
    """A search field. It keeps the focus when Enter is pressed, which goes to the next match.

    Args:
        name: Name for screen readers.
        hint: Text that is shown while the field is empty.
        changed: Called with the text when it changes.
        entered: Called when Enter is pressed.
    """

    def __init__(self, name: str, hint: str, changed: Callable[[str], object], entered: Action) -> None:
        super().__init__(name, hint, changed)
        self.returnPressed.connect(lambda: entered())


class Choice(QComboBox):
    """A drop-down list."""

    def __init__(self, name: str, hint: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(hint)
        self.currentTextChanged.connect(lambda text: self.setToolTip(tooltip("\n".join(filter(None, (text, hint))))))

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:  # noqa: N802
        """Elide the text of the selected entry if it does not fit; the list and the tooltip show it in full."""
        super().initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        text = self.currentText()
        option.currentText = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, field.width())

    def showPopup(self) -> None:  # noqa: N802
        """Open the list in the width of its widest entry."""
        view = self.view()
        view.setMinimumWidth(min(view.sizeHintForColumn(0) + 28, self.window().width()))
        super().showPopup()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Pass the wheel to the page, so that scrolling changes no value."""
        event.ignore()

    def hidePopup(self) -> None:  # noqa: N802
        """Close the list and give the focus back to the window, whose keys then work again."""
        super().hidePopup()
        root = self.window().findChild(QWidget, "root")
        if root is not None:
            root.setFocus()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        painter = QPainter(self)
        _draw_icon(self, painter, "down", self.width() - 21, (self.height() - 14) // 2, 14)
        painter.end()


class Number(QSpinBox):
    """An integer field; a typed value takes effect when Enter is pressed or the field loses the focus.

    Attributes:
        exceeded: Called when the limit replaces a larger number.
    """

    def __init__(self, name: str, hint: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(hint)
        self.setKeyboardTracking(False)
        self.exceeded: Callable[[], object] = lambda: None
        self.lineEdit().setTextMargins(6, 0, 0, 0)  # the padding of a style sheet has no effect here

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Pass the wheel to the page, so that scrolling changes no value."""
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Leave Space to the window: it would replace a selected number by nothing."""
        if event.key() == Qt.Key.Key_Space:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Let larger numbers than the limit be typed; `fixup` replaces them by the limit."""
        digits = self._digits(text)
        if digits.isdecimal() and int(digits) > self.maximum():
            return QValidator.State.Intermediate, text, position
        return super().validate(text, position)

    def fixup(self, text: str) -> str:
        """Return the limit for a larger number."""
        digits = self._digits(text)
        if digits.isdecimal():
            if int(digits) > self.maximum():
                self.exceeded()
            return f"{self.prefix()}{min(max(int(digits), self.minimum()), self.maximum())}{self.suffix()}"
        return super().fixup(text)

    def _digits(self, text: str) -> str:
        return text.removeprefix(self.prefix()).removesuffix(self.suffix()).strip()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        painter = QPainter(self)
        left, middle = self.width() - ARROWS, self.height() // 2
        _draw_icon(self, painter, "up", left, middle - 11, 11)
        _draw_icon(self, painter, "down", left, middle, 11)
        painter.end()


def _draw_icon(widget: QWidget, painter: QPainter, name: str, left: int, top: int, size: int) -> None:
    mode = QIcon.Mode.Normal if widget.isEnabled() else QIcon.Mode.Disabled
    icon(name).paint(painter, left, top, size, size, mode=mode)
