"""Base classes of views, which subscribe to models and draw only while they are visible."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.signal import AnySignal, Signal, Values
from spikelet_gui.views.widgets.slices import slices
from spikelet_gui.views.widgets.theme import length

MIN_SIZE = 600, 480  # smallest width and height of a panel
NARROW = 1040  # width of a panel below which its columns are stacked


class View(QWidget):
    """A widget that subscribes to signals of models.

    `follow` is for drawing: a hidden view is drawn once, when it is shown. `listen` is for everything else.
    """

    _in_slices = False  # whether the drawings of a view that is shown are divided

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._connections: list[Callable[[], None]] = []
        self._pending: dict[Callable[[], object], None] = {}
        self._queued = False
        self._cover: QWidget | None = None

    def fill(self, widget: QWidget) -> None:
        """Fill the view with one widget, without margins."""
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(widget)

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """Return the minimum height, not the preferred one: a scrolling page uses it."""
        layout = self.layout()
        if layout is None:
            return -1
        minimum = layout.totalMinimumHeightForWidth(width) if layout.hasHeightForWidth() else -1
        return max(self.minimumHeight(), minimum if minimum >= 0 else layout.totalMinimumSize().height())

    def listen(self, signal: Signal[Values], slot: Callable[Values, object]) -> None:
        """Call `slot` at every `signal`, visible or not."""
        signal.connect(slot)
        self._connections.append(lambda: signal.disconnect(slot))

    def follow(self, draw: Callable[[], object], *signals: AnySignal) -> None:
        """Call `draw` at each of the signals while visible, and once when the view is shown."""

        def changed(*_: object) -> None:
            if self.isVisible():
                self._pending.pop(draw, None)
                draw()
            else:
                self._pending[draw] = None

        for signal in signals:
            self.listen(signal, changed)
        self._pending[draw] = None

    def soon(self, draw: Callable[[], object]) -> None:
        """Call `draw` once in one of the next iterations of the event loop; of a hidden view, when it is shown."""
        self._pending[draw] = None
        if self.isVisible():
            self._queue()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if not self._in_slices:
            while self._pending:
                self._draw_first()
        elif self._pending:
            self._cover_contents()
            self._queue()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        super().hideEvent(event)
        self._uncover()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if self._cover is not None:
            self._cover.resize(self.size())

    def _cover_contents(self) -> None:
        """Show the background until all is drawn.

        With updates disabled, Qt would leave what the last panel painted there.
        """
        if self._cover is None:
            self._cover = QWidget(self)
            self._cover.setAutoFillBackground(True)
            self._cover.resize(self.size())
        self._cover.raise_()
        self._cover.show()

    def _uncover(self) -> None:
        if self._cover is not None:
            self._cover.deleteLater()
            self._cover = None

    def _queue(self) -> None:
        if not self._queued:
            self._queued = True
            slices().add(self, self._draw_slice)

    def _draw_slice(self) -> None:
        self._queued = False
        if self._pending and self.isVisible():
            self._draw_first()
        if self._pending and self.isVisible():
            self._queue()
        else:
            self._uncover()

    def _draw_first(self) -> None:
        draw = next(iter(self._pending))
        del self._pending[draw]
        draw()

    def release(self) -> None:
        """Disconnect from all signals."""
        for disconnect in self._connections:
            disconnect()
        self._connections.clear()
        self._pending.clear()


class Panel(View):
    """A page of the window. It scrolls in a window that is smaller than its contents.

    Args:
        inspector: The models.

    Attributes:
        inspector: The models.
        task: Key of the background task that measures the results of the panel.
    """

    task = "sweep"
    _stacked: tuple[QBoxLayout, ...] = ()
    _stacked_below = NARROW
    _narrow = False

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector

    def build(self) -> Iterator[None]:
        """Build the contents in slices. Only the construction of cards, which comes first, is divided."""
        raise NotImplementedError

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the smallest size: of rows that can be stacked, at any width, the height only."""
        least = super().minimumSizeHint()
        return (QSize(0, least.height()) if self._stacked and not self._narrow else least).expandedTo(
            QSize(*map(length, MIN_SIZE))
        )

    def stack(self, *layouts: QBoxLayout, below: int = NARROW) -> None:
        """Turn rows into columns, and columns into rows, while the panel is too narrow.

        Args:
            layouts: The layouts. The first one is as wide as the panel, and must fit into it.
            below: Width of the panel, see `theme.length`, below which it is too narrow, also if the row would fit.
        """
        self._stacked, self._stacked_below = layouts, below

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:  # the contents need another width
            self._turn()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._turn()

    def _turn(self) -> None:
        """Stack rows if they do not fit, or undo it if they do."""
        outer = self.layout()
        if not self._stacked or outer is None:
            return
        margins = outer.contentsMargins()
        needed = self._wide_width(self._stacked[0]) + margins.left() + margins.right()
        narrow = self.width() < max(length(self._stacked_below), needed)
        if narrow != self._narrow:
            self._narrow = narrow
            for layout in self._stacked:
                turned = layout.direction() == QBoxLayout.Direction.LeftToRight
                layout.setDirection(QBoxLayout.Direction.TopToBottom if turned else QBoxLayout.Direction.LeftToRight)

    def _wide_width(self, layout: QBoxLayout) -> int:
        """Return the smallest width of a stacked layout as it is in a wide panel."""
        widths = []
        for index in range(layout.count()):
            part = layout.itemAt(index)
            assert part is not None
            inner = part.layout()
            if isinstance(inner, QBoxLayout) and inner in self._stacked:
                widths.append(self._wide_width(inner))
            else:
                widths.append(part.minimumSize().width())
        in_row = (layout.direction() == QBoxLayout.Direction.LeftToRight) != self._narrow
        if not widths:  # a layout that is filled later
            return 0
        return sum(widths) + layout.spacing() * (len(widths) - 1) if in_row else max(widths)

    def run(self) -> None:
        """Start the task of the panel (key R); without one of its own, measure again what is out of date."""
        if self.out_of_date():
            self.run_again()

    def focus_search(self) -> None:
        """Give the focus to the search field of the panel, if it has one (Ctrl+F)."""

    def out_of_date(self) -> str:
        """Return how the settings differ from those with which the results were measured; "" if they do not."""
        return ""

    def run_again(self) -> None:
        """Measure the results that are out of date again."""
        self.run()

    def prepare(self) -> None:
        """Start every task whose results a screenshot of the panel shows."""
        self.run()


def release_all(root: QWidget) -> None:
    """Release a widget and all views in it."""
    for view in [root, *root.findChildren(View)]:
        if isinstance(view, View):
            view.release()
