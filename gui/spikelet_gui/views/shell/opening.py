"""Open files, and what is dropped on the window or pasted into it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage, QPixmap

from spikelet.bundle import SUFFIX
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.sources.data_file import DataFile


def open_path(inspector: Inspector, path: Path) -> None:
    """Open a bundle, or an image, recording, folder or data set as input of the open bundle."""
    if path.suffix.lower() == SUFFIX:
        inspector.open(path)
    else:
        inspector.open_data(DataFile(path))


def may_open(content: QMimeData) -> bool:
    """Return whether `open_content` could open something that is dragged over the window."""
    return content.hasImage() or any(url.isLocalFile() for url in content.urls())


def open_content(inspector: Inspector, content: QMimeData) -> bool:
    """Open the first file, or the image, of something that was dropped or pasted, and return whether there is one."""
    paths = [Path(url.toLocalFile()) for url in content.urls() if url.isLocalFile()]
    if paths:
        open_path(inspector, paths[0])
        return True
    picture = content.imageData() if content.hasImage() else None
    if isinstance(picture, QPixmap):
        picture = picture.toImage()
    if not isinstance(picture, QImage) or picture.isNull():
        return False
    inspector.open_pasted(picture)
    return True
