"""Open files, and what is dropped on the window or pasted into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage, QPixmap

from spikelet import signing
from spikelet.bundle import SUFFIX
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.sources.data_file import DataFile


def open_paths(inspector: Inspector, paths: Sequence[Path]) -> None:
    """Open bundles and data, distinguished by their suffixes; signatures are left out. See `open_files`."""
    bundles = [path for path in paths if path.suffix.lower() == SUFFIX]
    data = [path for path in paths if path.suffix.lower() not in (SUFFIX, signing.SUFFIX)]
    if paths and not bundles and not data:
        inspector.failed.emit(f"{paths[0].name} is a signature: open its bundle instead")
    open_files(inspector, bundles, data)


def open_files(inspector: Inspector, bundles: Sequence[Path], data: Sequence[Path] = ()) -> None:
    """Open a bundle, a second one to compare with it, and images or recordings for it.

    Args:
        inspector: The models.
        bundles: The bundles; without any, the open one is used.
        data: Images, folders, data sets and recordings, of which the first is opened. The status line states how many
            are not opened.
    """

    def bundle_opened() -> None:
        document = inspector.shown
        if document is None or document.path != bundles[0]:  # refused, or another one was opened meanwhile
            return
        if len(bundles) > 1:
            inspector.results.open_second(bundles[1])
            _after(inspector, "second", second_opened)
        open_data()

    def second_opened() -> None:
        if not inspector.results.second_error:
            _report(inspector, bundles, 2, "two can be compared")

    def open_data() -> None:
        if data:
            remedy = "drop their folder to open all"
            inspector.open_data(DataFile(data[0]), lambda _: _report(inspector, data, 1, remedy))

    if bundles:
        inspector.open(bundles[0])
        _after(inspector, "open", bundle_opened)
    else:
        open_data()


def _after(inspector: Inspector, task: str, call: Callable[[], object]) -> None:
    """Call a function once, when a running task has ended."""

    def ended(key: str) -> None:
        if key == task:
            inspector.jobs.finished.disconnect(ended)
            call()

    inspector.jobs.finished.connect(ended)


def _report(inspector: Inspector, paths: Sequence[Path], count: int, note: str) -> None:
    """State that only the first `count` of several files are opened."""
    if len(paths) > count:
        names = " and ".join(path.name for path in paths[:count])
        inspector.status.emit(f"{len(paths)} files: only {names} opened; {note}")


def may_open(content: QMimeData) -> bool:
    """Return whether `open_content` could open something that is dragged over the window."""
    return content.hasImage() or any(url.isLocalFile() for url in content.urls())


def open_content(inspector: Inspector, content: QMimeData) -> bool:
    """Open the files, or the image, of something that was dropped or pasted, and return whether there is one."""
    paths = [Path(url.toLocalFile()) for url in content.urls() if url.isLocalFile()]
    if paths:
        if sum(path.suffix.lower() == SUFFIX for path in paths) > 1:
            inspector.going.emit("compare")
        open_paths(inspector, paths)
        return True
    picture = content.imageData() if content.hasImage() else None
    if isinstance(picture, QPixmap):
        picture = picture.toImage()
    if not isinstance(picture, QImage) or picture.isNull():
        return False
    inspector.open_pasted(picture)
    return True
