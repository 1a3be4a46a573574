"""No text is cut and no controls overlap, in every panel, on a small and on a large screen."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QLabel, QScrollArea

from gui_support.bundles import bundle_of
from gui_support.cutting import cut_fields, cut_texts, shown, wrong
from gui_support.driving import draw, drop, opened_window, prepare_all
from networks import Builder
from spikelet.bundle import write
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.views.images.gallery import Gallery
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.plots.network.block import MIN_NAME, SPACE, name_width
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.shell.app import discard, make_window
from spikelet_gui.views.shell.shortcuts import help_dialog
from spikelet_gui.views.shell.transport import TITLES
from spikelet_gui.views.widgets.cards import Card
from spikelet_gui.views.widgets.controls import Tabs
from spikelet_gui.views.widgets.facts import Facts
from spikelet_gui.views.widgets.tables import Table
from spikelet_gui.views.widgets.text import Elided

SIZES = ((960, 600), (1280, 800), (1280, 720), (2560, 1440))
LAYERS = 14


@pytest.fixture(scope="module")
def filled(qapp, rest, tmp_path_factory):
    """A window with a network of many layers and long names, with results in all panels."""
    net = Builder((3, 16, 16), np.random.default_rng(0))
    for stage in range(1, LAYERS + 1):
        net.conv(f"conv{stage}", 12 if stage == 1 else 4, stride=(1, 1) if stage != 2 else (4, 4))
        net.neuron(f"neurons_of_stage_{stage}", scale=1500 if stage == 1 else 20)
    labels, folder = ("airplane", "automobile", "frog"), tmp_path_factory.mktemp("layout")
    path = folder / "vgg19-cifar100.snnb"
    write(bundle_of(net.graph(3), "vgg19-cifar100", labels), path)
    rng = np.random.default_rng(1)
    images, truth = rng.integers(0, 256, (12, 3, 16, 16), dtype=np.uint8), rng.integers(0, 3, 12)
    np.savez(folder / "photographs of insects.npz", images=images, labels=truth, classes=labels)
    with opened_window(path) as window:
        window.open_path(folder / "photographs of insects.npz")
        rest(window)
        window.inspector.run_sweep(window.inspector.data)
        window.inspector.results.comparison_key = None
        prepare_all(window)
        yield window


@pytest.fixture
def measured(filled, rest):
    """The window of `filled` in its original size, at the first panel and layer and the last time-step."""
    filled.resize(1280, 800)
    filled.show_panel("overview")
    filled.inspector.selection.focus("neurons_of_stage_1")
    filled.inspector.cursor.go(filled.inspector.cursor.steps)
    filled.centralWidget().setFocus()
    for page in filled._pages.values():
        page.verticalScrollBar().setValue(0)
    rest(filled)
    assert (filled.width(), filled.height(), filled.panel) == (1280, 800, "overview")
    assert filled.inspector.selection.layer == "neurons_of_stage_1"
    assert filled.inspector.cursor.time == filled.inspector.cursor.steps == 4
    return filled


def test_nothing_is_cut(measured, rest):
    failures = {}
    for size in SIZES:
        measured.resize(*size)
        for name in PANELS:
            measured.show_panel(name)
            rest(measured)
            draw(measured, measured.panels[name], whole=size == SIZES[0])
            if cut := wrong(measured.panels[name]):
                failures[name, size] = cut
    assert failures == {}


@pytest.mark.parametrize("name", [20, 60, 130, 300])
@pytest.mark.parametrize("badges", [0, 40, 120])
def test_name_and_badges_of_a_layer_do_not_overlap(name, badges):
    available = 220
    width = name_width(name, badges, available)
    assert width + (SPACE + badges if badges else 0) <= available
    assert min(name, MIN_NAME) <= width <= name


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
    items = [plot.name(name, 0, 0, "#ff0000") for name in names]
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


def test_a_first_window_is_no_larger_than_the_screen(qapp):
    window = make_window(Settings())
    limit = window.screen().availableSize().expandedTo(window.minimumSize())
    assert window.size() == window.size().boundedTo(limit)
    discard(window)


def test_the_tab_of_the_layer_is_in_sight(measured, rest, qtbot):
    measured.show_panel("layers")
    tabs = measured.panels["layers"].tabs
    assert isinstance(tabs, Tabs)
    assert tabs.sizeHint().width() > tabs.width()
    measured.inspector.selection.focus(f"neurons_of_stage_{LAYERS}")
    rest(measured)
    assert tabs.currentIndex() == LAYERS - 1
    assert tabs.rect().contains(tabs.tabRect(LAYERS - 1).center())


def test_a_small_window_scrolls_to_all_parts_of_its_panels(measured, rest, qtbot):
    measured.resize(measured.minimumSize())
    measured.show_panel("energy")
    rest(measured)
    panel, page = measured.panels["energy"], measured._pages["energy"]
    assert page.verticalScrollBar().maximum() > 0
    for _ in range(2):
        qtbot.keyClick(measured.focusWidget(), Qt.Key.Key_PageDown)
    assert page.viewport().rect().bottom() >= panel.geometry().bottom()
    card = next(card for card in shown(panel, Card) if card.name == "Sources of the figures")
    button = shown(card, QAbstractButton)[-1]
    while measured.focusWidget() is not button:
        qtbot.keyClick(measured.focusWidget(), Qt.Key.Key_Tab)
    assert page.viewport().rect().contains(button.mapTo(page.viewport(), button.rect().center()))
    time = measured.inspector.cursor.time
    qtbot.keyClick(page, Qt.Key.Key_Left)  # what nothing in it has a use for
    assert measured.inspector.cursor.time == time - 1


def test_a_large_window_has_no_bars(measured, rest):
    measured.resize(1280, 720)
    for name in PANELS:
        measured.show_panel(name)
        rest(measured)
        bars = measured._pages[name].verticalScrollBar(), measured._pages[name].horizontalScrollBar()
        assert [bar.maximum() for bar in bars] == [0, 0], name


def test_the_smallest_window_scrolls_up_and_down_only(measured, rest):
    measured.resize(measured.minimumSize())
    for name in PANELS:
        measured.show_panel(name)
        rest(measured)
        assert measured._pages[name].horizontalScrollBar().maximum() == 0, name
        draw(measured, measured.panels[name])
        assert wrong(measured.panels[name]) == [], name


def test_images_without_labels_fit_the_smallest_window(opened, rest, tmp_path):
    """The chart of early exit has one axis more to its right than to its left, and all its height."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "images.npy", rng.integers(0, 256, (10, 3, 8, 8), dtype=np.uint8))
    drop(opened, tmp_path / "images.npy")
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.data)
    opened.show_panel("accuracy")
    opened.resize(opened.minimumSize())
    rest(opened)
    draw(opened, opened.panels["accuracy"])
    assert wrong(opened.panels["accuracy"]) == []


