"""The values under the pointer, on charts, rasters, maps, images and bars."""

import numpy as np
import pyqtgraph as pg
import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QPointF
from PySide6.QtWidgets import QWidget

from gui_support.driving import at, drop, hover, opened_window
from spikelet_gui.models.activity.raster import binned, rows_of
from spikelet_gui.views.images.pixels import PixelView
from spikelet_gui.views.panels.accuracy.panel import CurveCard
from spikelet_gui.views.panels.layers.cards import PotentialCard, RasterCard, RatesCard
from spikelet_gui.views.panels.layers.feature_maps import MapCard
from spikelet_gui.views.plots.evidence import EvidenceCard
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.prediction import PredictionBars
from spikelet_gui.views.plots.range_bars import RangeBars
from spikelet_gui.views.widgets.readout import Hover, Reading, Readout, Value


@pytest.fixture(scope="module")
def filled(qapp, rest, path, data):
    with opened_window(path) as window:
        drop(window, data)
        rest(window)
        window.inspector.run_sweep(window.inspector.data)
        rest(window)
        yield window


@pytest.fixture
def shown(filled, rest):
    """Show a panel and return one of its parts."""
    assert filled.inspector.measured.sweep.measured is not None
    filled.inspector.selection.focus("if1")

    def part(panel, kind):
        filled.show_panel(panel)
        rest(filled)
        return filled.content.panels[panel].findChild(kind)

    return part


def test_a_chart_shows_every_curve_at_the_time_step(filled, shown):
    plot = shown("overview", EvidenceCard).plot
    text = hover(plot.viewport(), at(plot, 2.2, 0))
    evidence = filled.inspector.trace.evidence[1]
    names = filled.inspector.document.bundle.manifest.labels
    order = np.argsort(-evidence, kind="stable")
    lines = text.split("\n")
    assert lines[0] == "time-step 2"
    assert [line.split()[0] for line in lines[1:]] == [names[k] for k in order]
    assert float(lines[1].split()[1].replace("−", "-")) == pytest.approx(evidence[order[0]], abs=5e-4)
    plot = shown("accuracy", CurveCard).plot
    share = filled.inspector.measured.sweep.accuracy[2]["accuracy"]
    assert hover(plot.viewport(), at(plot, 3, share)) == f"time-steps 3\naccuracy {share:.1%}"
    assert hover(plot.viewport(), QPointF(1, 1)) == "", "beside the chart"


def test_a_histogram_shows_the_bar(shown):
    card = shown("layers", RatesCard)
    (bars,) = [item for item in card.plot.plotItem.items if isinstance(item, pg.BarGraphItem)]
    rate, neurons = bars.opts["x"][1], bars.opts["height"][1]
    text = hover(card.plot.viewport(), at(card.plot, rate, neurons / 2))
    assert text == f"spike rate {rate:.1%}\nneurons {neurons:,}"


def test_a_potential_is_read_in_thresholds(filled, shown):
    plot = shown("layers", PotentialCard).plot
    text = hover(plot.viewport(), at(plot, 1, 0.5))
    table = filled.inspector.selection.table()
    assert text.startswith("time-step 1\n")
    assert all(table.label(neuron) in text for neuron in filled.inspector.selection.picked)


def test_a_map_shows_the_neuron(filled, shown):
    card = shown("layers", MapCard)
    neuron = 200
    y, x = card.mosaic.position(neuron)
    text = hover(card.picture.viewport(), at(card.picture, x + 0.5, y + 0.5))
    table, trace = filled.inspector.selection.table(), filled.inspector.trace
    assert text.startswith(f"neuron {table.label(neuron)}\nspikes {trace.counts('if1', 4)[neuron]} in 4 time-steps\n")
    assert f"source activation {trace.activations['if1'][neuron]:.1%}" in text
    gap = card.mosaic.height
    assert hover(card.picture.viewport(), at(card.picture, 0.5, gap + 0.5)) == "", "between the tiles"


