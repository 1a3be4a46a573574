"""A line above the panels while the file of an open bundle has another content, with a button that reloads it."""

from __future__ import annotations

from PySide6.QtCore import QFileSystemWatcher, QTimer

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.shell.notice import NoticeLine
from spikelet_gui.views.widgets.text import shortened

PAUSE = 300  # milliseconds without a change after which a file is compared: it is written in parts
TEXTS = {
    "changed": "The file {} has changed since it was opened. The content shown is the earlier one.",
    "removed": "The file {} was removed or renamed after it was opened. Its content is still shown.",
}


class ChangedLine(NoticeLine):
    """Shown while the file of the open bundle, or of the one it is compared with, differs from what was read.

    A file is compared after the system reports a change, and by `check`, since network drives report none.
    """

    def __init__(self, inspector: Inspector) -> None:
        super().__init__("Reload", self._reload, "Open the file as it is now, with the same images and T")
        self._inspector = inspector
        self._reloads = {
            inspector.bundle_file: inspector.reload,
            inspector.second_file: inspector.results.reload_second,
        }
        self._watcher = QFileSystemWatcher(self)
        self._pause = QTimer(self, singleShot=True, interval=PAUSE)
        self._pause.timeout.connect(self.check)
        for signal in (self._watcher.fileChanged, self._watcher.directoryChanged):
            signal.connect(lambda _: self._pause.start())
        self.listen(inspector.opened, self._watch)
        self.listen(inspector.results.second_changed, self._watch)
        for file in self._reloads:
            self.listen(file.changed, self._show)
        self._watch()
        self._show()

    def check(self) -> None:
        """Compare the files."""
        self._watch()
        for file in self._reloads:
            file.check()

    def _watch(self) -> None:
        """Watch the files of the open bundles, and the folder of a file that is not there.

        A file that was replaced by another one is no longer watched, therefore this is done after every change.
        """
        paths = set()
        for file in self._reloads:
            if file.document is not None:
                path = file.document.path
                paths.add(str(path if path.is_file() else path.parent))
        watched = {*self._watcher.files(), *self._watcher.directories()}
        if unneeded := watched - paths:
            self._watcher.removePaths(list(unneeded))
        for added in paths - watched:
            self._watcher.addPath(added)  # has no effect on a folder that is not there either

    def _reload(self) -> None:
        for file, reload in self._reloads.items():
            if file.state == "changed":
                reload()

    def _show(self) -> None:
        texts = []
        for file in self._reloads:
            if file.document is not None and file.state != "same":
                texts.append(TEXTS[file.state].format(shortened(file.document.path.name)))
        self.text.setText(" ".join(dict.fromkeys(texts)))  # one bundle may be compared with itself
        self.again.setVisible(any(file.state == "changed" for file in self._reloads))
        self.setVisible(bool(texts))
