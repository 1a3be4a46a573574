"""Values that are read with the keyboard, in charts, bars, rasters and images."""

import pyqtgraph as pg
import pytest
from PySide6.QtCore import QCoreApplication, QPointF, Qt

from gui_support.driving import drawn, drop, hover, opened_window, until
from spikelet_gui.views.images.pixels import PixelView
from spikelet_gui.views.panels.accuracy.exits import ExitCard
from spikelet_gui.views.panels.layers.cards import RasterCard, RatesCard
from spikelet_gui.views.panels.layers.feature_maps import MapCard
from spikelet_gui.views.panels.layers.weights import KernelCard
from spikelet_gui.views.panels.residuals.layer_bars import LayerBars
from spikelet_gui.views.plots.evidence import EvidenceCard, MarginCard
from spikelet_gui.views.plots.picture import Picture
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.prediction import PredictionBars
from spikelet_gui.views.plots.range_bars import RangeBars
from spikelet_gui.views.plots.raster import Raster
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
        return filled.content.panels[panel].findChild(kind)

    yield shown
    filled.content.setFocus()


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
    filled.content.setFocus()
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
    charts = [plot for plot in filled.findChildren(Plot) if plot.points()]
    pictures = [*filled.findChildren(Picture), *filled.findChildren(Raster), *filled.findChildren(PixelView)]
    assert len(charts) > 5
    assert len(pictures) > 2
    assert all(widget.focusPolicy() & Qt.FocusPolicy.TabFocus for widget in (*charts, *pictures))


def test_neurons_of_a_raster_are_read_at_the_time_cursor(filled, part, qtbot):
    raster, inspector = part("layers", RasterCard).raster, filled.inspector
    inspector.cursor.go(1)
    first = read(raster)
    assert first.startswith("neuron 0,0,0\ntime-step 1")
    assert first == hover(raster, raster.points()[0])
    assert press(qtbot, raster, Qt.Key.Key_Down) != first
    assert "time-step 2" in press(qtbot, raster, Qt.Key.Key_Right)
    assert inspector.cursor.time == 2
    assert press(qtbot, raster, Qt.Key.Key_Up).startswith("neuron 0,0,0\n")
    assert raster.accessibleDescription().startswith("neuron 0,0,0, time-step 2, ")
    inspector.selection.pick(())
    press(qtbot, raster, Qt.Key.Key_Return)
    assert tuple(inspector.selection.picked) == (0,)


def test_pixels_of_an_image_are_read_in_both_directions(part, qtbot):
    view = part("overview", PixelView)
    assert read(view).startswith("row 0, column 0\n")
    assert press(qtbot, view, Qt.Key.Key_Right, Qt.Key.Key_Down).startswith("row 1, column 1\n")
    assert view.accessibleDescription().startswith("row 1, column 1, ")
    text = press(qtbot, view, Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Left)
    assert text.startswith("row 0, column 0\n"), "the edge of the image"
    assert text == hover(view, view.area.topLeft() + QPointF(1, 1))


def test_neurons_of_feature_maps_are_read_across_the_gaps_and_picked(filled, part, qtbot):
    card, selection = part("layers", MapCard), filled.inspector.selection
    picture, width = card.picture, card.mosaic.width
    with drawn(filled):
        picture.grab()
    assert read(picture).startswith("neuron 0,0,0\n")
    text = press(qtbot, picture, *[Qt.Key.Key_Right] * width)
    assert text.startswith("neuron 1,0,0\n"), "the first pixel after the gap between two maps"
    assert picture.accessibleDescription() == text.replace("\n", ", ")
    assert picture.ring.getData()[0].tolist() == [width + 1.5]
    selection.pick(())
    press(qtbot, picture, Qt.Key.Key_Return)
    assert tuple(selection.picked) == (card.mosaic.neuron(0, width + 1),)
    filled.content.setFocus()
    assert not len(picture.ring.getData()[0])


def test_weights_are_read(filled, part, qtbot):
    panel, picture = filled.content.panels["layers"], part("layers", KernelCard).picture
    panel.choice.pick(1)
    first = read(picture)
    assert first.startswith("output 0, input 0")
    assert press(qtbot, picture, Qt.Key.Key_Right) != first
    panel.choice.pick(0)


def test_layers_of_the_residuals_are_read_and_selected(filled, part, rest, qtbot):
    bars, selection = part("residuals", LayerBars), filled.inspector.selection
    filled.content.panels["residuals"].run()
    rest(filled)
    selection.focus("if1")
    first = read(bars)
    assert first == hover(bars, bars.points()[0])
    assert first.startswith("if1\n")
    assert press(qtbot, bars, Qt.Key.Key_Down, Qt.Key.Key_Return).startswith("if2\n")
    assert selection.layer == "if2"
