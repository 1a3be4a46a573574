"""Questions that are asked before something is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from spikelet.escapes import printable
from spikelet_gui.models.jobs import Jobs
from spikelet_gui.views.widgets.text import breakable, isolated, shortened


def cancels_tasks(parent: QWidget, jobs: Jobs, action: str, lost: Callable[[], Sequence[str]]) -> bool:
    """Ask whether to do something that cancels tasks, and return the answer: yes also when the tasks have ended.

    Args:
        parent: Parent of the dialog.
        jobs: The tasks, which run on meanwhile.
        action: What would be done, in the imperative.
        lost: Returns the tasks that would be cancelled now, in words.
    """
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Tasks are running")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"{isolated(breakable(shortened(printable(action))))} and cancel running tasks?")
    cancel = box.addButton(action.partition(" ")[0], QMessageBox.ButtonRole.AcceptRole)
    keep = box.addButton("Keep running", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)

    def show_tasks(*_: object) -> None:
        running = lost()
        if running:
            box.setInformativeText("\n".join([*running, "", "Results that are not complete are lost."]))
        else:
            cancel.click()

    show_tasks()
    for signal in (jobs.progressed, jobs.finished):
        signal.connect(show_tasks)
    box.exec()
    for signal in (jobs.progressed, jobs.finished):
        signal.disconnect(show_tasks)
    answer = box.clickedButton() is cancel
    box.deleteLater()
    return answer
