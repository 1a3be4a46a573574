"""Images that only the float network classifies correctly."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QListWidgetItem

from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inputs import from_data, shown
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.images.gallery import Gallery
from spikelet_gui.views.plots.evidence import class_names
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.text import label

LISTED = 200  # images in the list, at most


class LostCard(CardView):
    """Images that the float network classifies correctly, and the spiking network does not."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Lost by spiking", data=self._data)
        self.message = label("", "muted", wrap=True)
        self.list = Gallery("images that only the float network classifies correctly")
        self.list.itemActivated.connect(self._show)
        self.list.itemClicked.connect(self._show)
        self.body.addWidget(self.message)
        self.body.addWidget(self.list, 1)
        self.body.addStretch()
        self.follow(self._draw, inspector.swept, inspector.opened, inspector.cursor.moved)

    def _draw(self) -> None:
        inspector, sweep = self.inspector, self.inspector.sweep
        self.list.hide()
        if sweep is None or sweep.labels is None or sweep.source is None or inspector.document is None:
            self.message.setText("Requires images with labels and a network with a float activation.")
            self.set_note("")
            return
        time = min(inspector.cursor.time, sweep.counted.steps)
        lost, names = sweep.lost(time), class_names(inspector)
        node = inspector.document.bundle.graph.input
        self.set_note(f"after t = {time}: {len(lost)} of {sweep.done:,}")
        self.message.setText(
            "Correct in float, wrong when spiking. Click an image to inspect it."
            if len(lost)
            else "None: every image that is correct in float is correct when spiking."
        )
        pictures = []
        for index in lost[:LISTED]:
            pixels = shown(sweep.data.images[index].astype(np.float32), node.low, node.high)
            height, width, _ = pixels.shape
            image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
            prediction = int(sweep.counted.predictions[time - 1][index])
            pictures.append((image, f"{names[prediction]}\n(true: {names[sweep.labels[index]]})", int(index)))
        self.list.setVisible(bool(pictures))
        self.list.show_pictures(pictures, [f"(true: {name})" for name in names])

    def _show(self, item: QListWidgetItem) -> None:
        sweep = self.inspector.sweep
        if sweep is not None:
            self.inspector.show(from_data(sweep.data), int(item.data(Qt.ItemDataRole.UserRole)))
            self.inspector.status.emit(f"Image {self.inspector.index + 1} is selected; see Overview and Layers")

    def _data(self) -> DataTable | None:
        sweep = self.inspector.sweep
        if sweep is None or sweep.labels is None:
            return None
        time = min(self.inspector.cursor.time, sweep.counted.steps)
        names = class_names(self.inspector)
        rows = [
            [int(i), names[sweep.labels[i]], names[sweep.counted.predictions[time - 1][i]]] for i in sweep.lost(time)
        ]
        return DataTable("lost", ["image", "label", "spiking_answer"], rows)
