"""Whether the file of an open bundle has changed since it was read."""

from __future__ import annotations

import hashlib
import os
from typing import Literal

from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.session.document import Document
from spikelet_gui.models.signal import Signal

FileState = Literal["same", "changed", "removed"]


class BundleFile:
    """Compares the file of an open bundle with the content that was read from it.

    Args:
        jobs: Reads the file in the background.
        key: Name of the job.

    Attributes:
        changed: Emitted when `state` changes.
        document: The open bundle, or None.
        state: Whether the file has the content of the open bundle or another one, or is no longer there.
    """

    def __init__(self, jobs: Jobs, key: str) -> None:
        self.changed = Signal[[]]()
        self.document: Document | None = None
        self.state: FileState = "same"
        self._jobs, self._key = jobs, key
        self._compared: tuple[int, ...] = ()  # inode, size and time of the file when it was last compared

    def begin(self, document: Document | None) -> None:
        """Begin with the bundle that is now open, or with None."""
        self.document, self._compared = document, ()
        self._set("same")

    def check(self) -> None:
        """Compare the file in the background, unless it is as it was when it was last compared."""
        document = self.document
        if document is None:
            return
        try:
            stat = os.stat(document.path)
        except (FileNotFoundError, NotADirectoryError):
            self._compared = ()
            self._set("removed")
            return
        except OSError:  # it cannot be read now
            return
        compared = stat.st_ino, stat.st_size, stat.st_mtime_ns
        if compared == self._compared:
            return
        self._compared = compared

        def done(digest: str) -> None:
            if document is self.document:  # another bundle may have been opened meanwhile
                self._set("same" if digest == document.bundle.digest else "changed")

        def failed(message: str) -> None:
            self._compared = ()  # read again at the next check

        self._jobs.start(self._key, lambda _: self._digest(document), done, failed)

    @staticmethod
    def _digest(document: Document) -> str:
        with document.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _set(self, state: FileState) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit()
