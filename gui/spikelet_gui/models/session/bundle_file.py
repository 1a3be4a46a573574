"""Whether the file of the open bundle has changed since it was read."""

from __future__ import annotations

import hashlib
import os

from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.session.document import Document
from spikelet_gui.models.signal import Signal


class BundleFile:
    """Compares the file of the open bundle with the content that was read from it.

    Args:
        jobs: Reads the file in the background.

    Attributes:
        changed: Emitted when `differs` is set or reset.
        differs: Whether the file has another content than the open bundle. A file that was removed does not differ.
    """

    def __init__(self, jobs: Jobs) -> None:
        self.changed = Signal[[]]()
        self.differs = False
        self._jobs = jobs
        self._document: Document | None = None
        self._compared: tuple[int, ...] = ()  # state of the file when it was last compared

    def begin(self, document: Document | None) -> None:
        """Begin with the bundle that is now open, or with None."""
        self._document, self._compared = document, ()
        self._set(False)

    def check(self) -> None:
        """Compare the file in the background, unless it is as it was when it was last compared."""
        document = self._document
        if document is None:
            return
        try:
            state = os.stat(document.path)
        except OSError:  # removed, or about to be replaced
            return
        compared = state.st_ino, state.st_size, state.st_mtime_ns
        if compared == self._compared:
            return
        self._compared = compared

        def done(digest: str) -> None:
            if document is self._document:  # another bundle may have been opened meanwhile
                self._set(digest != document.bundle.digest)

        self._jobs.start("file", lambda _: self._digest(document), done, lambda message: None)

    @staticmethod
    def _digest(document: Document) -> str:
        with document.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _set(self, differs: bool) -> None:
        if differs != self.differs:
            self.differs = differs
            self.changed.emit()
