"""Keys: those with Ctrl work everywhere; plain ones where no field or list has a use of its own for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QVBoxLayout

from spikelet.gui.views.widgets import label

if TYPE_CHECKING:
    from spikelet.gui.views.window import Window

KEYS = [
    ("Time", [
        ("Space", "play or pause"),
        ("Left, Right", "one time-step back or on"),
        ("Home, End", "first or last time-step"),
        ("L", "loop"),
        ("[, ]", "slower or faster"),
    ]),
    ("Layers and images", [
        ("Up, Down", "layer before or after"),
        ("P, N", "image before or after"),
        ("D", "draw an input, where the network takes one channel"),
        ("Ctrl+I", "open a picture, a folder or a data set"),
        ("Ctrl+V", "paste a picture"),
        ("R", "run what the panel runs"),
        ("Esc", "cancel what is running"),
    ]),
    ("Pad to draw on, while it has the keyboard", [
        ("Arrows", "move the pen"),
        ("Space", "pen down or up"),
        ("Delete", "wipe"),
        ("Esc", "leave the pad"),
    ]),
    ("Window", [
        ("Ctrl+O", "open a bundle"),
        ("Ctrl+1 … Ctrl+8", "panels"),
        ("Ctrl+E", "export what is on screen"),
        ("Ctrl+T", "dark or light"),
        ("Tab", "next control"),
        ("Page Up, Page Down", "scroll, where the window is small"),
        ("?", "this list"),
        ("Ctrl+Q", "quit"),
    ]),
]  # fmt: skip


def install(window: Window) -> None:
    """Commands with Ctrl."""
    from spikelet.gui.views.window import PANELS

    for place, name in enumerate(PANELS):
        window.action(name, f"Ctrl+{place + 1}", lambda name=name: window.show_panel(name))  # type: ignore[misc]
    window.action("Open a bundle", "Ctrl+O", window.choose_bundle)
    window.action("Open a picture", "Ctrl+I", lambda: choose_picture(window))
    window.action("Paste a picture", "Ctrl+V", window.paste)
    window.action("Export", "Ctrl+E", lambda: window.exporter.ask())
    window.action("Theme", "Ctrl+T", window.toggle_theme)
    window.action("Quit", "Ctrl+Q", window.close)


def pressed(window: Window, event: QKeyEvent) -> bool:
    """A plain key that nobody else took; True if it means something here."""
    inspector, cursor = window.inspector, window.inspector.cursor
    if event.text() == "?":
        help_dialog(window).open()
        return True
    if (
        inspector.document is None
        or event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier & ~Qt.KeyboardModifier.KeypadModifier
    ):
        return False
    does = {
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
        Qt.Key.Key_D: lambda: draw(window),
        Qt.Key.Key_R: lambda: run(window),
        Qt.Key.Key_PageUp: lambda: window.turn(-1),
        Qt.Key.Key_PageDown: lambda: window.turn(1),
        Qt.Key.Key_Escape: inspector.jobs.cancel_all,
    }.get(Qt.Key(event.key()))
    if does is None:
        return False
    does()
    return True


def draw(window: Window) -> None:
    """An empty pad, on the panel that has one."""
    from spikelet.gui.views.input_card import InputCard

    window.show_panel("overview")
    for card in window.panels["overview"].findChildren(InputCard):
        card.draw()


def choose_picture(window: Window) -> None:
    """Ask for a picture."""
    from spikelet.gui.views.input_card import InputCard

    for card in window.panels["overview"].findChildren(InputCard):
        card.choose()


def run(window: Window) -> None:
    """What the panel that is shown can run."""
    does = getattr(window.panels[window.panel], "run", None)
    if does is not None:
        does()


def help_dialog(window: Window) -> QDialog:
    """All keys."""
    dialog = QDialog(window)
    dialog.setWindowTitle("Keys")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    outer = QVBoxLayout(dialog)
    outer.setContentsMargins(24, 20, 24, 16)
    grid = QGridLayout()
    grid.setHorizontalSpacing(26)
    grid.setVerticalSpacing(5)
    line = 0
    for heading, keys in KEYS:
        title = label(heading, "title")
        title.setContentsMargins(0, 10 if line else 0, 0, 2)
        grid.addWidget(title, line, 0, 1, 2)
        line += 1
        for key, means in keys:
            grid.addWidget(label(key, "muted"), line, 0)
            grid.addWidget(label(means), line, 1)
            line += 1
    outer.addLayout(grid)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    outer.addWidget(buttons)
    return dialog
