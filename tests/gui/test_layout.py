"""No text is cut and no controls overlap, in every panel, on a small and on a large screen."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtWidgets import QAbstractButton, QScrollArea

from gui_support.bundles import bundle_of
from gui_support.cutting import cut_fields, cut_texts, shown, wrong
from gui_support.driving import draw, drop, opened_window, prepare_all
from networks import Builder
from spikelet.bundle import write
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.session.tasks import TITLES
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.shell.app import discard, make_window
from spikelet_gui.views.shell.opening import open_paths
from spikelet_gui.views.shell.shortcuts import help_dialog
from spikelet_gui.views.widgets.cards import Card
from spikelet_gui.views.widgets.controls import Tabs

SIZES = ((960, 600), (1100, 700), (1280, 800), (1280, 720), (2560, 1440))
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
        open_paths(window.inspector, [folder / "photographs of insects.npz"])
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
    filled.content.setFocus()
    for page in filled.content.pages.values():
        page.verticalScrollBar().setValue(0)
    rest(filled)
    assert (filled.width(), filled.height(), filled.content.panel) == (1280, 800, "overview")
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
            draw(measured, measured.content.panels[name], whole=size == SIZES[0])
            if cut := wrong(measured.content.panels[name]):
                failures[name, size] = cut
    assert failures == {}


def test_a_first_window_is_no_larger_than_the_screen(qapp):
    window = make_window(Settings())
    limit = window.screen().availableSize().expandedTo(window.minimumSize())
    assert window.size() == window.size().boundedTo(limit)
    discard(window)


def test_a_screen_that_is_smaller_than_the_content_has_it_all(opened, rest, qtbot, monkeypatch):
    """A screen of 1366 × 768 has 683 × 384 at 200%: the window fits it, and all of its parts can be scrolled to."""
    monkeypatch.setattr(opened.screen(), "availableSize", lambda: QSize(683, 360), raising=False)
    opened.windowHandle().screenChanged.emit(opened.screen())
    opened.resize(300, 200)
    rest(opened)
    try:
        assert (opened.width(), opened.height()) == (675, 320)
        assert (opened.content.width(), opened.content.height()) == (800, 500)
        for control in (opened.content.header.findChildren(QAbstractButton)[-1], opened.content.transport.engine):
            control.setFocus()
            qtbot.keyClick(control, Qt.Key.Key_Tab)
            qtbot.keyClick(opened.focusWidget(), Qt.Key.Key_Backtab)
            area = control.rect().translated(control.mapTo(opened, QPoint()))
            assert control.hasFocus()
            assert opened.rect().contains(area)
    finally:
        monkeypatch.undo()
        opened.windowHandle().screenChanged.emit(opened.screen())
        opened.resize(1280, 800)


def test_the_tab_of_the_layer_is_in_sight(measured, rest, qtbot):
    measured.show_panel("layers")
    tabs = measured.content.panels["layers"].tabs
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
    panel, page = measured.content.panels["energy"], measured.content.pages["energy"]
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
        bars = measured.content.pages[name].verticalScrollBar(), measured.content.pages[name].horizontalScrollBar()
        assert [bar.maximum() for bar in bars] == [0, 0], name


def test_the_smallest_window_scrolls_up_and_down_only(measured, rest):
    measured.resize(measured.minimumSize())
    for name in PANELS:
        measured.show_panel(name)
        rest(measured)
        assert measured.content.pages[name].horizontalScrollBar().maximum() == 0, name
        draw(measured, measured.content.panels[name])
        assert wrong(measured.content.panels[name]) == [], name


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
    draw(opened, opened.content.panels["accuracy"])
    assert wrong(opened.content.panels["accuracy"]) == []


@pytest.mark.parametrize("width", [1280, 960, 800])
def test_header_and_footer_show_whole_texts(measured, rest, width):
    """A note, a message or the progress of a task is shown in a shorter form, or on a line of its own."""
    jobs, cut = measured.inspector.jobs, {}
    measured.inspector.status.emit("photographs of insects.npz is open; 12 images")
    measured.resize(width, 600)
    rest(measured)
    name = {measured.inspector.document.name} if width == 800 else set()  # elided, with a tooltip
    cut["message"] = {*cut_texts(measured.content.header), *cut_texts(measured.content.transport)} - name
    for key in TITLES:
        jobs.progressed.emit(key, 90, 500)
        rest(measured)
        title, shown_text = TITLES[key], measured.content.transport.message.text()
        assert measured.content.transport.layout().minimumSize().width() <= measured.content.transport.width(), key
        assert not list(cut_fields(measured.content.transport)), key
        if shown_text not in (f"{title} 90 of 500", f"{title}…", f"{title.split()[0]}…"):
            cut[key] = shown_text
        jobs.finished.emit(key)
    assert not any(cut.values()), cut


def test_a_long_name_leaves_the_lists_of_a_comparison_whole(measured, rest):
    measured.show_panel("compare")
    rest(measured)
    sides = measured.content.panels["compare"].sides
    sides.first_name.show_text("a long name of a model " * 9)
    rest(measured)
    assert list(cut_fields(sides)) == []


def test_the_summary_of_faults_takes_the_width_of_a_narrow_panel(measured, rest):
    """Beside the settings, it would be a narrow column."""
    measured.resize(960, 540)
    measured.show_panel("robustness")
    rest(measured)
    panel = measured.content.panels["robustness"]
    assert panel.message.width() > 0.9 * panel.width()
    assert panel.runner.y() > panel.message.y()


def test_no_button_looks_chosen_before_a_key_is_pressed(opened):
    assert opened.focusWidget().objectName() == "root"


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


def test_charts_keep_a_readable_height_in_a_low_window(measured, rest):
    """A window of 960 × 510 is what a screen of 1920 × 1080 has at 200%: panels scroll."""
    measured.resize(960, 510)
    low = {}
    for name in PANELS:
        measured.show_panel(name)
        rest(measured)
        plots = [plot for plot in measured.content.panels[name].findChildren(Plot) if plot.isVisible()]
        heights = {(name, plot.accessibleName()): plot.box.height() for plot in plots}  # without axes
        low |= {plot: height for plot, height in heights.items() if height < 55}
    assert low == {}
