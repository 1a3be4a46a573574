"""Opening of images, recordings and data sets, and a button for it where a measurement lacks them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.sources.data_file import DataFile
from spikelet_gui.models.session.sources.inputs import Inputs
from spikelet_gui.views.choosers.data_dialog import DataDialog
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.controls import button

HINT = "Images, a folder of class folders, CIFAR, IDX or .npz"


def ask_for_images(parent: QWidget, inspector: Inspector, then: Callable[[Inputs], object] = lambda _: None) -> None:
    """Ask for an image, a recording or a data set, and open it.

    Args:
        parent: The window.
        inspector: The models.
        then: Called with what was opened.
    """
    recent = DataFile.latest(inspector.settings.recent_data)
    DataDialog(parent, lambda file: inspector.open_data(file, then), recent).open()


class OpenImages(View):
    """A button that opens images, visible while none are open.

    Args:
        inspector: The models.
        labelled: Whether the images need labels.
    """

    def __init__(self, inspector: Inspector, *, labelled: bool = False) -> None:
        super().__init__()
        self.inspector, self._labelled = inspector, labelled
        self.open = button("Open images…", lambda: ask_for_images(self, inspector), HINT, primary=True)
        self.fill(self.open)
        self.follow(self._draw, inspector.opened, inspector.showing)

    def _draw(self) -> None:
        data = self.inspector.data
        self.open.setVisible(data is None or (self._labelled and data.labels is None))
