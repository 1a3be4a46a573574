"""Charts, tables, galleries and texts show whole names and values in the space that they have."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QFontMetrics, QImage
from PySide6.QtWidgets import QLabel

from gui_support.painted import painted_texts
from spikelet.display import shared_ends
from spikelet_gui.views.images.gallery import Gallery
from spikelet_gui.views.plots.axes import NumberAxis
from spikelet_gui.views.plots.confusion import UNNAMED, ConfusionView
from spikelet_gui.views.plots.network.block import MIN_NAME, SPACE, fitted, name_width
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.texts import clearest
from spikelet_gui.views.widgets.facts import Facts
from spikelet_gui.views.widgets.tables import Table
from spikelet_gui.views.widgets.text import Elided
from spikelet_gui.views.widgets.theme import font


@pytest.mark.parametrize("name", [20, 60, 130, 300])
@pytest.mark.parametrize("badges", [0, 40, 120])
def test_name_and_badges_of_a_layer_do_not_overlap(name, badges):
    available = 220
    width = name_width(name, badges, available)
    assert width + (SPACE + badges if badges else 0) <= available
    assert min(name, MIN_NAME) <= width <= name


@pytest.mark.parametrize("width", [60, 90, 140])
def test_names_of_layers_that_begin_and_end_alike_can_be_told_apart(qapp, width):
    names = [f"backbone.stages.{k}.block.activation_with_a_long_name" for k in range(30)]
    metrics = QFontMetrics(font(10, bold=True))
    shown = [fitted(name, shared_ends(names), metrics, width) for name in names]
    assert len(set(shown)) == 30
    assert max(map(metrics.horizontalAdvance, shown)) <= width
    assert fitted("conv1", shared_ends(names), metrics, width) == "conv1"


@pytest.mark.parametrize("size", [(560, 120), (560, 90), (300, 300), (900, 400)])
@pytest.mark.parametrize("count", [1, 2, 9, 60])
def test_no_picture_and_no_caption_is_cut(qtbot, count, size):
    gallery = Gallery("pictures")
    qtbot.addWidget(gallery)
    gallery.resize(*size)
    gallery.show()
    image = QImage(32, 32, QImage.Format.Format_RGB888)
    gallery.show_pictures(range(count), lambda _: image, lambda _: "frog\n(true: deer)", ["(true: automobile)"])
    first = gallery.visualRect(gallery.pictures.index(0))
    assert gallery.viewport().rect().contains(first)
    assert first.height() > gallery.iconSize().height() + 2 * gallery.fontMetrics().height()
    lowest = gallery.visualRect(gallery.indexAt(QPoint(20, gallery.viewport().height() - 1)))
    assert not lowest.isValid() or lowest.top() + gallery.iconSize().height() < gallery.viewport().height()
    if not gallery.verticalScrollBar().maximum():
        assert gallery.viewport().rect().contains(gallery.visualRect(gallery.pictures.index(count - 1)))


def test_long_names_lose_their_middle_and_headings_wrap(qtbot):
    """Names of classes and layers can begin alike."""
    names = [f"an extraordinarily long name of a class that begins as the others do, number {k}" for k in range(3)]
    gallery, plot, facts = Gallery("pictures"), Plot("evidence"), Facts()
    for widget in (gallery, plot, facts):
        qtbot.addWidget(widget)
    image = QImage(32, 32, QImage.Format.Format_RGB888)
    gallery.show_pictures(range(3), lambda _: image, names.__getitem__, names)
    assert gallery.gridSize().width() < 250
    captions = [gallery.pictures.index(k).data() for k in range(3)]
    items = [plot.names.add(name, 0, 0, "#ff0000") for name in names]
    for shown_names in (captions, [item.toPlainText() for item in items]):
        assert len(set(shown_names)) == 3
    assert max(map(gallery.fontMetrics().horizontalAdvance, captions)) < gallery.gridSize().width()
    assert gallery.pictures.index(1).data(Qt.ItemDataRole.ToolTipRole) == names[1]
    assert max(item.boundingRect().width() for item in items) < 180
    facts.show_facts([("a.very.long.module.path.backbone.stage1.block0.activation", [("neurons", "8,192")])])
    assert facts.minimumSizeHint().width() < 250


def test_facts_keep_their_labels_while_only_values_change(qtbot):
    """The facts of a layer change with every image and time-step: to build labels takes most of the time."""
    facts = Facts()
    qtbot.addWidget(facts)

    def texts():
        return [part.text() for part in facts.findChildren(QLabel) if part.parent() is facts and not part.isHidden()]

    facts.show_facts([("if1", [("neurons", "256"), ("rate", "10%")])])
    before = facts.findChildren(QLabel)
    facts.show_facts([("if1", [("neurons", "256"), ("rate", "20%")])])
    assert facts.findChildren(QLabel) == before
    assert texts() == ["if1", "neurons", "256", "rate", "20%"]
    facts.show_facts([("if2", [("neurons", "336")])])
    assert texts() == ["if2", "neurons", "336"]
    facts.show_facts([])
    assert texts() == []


@pytest.mark.parametrize("value", [0.2, 1.9, 2.0])
def test_the_name_of_a_threshold_stays_in_a_low_chart(qtbot, value):
    plot = Plot("margin", "t", "margin")
    qtbot.addWidget(plot)
    plot.resize(300, 90)
    plot.show()
    line = plot.marker("#ff0000", lambda _: None, vertical=False, text="exit")
    plot.setYRange(0, 2.2, padding=0)
    line.setValue(value)
    plot.grab()
    area = line.label.mapRectToScene(line.label.boundingRect())
    assert plot.plotItem.vb.sceneBoundingRect().adjusted(-4, -4, 4, 4).contains(area)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.0], 0.9), ([10.0], 0.1), ([0, 10], 0.5), ([0, 4, 10], 0.7), ([1, 1.5, 2, 9], 0.55), ([-5, 20], 0.75)],
)
def test_a_label_is_where_it_is_farthest_from_curves(values, expected):
    assert clearest(values, 0, 10) == pytest.approx(expected, abs=0.026)


def test_the_title_below_a_chart_is_whole(qtbot):
    plot = Plot("margin", "time-step", "margin")
    qtbot.addWidget(plot)
    plot.resize(300, 140)
    plot.show()
    plot.grab()
    title = plot.getAxis("bottom").label
    end = title.mapRectToScene(title.boundingRect()).bottom() - title.document().documentMargin()
    assert title.isVisible()
    assert end <= plot.height()


def test_an_axis_of_shares_ends_at_one(qtbot):
    plot = Plot("accuracy", "t", "accuracy", percent=("left",))
    qtbot.addWidget(plot)
    ticks = [value for _, values in plot.getAxis("left").tickValues(0.97, 1.02, 600) for value in values]
    assert max(ticks) == 1


def test_a_closed_chart_can_be_resized(qtbot, capfd):
    """A window that is closed resizes its parts."""
    plot = Plot("margin", "t", "margin")
    plot.show()
    plot.close()
    plot.resize(300, 90)
    plot.show()
    plot.deleteLater()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("spare", [0, 7, 300])
def test_no_heading_or_cell_of_a_table_is_cut_where_there_is_room(qapp, spare):
    table = Table("settings")
    head = ("k", "T", "early exit", "accuracy", "mean T", "operations")
    table.show_rows(head, [["→ 8", "1", "0.956", "92.00%", "1.00", "59.1 M"]])
    header = table.horizontalHeader()
    texts = [max(header.sectionSizeHint(column), table.sizeHintForColumn(column)) for column in range(len(head))]
    table.resize(sum(texts) + spare + 2 * table.frameWidth(), 200)
    table.show()
    widths = [table.columnWidth(column) for column in range(len(head))]
    assert all(width >= text for width, text in zip(widths, texts, strict=True))
    assert sum(widths) <= table.viewport().width() == sum(texts) + spare
    table.close()


def test_a_note_that_gets_more_room_while_it_is_moved_below_returns(qapp):
    """Showing a widget lays out its parents first, which can resize the note during the change."""

    class Below(QLabel):
        def setVisible(self, visible):
            if visible:
                note.resize(900, 20)
            super().setVisible(visible)

    below = Below()
    note = Elided("a note that needs some room", overflow=below)
    note.show()
    note.resize(20, 20)
    assert (note.width(), note.text(), below.isHidden()) == (900, "a note that needs some room", True)
    note.close()


@pytest.mark.parametrize(
    ("values", "spacing", "expected"),
    [
        ([0, 500], 500, ["0", "500"]),
        ([0, 2000, 4000], 2000, ["0", "2 k", "4 k"]),
        ([-2e7, 5e7], 1e7, ["−20 M", "50 M"]),
        ([12_340, 12_345], 5, ["12.34 k", "12.345 k"]),
    ],
)
def test_ticks_of_large_numbers_have_a_prefix_and_differ(qapp, values, spacing, expected):
    assert NumberAxis("left").tickStrings(values, 1.0, spacing) == expected


def test_a_matrix_of_many_classes_has_no_titles_of_columns_that_are_not_drawn(qtbot):
    """Its names are under the pointer, and it takes their space; a row is still chosen beside it."""
    matrix = ConfusionView(lambda cell: None)
    qtbot.addWidget(matrix)
    matrix.resize(480, 560)
    for classes, named in ((10, True), (100, False)):
        names = [f"class {k}" for k in range(classes)]
        matrix.show_counts(np.eye(classes, dtype=np.int64), names, (None, None))
        assert ("accuracy" in painted_texts(matrix)) is named
        assert (UNNAMED in painted_texts(matrix)) is not named
        assert (matrix.area.width() > 0.9 * matrix.width()) is not named
        beside = QPointF(matrix.area.left() / 2, matrix.rect_of((7, None)).center().y())
        assert matrix.reading(beside).title == "true class 7"
