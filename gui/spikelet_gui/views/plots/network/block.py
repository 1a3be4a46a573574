"""A block of the drawing: name, synapses, shape, spike rate, and badges of unusual neurons."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsSceneHoverEvent, QStyleOptionGraphicsItem, QWidget

from spikelet.display import shorten
from spikelet.metrics.rates import SATURATED
from spikelet_gui.models.network.blocks import Block
from spikelet_gui.views.plots.network.form import COLUMN_GAP, ROOMY, Form
from spikelet_gui.views.widgets.readout import Reading, Value
from spikelet_gui.views.widgets.theme import colour, font, heat, readable_on, text_scale, theme

MEANINGS = {
    "dead": "fired for no image",
    "saturated": f"fired at {SATURATED:.0%} of all time-steps or more",
    "silent": "did not fire for this image",
}
SHORT = {"saturated": "sat."}
FULL = 0.3  # spike rate of the last colour of the ramp
MARGIN, RATE = 10.0, 52.0  # pixels at the left and right of the text; of the spike rate
SPACE, MIN_NAME, MIN_TITLE = 8.0, 60.0, 48.0  # pixels between texts; of the name beside long badges; of the synapses
FADED = 0.22  # opacity of a block that a search does not match
Line = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
End = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Badge:
    """A number of neurons of one kind, a key of MEANINGS."""

    count: int
    kind: str

    @property
    def text(self) -> str:
        """Number and kind."""
        return f"{self.count:,} {self.kind}"


@dataclass
class Look:
    """Text and colour of a block.

    Attributes:
        title: Description of the synapses.
        shape: Output shape.
        rate: Spike rate, or None before it is measured.
        badges: Unusual neurons.
    """

    title: str
    shape: str
    rate: float | None = None
    badges: tuple[Badge, ...] = ()

    @property
    def flags(self) -> str:
        """The badges as one text."""
        return ", ".join(badge.text for badge in self.badges)


def unit_font(size: float, bold: bool = False) -> QFont:
    """Return a font in units of the drawing, which the view enlarges where the system has larger fonts."""
    return font(size / text_scale(), bold)


def name_width(name: float, badges: float, available: float) -> float:
    """Return the width for the name of a block beside its badges.

    Args:
        name: Width of the whole name, in pixels.
        badges: Width of all badges; 0 for none.
        available: Width of the line without the spike rate.
    """
    return min(name, max(available - (badges + SPACE if badges else 0.0), MIN_NAME))


def fitted(name: str, ends: tuple[int, int], metrics: QFontMetrics, width: float) -> str:
    """Return a name in the form that fits a width in pixels. ends: numbers of letters that all names share."""
    forms = (shorten(name, most, ends) for most in range(len(name), 2, -1))
    return next((form for form in forms if metrics.horizontalAdvance(form) <= width), "…")


class BlockItem(QGraphicsItem):
    """Graphics item of one block. ends: numbers of letters with which the names of all layers begin and end."""

    def __init__(self, block: Block, look: Look, ends: tuple[int, int]) -> None:
        super().__init__()
        self.block, self.look, self.ends, self.form = block, look, ends, ROOMY
        self.focused = self._hover = self._faded = False
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAcceptHoverEvents(True)

    def arrange(self, form: Form) -> None:
        """Set the sizes, and move the block to its row and column."""
        self.prepareGeometryChange()
        self.form = form
        self.setPos(self.block.column * (form.width + COLUMN_GAP), self.block.row * form.pitch)

    def set_look(self, look: Look) -> None:
        """Set text and colour."""
        self.look = look
        self.update()

    def fade(self, faded: bool) -> None:
        """Fade the block, or show it again."""
        self._faded = faded
        self.setOpacity(FADED if faded else 1.0)

    @property
    def faded(self) -> bool:
        """Whether a search does not match the block."""
        return self._faded

    def boundingRect(self) -> QRectF:  # noqa: N802
        return QRectF(-3, -3, self.form.width + 6, self.form.height + 6)

    def hoverEnterEvent(self, event: QGraphicsSceneHoverEvent) -> None:  # noqa: N802
        self._hover = True
        self.update()

    def hoverLeaveEvent(self, event: QGraphicsSceneHoverEvent) -> None:  # noqa: N802
        self._hover = False
        self.update()

    def chips(self) -> list[tuple[QRectF, Badge, str]]:
        """Return area, badge and text of every badge, from left to right."""
        metrics, result = QFontMetricsF(unit_font(8, bold=True)), []
        right = self.form.width - MARGIN - RATE
        top = 6.0 if self.form.lines == 2 else (self.form.height - 15) / 2
        long = sum(metrics.horizontalAdvance(badge.text) + 12 + 4 for badge in self.look.badges)
        short = self.form.lines == 1 or long > right - MARGIN - MIN_NAME
        for badge in reversed(self.look.badges):
            text = f"{badge.count:,} {SHORT.get(badge.kind, badge.kind)}" if short else badge.text
            width = metrics.horizontalAdvance(text) + 12
            result.append((QRectF(right - width, top, width, 15), badge, text))
            right -= width + 4
        return result[::-1]

    def badge_at(self, point: QPointF) -> Badge | None:
        """Return the badge at a point of the block, or None."""
        return next((badge for area, badge, _ in self.chips() if area.contains(point)), None)

    def reading(self, point: QPointF) -> Reading:
        """Return what is shown for a point of the block: all of it, or the meaning of the badge there."""
        badge = self.badge_at(point)
        if badge is not None:
            return Reading(f"{badge.text}\n{MEANINGS[badge.kind]}\nClick to list these neurons")
        look = self.look
        values = [Value("synapses", look.title), Value("shape", look.shape)]
        if self.block.spiking and look.rate is not None:
            values.append(Value("spike rate", f"{look.rate:.2%}", heat(look.rate / FULL)))
        values += [Value(badge.kind, f"{badge.count:,}") for badge in look.badges]
        return Reading(self.block.name, values)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        look, form, spiking = self.look, self.form, self.block.spiking
        coloured = spiking and look.rate is not None
        fill = heat(look.rate / FULL) if coloured and look.rate is not None else theme().raised
        ink = readable_on(fill) if coloured else theme().text
        edge = QPen(QColor(theme().accent if self.focused else theme().muted if self._hover else theme().line))
        edge.setWidthF(2.4 if self.focused else 1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(edge)
        painter.setBrush(QColor(fill))
        radius = 8 if form.lines == 2 else 6
        painter.drawRoundedRect(QRectF(0, 0, form.width, form.height), radius, radius)
        painter.setPen(QColor(ink))
        painter.setFont(unit_font(10, bold=True))
        chips = self.chips()
        inner = form.width - 2 * MARGIN
        right = chips[0][0].left() if chips else form.width - MARGIN - (RATE if spiking else 0.0)
        name = name_width(
            painter.fontMetrics().horizontalAdvance(self.block.name) + 1.0,
            form.width - MARGIN - RATE - right if chips else 0.0,
            inner - (RATE if spiking else 0.0),
        )
        first = QRectF(MARGIN, 3, inner, 20) if form.lines == 2 else QRectF(MARGIN, 0, inner, form.height)
        shown = fitted(self.block.name, self.ends, painter.fontMetrics(), name)
        painter.drawText(QRectF(first.left(), first.top(), name + 1, first.height()), Line, shown)
        if spiking:
            painter.drawText(first, End, "…" if look.rate is None else f"{look.rate:.1%}")
        painter.setFont(unit_font(8.5))
        painter.setPen(colour(ink, 185))
        if form.lines == 2:
            self._second_line(painter, QRectF(MARGIN, 21, inner, 17))
        else:
            self._beside(painter, QRectF(MARGIN + name + SPACE, 0, right - MARGIN - name - 2 * SPACE, form.height))
        self._draw_chips(painter, chips)

    def _second_line(self, painter: QPainter, line: QRectF) -> None:
        """Draw synapses and shape below the name."""
        width = line.width() - painter.fontMetrics().horizontalAdvance(self.look.shape) - SPACE
        painter.drawText(line, Line, _elided(painter, self.look.title, width))
        painter.drawText(line, End, self.look.shape)

    def _beside(self, painter: QPainter, space: QRectF) -> None:
        """Draw synapses, and the shape if there is space, right of the name."""
        if space.width() < MIN_TITLE:
            return
        title = painter.fontMetrics().horizontalAdvance(self.look.title)
        shape = painter.fontMetrics().horizontalAdvance(self.look.shape)
        painter.drawText(space, Line, _elided(painter, self.look.title, space.width()))
        if title + SPACE + shape <= space.width():
            painter.drawText(space, End, self.look.shape)

    def _draw_chips(self, painter: QPainter, chips: list[tuple[QRectF, Badge, str]]) -> None:
        painter.setFont(unit_font(8, bold=True))
        for area, _, text in chips:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme().warn))
            painter.drawRoundedRect(area, 7, 7)
            painter.setPen(QColor(readable_on(theme().warn)))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)


def _elided(painter: QPainter, text: str, width: float) -> str:
    return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(width))
