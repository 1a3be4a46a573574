"""Values that are read with the keyboard, in charts and bars."""

import pyqtgraph as pg
import pytest
from PySide6.QtCore import QCoreApplication, QPointF, Qt

from gui_support.driving import drawn, drop, hover, opened_window, until
from spikelet_gui.views.panels.accuracy.exits import ExitCard
from spikelet_gui.views.panels.layers.cards import RatesCard
from spikelet_gui.views.plots.evidence import EvidenceCard, MarginCard
from spikelet_gui.views.plots.picture import Picture
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.prediction import PredictionBars
from spikelet_gui.views.plots.range_bars import RangeBars
from spikelet_gui.views.widgets.readout import Readout


@pytest.fixture(scope="module")
def filled(qapp, rest, path, data):
    with opened_window(path) as window:
        drop(window, data)
        rest(window)
        window.inspector.run_sweep(window.inspector.data)
        rest(window)
        yield window


@pytest.fixture
def part(filled, rest):
    """Show a panel, and return one of its parts."""

    def shown(panel, kind):
        filled.show_panel(panel)
        rest(filled)
        filled.activateWindow()
        until(filled.isActiveWindow)
        return filled.panels[panel].findChild(kind)

    yield shown
    filled.root.setFocus()


def read(widget):
    """Give the focus to a widget, and return the text of the values that are shown."""
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    QCoreApplication.processEvents()
    box = Readout.of(widget)
    return box.reading.text if box.isVisible() else ""


def press(qtbot, widget, *keys):
    for key in keys:
        qtbot.keyClick(widget, key)
    return read(widget)


def test_a_chart_over_time_is_read_at_the_time_cursor(filled, part, rest, qtbot):
    plot, cursor = part("overview", EvidenceCard).plot, filled.inspector.cursor
    cursor.go(2)
    text = read(plot)
    assert text.startswith("time-step 2\n")
    assert text == hover(plot.viewport(), plot.points()[0])
    filled.inspector.show_index(1)
    rest(filled)
    with drawn(filled):
        plot.grab()
    other = read(plot)
    assert other.startswith("time-step 2\n")
    assert other != text, "the values of the other image"
    assert press(qtbot, plot, Qt.Key.Key_Right).startswith("time-step 3\n")
    assert cursor.time == 3
    assert plot.accessibleDescription().startswith("time-step 3, ")
    filled.root.setFocus()
    assert not Readout.of(plot).isVisible()
    filled.inspector.show_index(0)
    rest(filled)


def test_both_lines_of_the_margin_are_moved_and_read(filled, part, qtbot):
    plot, measured = part("overview", MarginCard).plot, filled.inspector.measured
    filled.inspector.cursor.go(3)
    assert read(plot).startswith("time-step 3\n")
    before = measured.threshold
    press(qtbot, plot, Qt.Key.Key_Up)
    assert measured.threshold > before
    assert press(qtbot, plot, Qt.Key.Key_Left).startswith("time-step 2\n")


def test_the_values_at_the_threshold_are_read(filled, part, qtbot):
    plot, measured = part("accuracy", ExitCard).plot, filled.inspector.measured
    low, high = plot.box.viewRange()[0]
    measured.set_threshold((low + high) / 2)
    text = read(plot)
    assert "accuracy " in text
    assert "mean time-step " in text
    before = measured.threshold
    press(qtbot, plot, Qt.Key.Key_Right)
    assert measured.threshold > before


def test_every_bar_of_a_histogram_is_read(part, qtbot):
    plot = part("layers", RatesCard).plot
    (bars,) = [item for item in plot.plotItem.items if isinstance(item, pg.BarGraphItem)]
    seen = [read(plot)]
    seen += [press(qtbot, plot, Qt.Key.Key_Right) for _ in bars.opts["x"][1:]]
    expected = [f"neurons {height:,}" for height in bars.opts["height"]]
    assert [text.split("\n")[1] for text in seen] == expected
    assert press(qtbot, plot, Qt.Key.Key_Right) == seen[-1], "the last bar"
    assert press(qtbot, plot, Qt.Key.Key_Left) == seen[-2]


def test_dots_and_curves_are_read_also_on_logarithmic_axes(qtbot):
    plot = Plot("chart", "cost", "energy", decades=("left",))
    qtbot.addWidget(plot)
    plot.resize(400, 300)
    plot.show()
    plot.activateWindow()
    until(plot.isActiveWindow)
    plot.addItem(pg.ScatterPlotItem([3, 1, 2], [0, 1, 2]))  # positions on the left axis: decades
    plot.setXRange(0.5, 3.5)
    plot.setYRange(-0.5, 2.5)
    plot.grab()
    assert [text.split("\n")[0] for text in walk(qtbot, plot, 3)] == ["cost 1", "cost 2", "cost 3"]
    plot.line([1, 2, 3], [1, 10, 100], name="front")
    plot.grab()
    press(qtbot, plot, Qt.Key.Key_Left, Qt.Key.Key_Left)
    assert [text.split("\n")[1] for text in walk(qtbot, plot, 3)] == ["front 1", "front 10", "front 100"]
    plot.setXRange(1.5, 3.5)
    assert len(plot.points()) == 2, "only those inside the chart"


def walk(qtbot, plot, count):
    return [read(plot), *(press(qtbot, plot, Qt.Key.Key_Right) for _ in range(count - 1))]


@pytest.mark.parametrize(("panel", "kind"), [("overview", PredictionBars), ("energy", RangeBars)])
def test_bars_are_read_row_by_row(part, qtbot, panel, kind):
    bars = part(panel, kind)
    first = read(bars)
    assert first == hover(bars, QPointF(20, 5))
    second = press(qtbot, bars, Qt.Key.Key_Down)
    assert second != first
    assert bars.accessibleDescription().startswith(second.replace("\n", ", "))
    assert press(qtbot, bars, Qt.Key.Key_Up) == first


def test_every_chart_is_a_tab_stop(part, filled):
    part("residuals", Plot)
    charts = [plot for plot in filled.findChildren(Plot) if plot.points() and not isinstance(plot, Picture)]
    assert len(charts) > 5
    assert all(plot.focusPolicy() & Qt.FocusPolicy.TabFocus for plot in charts)
