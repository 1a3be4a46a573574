"""One dialog for every kind of data: a picture, an .npz or .npy file, or a folder of pictures or of a data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QGridLayout, QWidget

from spikelet.data.folder import SUFFIXES
from spikelet_gui.views.widgets.controls import button

FILES = " ".join(f"*{suffix}" for suffix in (*SUFFIXES, ".npz", ".npy"))


class DataDialog(QFileDialog):
    """A dialog for files, with a button that opens the folder that is shown or selected.

    Args:
        parent: The window.
        opened: Called with the path that was chosen.
    """

    def __init__(self, parent: QWidget, opened: Callable[[Path], object]) -> None:
        super().__init__(parent, "Open pictures or a data set")
        self._opened = opened
        self.setOption(QFileDialog.Option.DontUseNativeDialog)  # a native dialog takes either files or folders
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFileMode(QFileDialog.FileMode.ExistingFile)
        self.setNameFilters([f"Pictures and data sets ({FILES})", "All files (*)"])
        self.fileSelected.connect(lambda name: opened(Path(name)))
        hint = "A folder of pictures or of class folders, CIFAR-10, CIFAR-100 or IDX files"
        self.folder = button("Open this folder", self._open_folder, hint)
        lines = self.layout()
        assert isinstance(lines, QGridLayout)
        lines.addWidget(self.folder, lines.rowCount(), 1, 1, 2)

    def _open_folder(self) -> None:
        selected = [Path(name) for name in self.selectedFiles()]
        folder = selected[0] if selected and selected[0].is_dir() else Path(self.directory().absolutePath())
        self.reject()  # without the signal of a file
        self._opened(folder)
