"""Keys. Those with Ctrl work everywhere; others only if the focused control does not use them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.shell.actions import Action, Actions
from spikelet_gui.views.widgets.scrolling import scrolled
from spikelet_gui.views.widgets.text import label

KEYS = [
    ("Time", [
        ("Space", "play or pause"),
        ("Left, Right", "previous or next time-step"),
        ("Home, End", "first or last time-step"),
        ("L", "loop"),
        ("[, ]", "slower or faster"),
    ]),
    ("Layers and images", [
        ("Up, Down", "previous or next layer"),
        ("Ctrl+F", "search layers, or filter neurons"),
        ("P, N", "previous or next image"),
        ("D", "draw an input (one channel)"),
        ("Ctrl+I", "open an image, a folder or a data set"),
        ("Ctrl+V", "paste an image"),
        ("R", "start the task of the panel"),
        ("Esc", "leave a field, or cancel running tasks"),
        ("Enter", "leave a field and take its value"),
    ]),
    ("Network, with the focus", [
        ("Enter", "inspect the layer"),
        ("+, −, 0", "zoom in, zoom out, show everything"),
    ]),
    ("Charts and tables, with the focus", [
        ("Arrows", "read values, move a line or selection"),
        ("S, Shift+S", "order neurons by the next column"),
        ("Enter", "show the selected image, layer or cell"),
        ("Ctrl+C", "copy the selected rows"),
    ]),
    ("Drawing pad, with the focus", [
        ("Arrows", "move the pen"),
        ("Space", "pen down or up"),
        ("Ctrl+Z", "undo a stroke, or the clearing"),
        ("Delete", "clear"),
        ("Esc", "leave the pad"),
    ]),
    ("Window", [
        ("Ctrl+O", "open a bundle"),
        ("Ctrl+1 … Ctrl+9", "panels"),
        ("Ctrl+E", "export this panel"),
        ("Ctrl+Shift+C", "copy this panel as an image"),
        ("Ctrl+T", "dark or light theme"),
        ("Tab", "next control"),
        ("Page Up, Down", "scroll the panel in a small window"),
        ("?", "this list"),
        ("Ctrl+Q", "quit"),
    ]),
]  # fmt: skip


def bindings(actions: Actions, panels: Iterable[str]) -> list[tuple[str, str, Action]]:
    """Return the commands with Ctrl: (name, key, action)."""
    return [
        *((name, f"Ctrl+{index + 1}", partial(actions.show_panel, name)) for index, name in enumerate(panels)),
        ("Open a bundle", "Ctrl+O", actions.open_bundle),
        ("Open an image", "Ctrl+I", actions.open_picture),
        ("Paste an image", "Ctrl+V", actions.paste),
        ("Search", "Ctrl+F", actions.find),
        ("Export", "Ctrl+E", actions.export),
        ("Copy image", "Ctrl+Shift+C", actions.copy),
        ("Theme", "Ctrl+T", actions.toggle_theme),
        ("Quit", "Ctrl+Q", actions.quit),
    ]


def pressed(actions: Actions, inspector: Inspector, event: QKeyEvent) -> bool:
    """Handle a key that no control used, and return whether it has an action."""
    cursor = inspector.cursor
    if event.text() == "?":
        actions.show_keys()
        return True
    if event.key() == Qt.Key.Key_Escape:
        inspector.jobs.cancel_all()
        return True
    if (
        inspector.shown is None
        or event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier & ~Qt.KeyboardModifier.KeypadModifier
    ):
        return False
    by_key: dict[Qt.Key, Callable[[], object]] = {
        Qt.Key.Key_Space: cursor.toggle,
        Qt.Key.Key_Left: lambda: cursor.step(-1),
        Qt.Key.Key_Right: lambda: cursor.step(1),
        Qt.Key.Key_Home: lambda: cursor.go(1),
        Qt.Key.Key_End: lambda: cursor.go(cursor.steps),
        Qt.Key.Key_L: lambda: cursor.set_loop(not cursor.loop),
        Qt.Key.Key_BracketLeft: lambda: cursor.faster(-1),
        Qt.Key.Key_BracketRight: lambda: cursor.faster(1),
        Qt.Key.Key_Up: lambda: inspector.selection.focus_next(-1),
        Qt.Key.Key_Down: lambda: inspector.selection.focus_next(1),
        Qt.Key.Key_P: lambda: inspector.show_index(inspector.index - 1),
        Qt.Key.Key_N: lambda: inspector.show_index(inspector.index + 1),
        Qt.Key.Key_D: actions.draw,
        Qt.Key.Key_R: actions.run,
        Qt.Key.Key_PageUp: lambda: actions.scroll(-1),
        Qt.Key.Key_PageDown: lambda: actions.scroll(1),
    }
    action = by_key.get(Qt.Key(event.key()))
    if action is None:
        return False
    action()
    return True


def help_dialog(parent: QWidget) -> QDialog:
    """Return a dialog that lists all keys."""
    dialog = QDialog(parent)
    dialog.setWindowTitle("Keys")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    outer = QVBoxLayout(dialog)
    outer.setContentsMargins(8, 8, 8, 12)
    inner = QWidget()
    columns = QHBoxLayout(inner)  # one column is higher than a small screen
    columns.setContentsMargins(8, 6, 8, 6)  # the frame of the focus is around the text
    columns.setSpacing(24)
    for part in (KEYS[:3], KEYS[3:]):
        column = QVBoxLayout()
        column.addLayout(_key_list(part))
        column.addStretch(1)
        columns.addLayout(column)
    outer.addWidget(scrolled(inner, "keys"))
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    outer.addWidget(buttons)
    bar, spare = QSize(16, 4), outer.contentsMargins()
    size = inner.sizeHint() + bar + QSize(spare.left() + spare.right(), spare.top() + spare.bottom())
    size += QSize(0, buttons.sizeHint().height() + outer.spacing())
    dialog.resize(size.boundedTo(parent.size()))
    return dialog


def _key_list(groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> QGridLayout:
    """Return headings with keys and their effects."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(5)
    line = 0
    for heading, keys in groups:
        title = label(heading, "title")
        title.setContentsMargins(0, 10 if line else 0, 0, 2)
        grid.addWidget(title, line, 0, 1, 2)
        line += 1
        for key, effect in keys:
            grid.addWidget(label(key, "muted"), line, 0)
            grid.addWidget(label(effect), line, 1)
            line += 1
    return grid