@pytest.mark.parametrize("width", [1280, 960, 800])
def test_header_and_footer_show_whole_texts(measured, rest, width):
    """A note, a message or the progress of a task is shown in a shorter form, or on a line of its own."""
    jobs, cut = measured.inspector.jobs, {}
    measured.inspector.status.emit("photographs of insects.npz is open; 12 images")
    measured.resize(width, 600)
    rest(measured)
    name = {measured.inspector.document.name} if width == 800 else set()  # elided, with a tooltip
    cut["message"] = {*cut_texts(measured.header), *cut_texts(measured.transport)} - name
    for key in TITLES:
        jobs.progressed.emit(key, 90, 500)
        rest(measured)
        title, shown_text = TITLES[key], measured.transport.message.text()
        assert measured.transport.layout().minimumSize().width() <= measured.transport.width(), key
        assert not list(cut_fields(measured.transport)), key
        if shown_text not in (f"{title} 90 of 500", f"{title}…", f"{title.split()[0]}…"):
            cut[key] = shown_text
        jobs.finished.emit(key)
    assert not any(cut.values()), cut


def test_a_long_name_leaves_the_lists_of_a_comparison_whole(measured, rest):
    measured.show_panel("compare")
    rest(measured)
    sides = measured.panels["compare"].sides
    sides.first_name.show_text("a long name of a model " * 9)
    rest(measured)
    assert list(cut_fields(sides)) == []


def test_no_button_looks_chosen_before_a_key_is_pressed(opened):
    assert opened.focusWidget().objectName() == "root"


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


@pytest.mark.parametrize("size", [(800, 500), (960, 540), (1280, 800)])
def test_the_list_of_keys_fits_a_small_window(opened, size, qtbot):
    opened.resize(*size)
    dialog = help_dialog(opened)
    dialog.open()
    dialog.grab()
    assert dialog.size() == dialog.size().boundedTo(opened.size())
    assert wrong(dialog) == []
    area = dialog.findChild(QScrollArea)
    bar = area.verticalScrollBar()
    assert bool(bar.maximum()) == (size[1] < 540)
    for _ in range(4):
        qtbot.keyClick(area, Qt.Key.Key_PageDown)
    assert bar.value() == bar.maximum()
    dialog.close()


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


def test_charts_keep_a_readable_height_in_a_low_window(measured, rest):
    """A window of 960 × 510 is what a screen of 1920 × 1080 has at 200%: panels scroll."""
    measured.resize(960, 510)
    low = {}
    for name in PANELS:
        measured.show_panel(name)
        rest(measured)
        plots = [plot for plot in measured.panels[name].findChildren(Plot) if plot.isVisible()]
        heights = {(name, plot.accessibleName()): plot.box.height() for plot in plots}  # without axes
        low |= {plot: height for plot, height in heights.items() if height < 55}
    assert low == {}