def test_a_raster_shows_the_neurons_of_a_row_of_pixels(filled, shown):
    raster = shown("layers", RasterCard).raster
    area, spikes = raster.area, filled.inspector.trace.spikes["if1"]
    table = filled.inspector.selection.table()
    first, last = rows_of(0.5, spikes.shape[1], int(area.height()))
    text = hover(raster, QPointF(area.left() + area.width() * 0.6, area.center().y()))
    if last > first:
        fired = np.count_nonzero(spikes[2, first : last + 1])
        expected = (
            f"{last - first + 1} neurons, {table.label(first)} to {table.label(last)}\ntime-step 3\nspikes {fired}"
        )
        assert text == f"{expected}\nfired {fired}"
    else:
        kind = "spike" if spikes[2, first] else "no spike"
        assert text == f"neuron {table.label(first)}\ntime-step 3\n{kind}"
    assert hover(raster, QPointF(2, 2)) == ""


def test_the_input_and_the_bars_are_read(filled, shown):
    view = shown("overview", PixelView)
    area = view.area
    text = hover(view, area.topLeft() + QPointF(area.width() * 2.5 / 8, area.height() * 1.5 / 8))
    red, green, blue = filled.inspector.source.image(filled.inspector.index)[:, 1, 2]
    assert text == f"row 1, column 2\nred {red:g}\ngreen {green:g}\nblue {blue:g}"
    bars = shown("overview", PredictionBars)
    share = filled.inspector.trace.probabilities[-1].max()
    assert f"softmax {share:.2%}" in hover(bars, QPointF(20, 5))
    energies = shown("energy", RangeBars)
    assert hover(energies, QPointF(200, 5)).startswith("spiking\nsynaptic operations ")


def test_the_values_disappear_when_the_pointer_leaves(shown):
    view = shown("overview", PixelView)
    assert hover(view, view.area.center())
    QCoreApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert not Readout.of(view).isVisible()


def test_the_box_stays_in_the_window(filled, shown):
    view = shown("overview", EvidenceCard).plot
    hover(view.viewport(), at(view, filled.inspector.trace.steps, 0))
    box = Readout.of(view)
    assert box.isVisible()
    assert box.parentWidget().rect().contains(box.geometry())


@pytest.mark.parametrize(("neurons", "height"), [(5, 100), (100, 100), (1000, 90), (7, 3), (1, 1)])
def test_every_pixel_is_read_as_it_is_drawn(neurons, height):
    """If one neuron fires, its values are read in exactly the row that is drawn."""
    for neuron in range(0, neurons, max(1, neurons // 7)):
        spikes = np.zeros((1, neurons), np.uint8)
        spikes[0, neuron] = 1
        (row,) = np.flatnonzero(binned(spikes, height)[:, 0])
        first, last = rows_of((row + 0.5) / min(neurons, height), neurons, height)
        assert first <= neuron <= last


def test_names_in_the_box_are_never_markup():
    reading = Reading("<b>x</b>", [Value("<i>a</i>", "1 < 2", "#123456"), *[Value("n", "1")] * 20])
    assert "&lt;b&gt;x" in reading.html
    assert "<i>" not in reading.html
    assert "and 9 more" in reading.html


def test_a_deleted_chart_reads_no_values(qtbot):
    """Qt hides a widget that it deletes, after the Python object of its event filter may have been deleted."""
    plot = Plot("chart")
    plot.show()
    plot.findChild(Hover).__dict__.clear()
    plot.hide()
    assert plot.findChild(Readout) is None
    plot.deleteLater()


def test_a_widget_is_hidden_while_its_parent_is_deleted(qtbot):
    """Qt can send the event between the deletions of two children; a search in the parent then ends the program."""
    window = QWidget()
    qtbot.addWidget(window)
    page = QWidget(window)
    first, second = QWidget(page), PixelView("image")
    second.setParent(page)
    hidden = []

    def hide():
        QCoreApplication.sendEvent(second, QEvent(QEvent.Type.Hide))
        hidden.append(second)

    first.destroyed.connect(hide)
    shiboken6.delete(page)
    assert hidden
