"""Axes and a view box without pyqtgraph's context menus.

A `pyqtgraph.PlotItem` builds the widgets of its menus even if the menus are disabled: about 60 widgets per chart, which
take most of the time of its construction and of every change of the style sheet.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyqtgraph as pg
from PySide6.QtWidgets import QGraphicsGridLayout, QGraphicsItem, QSizePolicy, QWidget

CELLS = {"bottom": (1, 1), "left": (0, 0), "right": (0, 2)}  # of the axes in the layout; the view box is in (0, 1)


class ChartItem(pg.GraphicsWidget):
    """A view box with axes beside it.

    Args:
        axes: Axes by side: left, bottom, right.

    Attributes:
        vb: The view box.
        items: Items that were added.
        layout: Layout of the view box and the axes.
    """

    def __init__(self, axes: Mapping[str, pg.AxisItem]) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.vb = pg.ViewBox(parent=self, enableMenu=False)
        self.items: list[pg.GraphicsObject] = []
        self.axes: dict[str, pg.AxisItem] = {}
        self.layout = QGraphicsGridLayout()
        self.layout.setSpacing(0)
        self.layout.addItem(self.vb, 0, 1)
        self.layout.setRowStretchFactor(0, 100)
        self.layout.setColumnStretchFactor(1, 100)
        self.setLayout(self.layout)
        for side, axis in axes.items():
            self.add_axis(side, axis)

    def add_axis(self, side: str, axis: pg.AxisItem) -> None:
        """Add an axis at a side."""
        axis.linkToView(self.vb)
        axis.setZValue(0.5)  # above images
        axis.setFlag(QGraphicsItem.GraphicsItemFlag.ItemNegativeZStacksBehindParent)
        self.axes[side] = axis
        self.layout.addItem(axis, *CELLS[side])


class ChartView(pg.GraphicsView):
    """A widget that shows a `ChartItem`, with the methods of `pyqtgraph.PlotWidget` that charts here use.

    Args:
        axes: Axes by side.
        background: Colour of the background.
    """

    def __init__(self, axes: Mapping[str, pg.AxisItem], background: str) -> None:
        super().__init__(background=background)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.enableMouse(False)
        self.plotItem = ChartItem(axes)
        self.setCentralItem(self.plotItem)
        box = self.plotItem.vb
        self.setXRange, self.setYRange = box.setXRange, box.setYRange
        self.setAspectLocked, self.setMouseEnabled = box.setAspectLocked, box.setMouseEnabled

    def close(self) -> bool:
        """Close the widget. The base class clears the scene as well, which crashes while axes are in a layout."""
        return QWidget.close(self)

    @property
    def box(self) -> pg.ViewBox:
        """The view box."""
        return self.plotItem.vb

    def boxes(self) -> list[pg.ViewBox]:
        """Return the view boxes: a chart can have a second one, of its right axis."""
        return [item for item in self.scene().items() if isinstance(item, pg.ViewBox)]

    @property
    def logarithmic(self) -> tuple[bool, bool]:
        """Whether the horizontal and the vertical axis are logarithmic."""
        return self.getAxis("bottom").logMode, self.getAxis("left").logMode

    def addItem(self, item: pg.GraphicsObject, ignoreBounds: bool = False) -> None:  # noqa: N802, N803
        """Add an item. ignoreBounds: whether it does not count for the automatic range."""
        self.plotItem.items.append(item)
        self.box.addItem(item, ignoreBounds=ignoreBounds)
        if isinstance(item, pg.PlotDataItem):
            item.setLogMode(*self.logarithmic)

    def removeItem(self, item: pg.GraphicsObject) -> None:  # noqa: N802
        """Remove an item, if it was added."""
        if item in self.plotItem.items:
            self.plotItem.items.remove(item)
            self.box.removeItem(item)

    def clear(self) -> None:
        """Remove all items."""
        for item in list(self.plotItem.items):
            self.removeItem(item)

    def plot(self, *values: object, **style: object) -> pg.PlotDataItem:
        """Add a curve; the arguments are those of `pyqtgraph.PlotDataItem`.

        The limit of values far outside the chart is off: with it, each change of the vertical range sets the data of
        every curve again.
        """
        item = pg.PlotDataItem(*values, **{"dynamicRangeLimit": None, **style})
        self.addItem(item)
        return item

    def getAxis(self, side: str) -> pg.AxisItem:  # noqa: N802
        """Return the axis of a side."""
        return self.plotItem.axes[side]

    def setLabel(self, side: str, text: str, **style: str) -> None:  # noqa: N802
        """Set the title of an axis."""
        self.getAxis(side).setLabel(text=text, **style)

    def hideAxis(self, side: str) -> None:  # noqa: N802
        """Hide an axis."""
        self.getAxis(side).hide()
