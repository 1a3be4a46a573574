"""One dialog for every kind of data: images, arrays, sound, recordings of events, and folders of them.

Options for data whose form is ambiguous are below the files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QGridLayout, QWidget

from spikelet.data.events.recordings import SUFFIXES as RECORDINGS
from spikelet.data.folder import SUFFIXES
from spikelet.data.options import LAYOUTS, DataOptions, Split
from spikelet_gui.models.session.sources.data_file import FORMS, DataFile
from spikelet_gui.views.widgets.controls import Choice, button
from spikelet_gui.views.widgets.layouts import row

SPLIT_TITLES: dict[Split, str] = {"auto": "split: automatic", "train": "train", "valid": "valid", "test": "test"}
WHITES: dict[str, float | None] = {
    "white: by bit depth": None,
    "white = 1": 1.0,
    "white = 255 (8 bits)": 255.0,
    "white = 1023 (10 bits)": 1023.0,
    "white = 4095 (12 bits)": 4095.0,
    "white = 65535 (16 bits)": 65535.0,
}
Opened = Callable[[DataFile], object]
FILES = " ".join(f"*{suffix}" for suffix in dict.fromkeys((*SUFFIXES, ".wav", *RECORDINGS)))


class DataDialog(QFileDialog):
    """A dialog for files, with a button that opens the folder that is shown or selected.

    Args:
        parent: The window.
        opened: Called with the file or folder that was chosen, and how it is read.
        recent: Data that was opened last: the dialog begins in its folder.
    """

    def __init__(self, parent: QWidget, opened: Opened, recent: DataFile | None = None) -> None:
        folder = "" if recent is None or not recent.path.parent.is_dir() else str(recent.path.parent)
        super().__init__(parent, "Open images, recordings or a data set", folder)
        self._opened = opened
        self.setOption(QFileDialog.Option.DontUseNativeDialog)  # a native dialog takes either files or folders
        self.setOption(QFileDialog.Option.HideNameFilterDetails)  # all suffixes do not fit
        self.resize(820, 520)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFileMode(QFileDialog.FileMode.ExistingFile)
        self.setNameFilters([f"Images, recordings and data sets ({FILES})", "All files (*)"])
        self.fileSelected.connect(lambda name: self._open(Path(name)))
        self.form = Choice("form", "Images, or events of a camera in one bin for each time-step")
        self.split = Choice("split", "Split of data with several: the test split, or valid if there is none")
        self.axes = Choice("layout", "Axes of an array: N images, C channels, H rows, W columns, F features")
        self.white = Choice("white", "Value of a white pixel, by default the largest of the bit depth")
        for title in FORMS.values():
            self.form.addItem(title)
        for title in SPLIT_TITLES.values():
            self.split.addItem(title)
        for layout in LAYOUTS:
            self.axes.addItem("axes: automatic" if layout == "auto" else layout)
        for text in WHITES:
            self.white.addItem(text)
        hint = "A folder of images or recordings, of class folders, CIFAR-10, CIFAR-100 or IDX files"
        self.folder = button("Open this folder", self._open_folder, hint)
        lines = self.layout()
        assert isinstance(lines, QGridLayout)
        line = row(self.form, self.split, self.axes, self.white, self.folder, spacing=6)
        line.insertStretch(4, 1)
        lines.addLayout(line, lines.rowCount(), 0, 1, lines.columnCount())

    def _open(self, path: Path) -> None:
        options = DataOptions(LAYOUTS[self.axes.currentIndex()], WHITES[self.white.currentText()])
        split = tuple(SPLIT_TITLES)[self.split.currentIndex()]
        self._opened(DataFile(path, options, split, tuple(FORMS)[self.form.currentIndex()]))

    def _open_folder(self) -> None:
        selected = [Path(name) for name in self.selectedFiles()]
        folder = selected[0] if selected and selected[0].is_dir() else Path(self.directory().absolutePath())
        self.reject()  # without the signal of a file
        self._open(folder)
