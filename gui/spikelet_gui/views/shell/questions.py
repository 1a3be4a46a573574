"""Questions that are asked before something is lost."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from spikelet.escapes import printable
from spikelet_gui.views.widgets.text import breakable, isolated, shortened


def cancels_tasks(parent: QWidget, action: str, lost: Sequence[str]) -> bool:
    """Ask whether to do something that cancels tasks, and return the answer.

    Args:
        parent: Parent of the dialog.
        action: What would be done, in the imperative.
        lost: The tasks, in words.
    """
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Tasks are running")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"{isolated(breakable(shortened(printable(action))))} and cancel running tasks?")
    box.setInformativeText("\n".join([*lost, "", "Results that are not complete are lost."]))
    cancel = box.addButton(action.partition(" ")[0], QMessageBox.ButtonRole.AcceptRole)
    keep = box.addButton("Keep running", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.exec()
    answer = box.clickedButton() is cancel
    box.deleteLater()
    return answer
