"""The weights of a layer as kernels, with the values under the pointer, and their histogram."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF

from gui_support.bundles import bundle_of, residual_graph
from gui_support.driving import hover, opened_window, option_button
from spikelet.bundle import write
from spikelet.errors import UsageError
from spikelet_gui.models.network import weights as weights_module
from spikelet_gui.models.network.blocks import blocks
from spikelet_gui.models.network.weights import BINS, Position, Weights, weights_of
from spikelet_gui.views.panels.layers.neuron_table import NeuronCard
from spikelet_gui.views.shell.exporting import tables_of


def some(shape=(4, 3, 3, 3), dtype=np.int8):
    values = np.random.default_rng(0).integers(-9, 9, shape).astype(dtype)
    return Weights("conv", "Conv2d", values, None)


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (5, 7, 1, 1), (2, 1, 3, 5), (6, 1, 1, 1)])
def test_every_weight_has_its_pixel(shape):
    weights = some(shape)
    picture = weights.picture()
    assert picture.shape == weights.size
    seen = set()
    for (row, column), value in np.ndenumerate(picture):
        position = weights.position(row, column)
        assert (position is None) == bool(np.isnan(value))
        if position is not None:
            assert weights.at(position) == value
            seen.add((position.output, position.input, *position.pixel))
    assert len(seen) == weights.values.size
    assert weights.position(-1, 0) is None
    assert weights.position(*weights.size) is None


def test_a_histogram_counts_every_weight_once():
    centres, counts, width = some().histogram()
    assert counts.sum() == 4 * 3 * 9
    assert counts[centres == 0] == (some().values == 0).sum()
    assert width == 1
    real = some(dtype=np.float32)
    centres, counts, _ = real.histogram()
    assert (len(centres), counts.sum()) == (BINS, real.values.size)
    equal = Weights("scale", "Scale", np.full((3, 1, 1, 1), 0.5, np.float32), None)
    assert equal.histogram()[1].sum() == 3


def test_every_weight_is_in_the_table_or_it_is_refused(monkeypatch):
    values = some((40, 30, 3, 2)).values
    rows = np.array(Weights("conv", "Conv2d", values, None).rows())
    assert np.array_equal(values[tuple(rows[:, :4].T)], rows[:, 4])
    assert len(np.unique(rows[:, :4], axis=0)) == values.size
    monkeypatch.setattr(weights_module, "MAX_ROWS", values.size - 1)
    with pytest.raises(UsageError, match=r"^conv: 7,200 weights are too many for a table, at most 7,199; read them"):
        Weights("conv", "Conv2d", values, None).rows()


def test_a_block_has_the_weights_of_its_branch_too():
    graph = residual_graph()
    block = next(block for block in blocks(graph) if block.name == "stages.1.0.if2")
    weights = {layer.node: layer for layer in weights_of(graph, block)}
    assert set(weights) == {"stages.1.0.shortcut", "stages.1.0.conv2"}
    assert weights["stages.1.0.shortcut"].theta is None, "the sum lies between it and the neurons"
    first = next(block for block in blocks(graph) if block.name == "if1")
    assert np.array_equal(weights_of(graph, first)[0].theta, graph.neuron("if1").theta)


@pytest.fixture(scope="module")
def residual(qapp, rest, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "residual.snnb"
    write(bundle_of(residual_graph(units=1), "residual"), path)
    with opened_window(path) as window:
        window.show_panel("layers")
        option_button(window.content.panels["layers"].choice, 1).click()
        rest(window)
        yield window


def test_kernels_are_read_under_the_pointer(residual, rest):
    residual.inspector.selection.focus("if1")
    rest(residual)
    page = residual.content.panels["layers"].weights
    weights, picture = page.kernels.weights, page.kernels.picture
    row, column = 1 * 4 + 2, 2 * 4 + 1
    value = int(weights.values[1, 2, 2, 1])
    at = QPointF(picture.mapFromScene(picture.plotItem.vb.mapViewToScene(QPointF(column + 0.5, row + 0.5))))
    title, weight, share = hover(picture.viewport(), at).replace("−", "-").split("\n")
    assert title == "output 1, input 2, row 2, column 1"
    assert weight == f"weight {value}"
    theta = residual.inspector.document.bundle.graph.neuron("if1").theta[1]
    assert float(share.split()[-2]) == pytest.approx(value / theta, rel=1e-3)
    assert weights.position(row, column) == Position(1, 2, (2, 1))
    text = [table.name for table in tables_of(residual.content.panels["layers"])]
    assert text == ["weights-conv1", "weight-histogram-conv1"]


def test_a_node_of_a_branch_can_be_chosen(residual, rest):
    residual.inspector.selection.focus("stages.1.0.if2")
    rest(residual)
    page = residual.content.panels["layers"].weights
    assert page.node.isVisible()
    assert page.kernels.weights.node == "stages.1.0.conv2", "the largest one first"
    index = page.node.findText("stages.1.0.shortcut (Conv2d)")
    page.node.setCurrentIndex(index)
    page.node.activated.emit(index)
    assert page.kernels.weights.node == page.histogram.weights.node == "stages.1.0.shortcut"
    residual.inspector.selection.focus("if1")
    rest(residual)
    assert not page.node.isVisible()


def test_a_list_of_neurons_leads_back_to_the_activity(residual, rest):
    residual.inspector.selection.reveal("if1", "silent")
    rest(residual)
    assert residual.content.panels["layers"].findChild(NeuronCard).isVisible()
