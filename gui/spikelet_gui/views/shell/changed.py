"""A line above the panels while the file of the open bundle has another content, with a button that reloads it."""

from __future__ import annotations

from PySide6.QtCore import QFileSystemWatcher, QTimer

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.shell.notice import NoticeLine
from spikelet_gui.views.widgets.text import shortened

PAUSE = 300  # milliseconds without a change after which a file is compared: it is written in parts


class ChangedLine(NoticeLine):
    """Shown while the file of the open bundle differs from the open bundle.

    The file is compared after the system reports a change, and by `check`, since network drives report none.
    """

    def __init__(self, inspector: Inspector) -> None:
        super().__init__("Reload", inspector.reload, "Open the file as it is now, with the same images and T")
        self._inspector = inspector
        self._watcher = QFileSystemWatcher(self)
        self._pause = QTimer(self, singleShot=True, interval=PAUSE)
        self._pause.timeout.connect(self.check)
        self._watcher.fileChanged.connect(lambda _: self._pause.start())
        self.listen(inspector.opened, self._watch)
        self.listen(inspector.bundle_file.changed, self._show)
        self._watch()
        self._show()

    def check(self) -> None:
        """Compare the file."""
        self._watch()
        self._inspector.bundle_file.check()

    def _watch(self) -> None:
        """Watch the file of the open bundle; a file that was replaced by another one is no longer watched."""
        document = self._inspector.document
        path = "" if document is None else str(document.path)
        watched = self._watcher.files()
        if [path] == watched:
            return
        if watched:
            self._watcher.removePaths(watched)
        if path and document is not None and document.path.is_file():
            self._watcher.addPath(path)

    def _show(self) -> None:
        document, differs = self._inspector.document, self._inspector.bundle_file.differs
        if document is not None and differs:
            name = shortened(document.path.name)
            self.text.setText(f"The file {name} has changed since it was opened. The content shown is the earlier one.")
        self.setVisible(document is not None and differs)
