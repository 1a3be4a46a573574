"""The browser of all images with its filters, the confusion matrix, and the accuracy by class."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage

from gui_support.driving import drop, hover, opened_window, option_button
from spikelet.metrics.accuracy import wilson
from spikelet_gui.models.analysis.browse import (
    KINDS,
    Filter,
    by_class,
    confusion,
    exit_steps,
    first_kind,
    kinds_of,
    selected,
)
from spikelet_gui.models.export import DataTable
from spikelet_gui.views.images.gallery import Gallery


@pytest.fixture(scope="module")
def filled(qapp, rest, path, data):
    with opened_window(path) as window:
        drop(window, data)
        rest(window)
        window.inspector.run_sweep(window.inspector.data)
        rest(window)
        yield window


@pytest.fixture
def panel(filled, rest):
    """The panel, reset to the same state before each test."""
    filled.inspector.results.set_filter(None)
    filled.inspector.measured.set_threshold(0.5)
    filled.inspector.cursor.go(4)
    filled.inspector.show_measured(0)
    filled.show_panel("accuracy")
    panel = filled.content.panels["accuracy"]
    option_button(panel.choice, 0).click()
    rest(filled)
    return panel


def choose(box, start):
    """Choose the entry of a list that begins with a text."""
    index = next(i for i in range(box.count()) if box.itemText(i).startswith(start))
    box.setCurrentIndex(index)
    box.activated.emit(index)


def numbers(panel):
    return list(panel.browser.gallery.pictures.numbers)


def test_filters_divide_the_images(filled):
    sweep, time, threshold = filled.inspector.measured.sweep, 3, 0.5
    chosen = {kind: set(selected(sweep, Filter(kind), time, threshold)) for kind in KINDS}
    everything = set(range(60))
    assert chosen["all"] == everything == chosen["right"] | chosen["wrong"]
    assert not chosen["right"] & chosen["wrong"]
    assert chosen["lost"] <= chosen["wrong"]
    assert chosen["won"] <= chosen["right"]
    assert chosen["early"] | chosen["late"] | chosen["never"] == everything
    assert len(chosen["early"]) + len(chosen["late"]) + len(chosen["never"]) == 60
    assert chosen["lost"] == chosen["wrong"] & set(np.flatnonzero(sweep.source == sweep.labels))
    steps = exit_steps(sweep, threshold)
    for number in range(60):
        reached = np.flatnonzero(sweep.counted.margins[:, number] >= threshold)
        assert steps[number] == (reached[0] + 1 if len(reached) else 0)
    assert set(kinds_of(sweep)) == set(KINDS)


def test_a_kind_with_images_is_shown_first(filled):
    sweep = filled.inspector.measured.sweep
    predictions = sweep.counted.predictions[-1]
    assert first_kind(sweep) == "lost"
    assert first_kind(replace(sweep, source=predictions)) == "wrong", "no image is lost"
    assert first_kind(replace(sweep, data=replace(sweep.data, labels=predictions))) == "all", "none is wrong"


def test_confusion_counts_every_image_once(filled):
    sweep = filled.inspector.measured.sweep
    counts = confusion(sweep, 4, 3)
    assert counts.sum() == 60
    predictions = sweep.counted.predictions[3]
    for truth in range(3):
        for predicted in range(3):
            cell = selected(sweep, Filter("all", truth, predicted), 4, 0.0)
            assert len(cell) == counts[truth, predicted]
            assert (sweep.labels[cell] == truth).all()
            assert (predictions[cell] == predicted).all()
    scores = by_class(counts)
    assert [score.right for score in scores] == np.diag(counts).tolist()
    assert (scores[0].low, scores[0].high) == wilson(scores[0].right, scores[0].images)
    empty = by_class(np.zeros((2, 2), np.int64))[0]
    assert (empty.share, empty.low, empty.high) == (None, 0.0, 1.0)


def test_the_browser_follows_its_lists_the_cursor_and_the_threshold(filled, panel, rest):
    sweep, browser = filled.inspector.measured.sweep, panel.browser
    assert numbers(panel) == selected(sweep, Filter("lost"), 4, 0.5).tolist(), "shown first"
    choose(browser.kind, "wrong")
    for time in (1, 4):
        filled.inspector.cursor.go(time)
        assert numbers(panel) == selected(sweep, Filter("wrong"), time, 0.5).tolist()
    choose(browser.kind, "late exit")
    for threshold in (0.2, 1.0):
        filled.inspector.measured.set_threshold(threshold)
        assert numbers(panel) == selected(sweep, Filter("late"), 4, threshold).tolist()
    choose(browser.kind, "all images (60)")
    choose(browser.truth, "true: bee")
    assert numbers(panel) == np.flatnonzero(sweep.labels == 1).tolist()
    choose(browser.predicted, "predicted: cat")
    assert set(numbers(panel)) == set(selected(sweep, Filter("all", 1, 2), 4, 1.0))
    table = browser.card.data()
    assert isinstance(table, DataTable)
    listed = numbers(panel)
    assert [row[0] for row in table.rows] == [number + 1 for number in listed], "as in the window"
    exits = exit_steps(sweep, 1.0)[listed]
    assert [row[3] for row in table.rows] == [int(step) if step else "" for step in exits]
    filled.set_theme("light")
    rest(filled)
    assert numbers(filled.content.panels["accuracy"]) == listed, "another theme keeps the filter"
    filled.set_theme("dark")


def test_an_image_opens_in_the_other_panels(filled, panel, rest, qtbot):
    choose(panel.browser.kind, "all images")
    gallery = panel.browser.gallery
    at = gallery.visualRect(gallery.pictures.index(2)).center()
    qtbot.mouseClick(gallery.viewport(), Qt.MouseButton.LeftButton, pos=at)
    rest(filled)
    inspector = filled.inspector
    assert (inspector.index, filled.content.panel) == (2, "accuracy")
    assert (inspector.trace.frame(1) == inspector.measured.sweep.data.images[2]).all()
    assert len(inspector.source) == 60, "the data set stays open"
    gallery.setFocus()
    qtbot.keyClick(gallery, Qt.Key.Key_Right)
    rest(filled)
    assert inspector.index == 3
    qtbot.keyClick(gallery, Qt.Key.Key_Return)
    rest(filled)
    assert (inspector.index, filled.content.panel) == (3, "overview")
    assert filled.content.panels["overview"].input.number.value() == 4
    filled.show_panel("accuracy")
    inspector.show_index(5)
    assert gallery.currentIndex().data(Qt.ItemDataRole.UserRole) == 5, "the browser follows the other panels"


def test_the_first_row_of_the_gallery_is_complete_and_the_current_image_visible(qtbot):
    gallery = Gallery("images")
    qtbot.addWidget(gallery)
    gallery.resize(300, 270)
    gallery.show()
    gallery.show_pictures(range(300), lambda number: QImage(8, 8, QImage.Format.Format_RGB32), str, ["a wide caption"])
    for height in (270, 250, 300, 180):
        gallery.resize(300, height)
        gallery.mark(150)
        for other in (height, height + 37, height - 30):
            gallery.resize(300, other)
            first = gallery.visualRect(gallery.indexAt(QPoint(20, 20)))
            assert gallery.verticalScrollBar().value() > 0
            assert 0 <= first.top() < first.height()
            assert gallery.viewport().rect().contains(gallery.visualRect(gallery.currentIndex()).center())


def test_the_effect_of_early_exit_without_labels_has_no_accuracy(filled, panel, rest):
    """The curve and the range of the accuracy are those of these images, also after other ones with labels."""
    measured, plot = filled.inspector.measured, panel.exits.plot
    labelled, data = measured.sweep, measured.data
    try:
        exits = tuple(replace(point, accuracy=0.1) for point in labelled.exits)
        measured.complete(replace(labelled, exits=exits), data)
        rest(filled)
        assert 0 <= plot.box.viewRange()[1][0] < plot.box.viewRange()[1][1] <= 0.2
        assert plot.getAxis("left").isVisible()
        exits = tuple(replace(point, accuracy=None) for point in labelled.exits)
        measured.complete(replace(labelled, data=replace(data, labels=None), accuracy=None, exits=exits), data)
        rest(filled)
        assert panel.exits.accuracy.getData()[0] is None
        assert not plot.getAxis("left").isVisible()
    finally:
        measured.complete(labelled, data)


def test_a_cell_lists_its_images_with_mouse_and_keys(filled, panel, rest, qtbot):
    sweep = filled.inspector.measured.sweep
    option_button(panel.choice, 1).click()
    rest(filled)
    matrix = panel.classes.matrix
    counts = confusion(sweep, 4, 3)
    truth, predicted = (int(k) for k in np.unravel_index(counts.argmax(), counts.shape))
    area = matrix.rect_of((truth, predicted))
    names = filled.inspector.document.bundle.manifest.labels
    text = hover(matrix, area.center())
    assert text.startswith(f"true {names[truth]}\npredicted {names[predicted]}\nimages {counts[truth, predicted]}\n")
    qtbot.mouseClick(matrix, Qt.MouseButton.LeftButton, pos=area.center().toPoint())
    assert numbers(panel) == selected(sweep, Filter("all", truth, predicted), 4, 0.5).tolist()
    assert panel.browser.truth.currentText() == f"true: {names[truth]}"
    qtbot.mouseClick(matrix, Qt.MouseButton.LeftButton, pos=area.center().toPoint())
    assert filled.inspector.results.filter is None, "a second click shows what is shown first"
    matrix.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Return):
        qtbot.keyClick(matrix, key)
    assert filled.inspector.results.filter == Filter("all", 0, 1)
    beside = matrix.rect_of((2, None)).topRight().toPoint()
    beside.setX(beside.x() + 20)
    beside.setY(beside.y() + 6)
    assert hover(matrix, beside).startswith("true cat\naccuracy ")
    qtbot.mouseClick(matrix, Qt.MouseButton.LeftButton, pos=beside)
    assert filled.inspector.results.filter == Filter("all", 2, None)
    assert panel.classes.card.data().head[:3] == ["true_class", "images", "accuracy"]


def test_a_first_measurement_of_some_images_leaves_all_of_them_open(opened, rest, data, qtbot):
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.data, 20)
    rest(opened)
    opened.show_panel("accuracy")
    browser = opened.content.panels["accuracy"].browser
    rest(opened)
    choose(browser.kind, "all images (20)")
    area = browser.gallery.visualRect(browser.gallery.pictures.index(7))
    qtbot.mouseClick(browser.gallery.viewport(), Qt.MouseButton.LeftButton, pos=area.center())
    rest(opened)
    assert (len(opened.inspector.source), opened.inspector.index) == (60, 7)
    opened.content.panels["accuracy"].run()
    rest(opened)
    assert opened.inspector.measured.sweep.done == 60
