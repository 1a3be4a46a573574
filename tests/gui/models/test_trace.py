"""Recorded runs of the inspector, and images of their values."""

from itertools import pairwise

import numpy as np
import pytest

from gui_support.bundles import bundle_of, copied_graph, quiet
from spikelet.bundle import Bundle, Manifest
from spikelet.engines import create
from spikelet.graph import Graph
from spikelet.nodes import LIF, Input, Linear, Output
from spikelet.verify import record_golden
from spikelet_gui.models.activity.compare import Side, compare
from spikelet_gui.models.activity.maps import EMPTY, mosaic
from spikelet_gui.models.activity.raster import FAINT, binned, difference, kinds
from spikelet_gui.models.activity.source import obstacle
from spikelet_gui.models.activity.trace import record
from spikelet_gui.models.session.sources.pad import Pad


def test_a_trace_contains_the_spikes_of_the_engine(bundle, images, trace):
    engine = create(bundle.graph, "numpy", bundle.graph.spiking)
    engine.reset(1)
    total = np.zeros(3)
    for t in range(6):
        total += engine.step(images.images[:1].astype(np.float32) if t == 0 else None)[0]
        assert np.array_equal(trace.logits[t], total * bundle.graph.output.scale)
        for name in bundle.graph.spiking:
            assert np.array_equal(trace.spikes[name][t], engine.spikes(name)[0].reshape(-1))
            assert np.array_equal(trace.potentials[name][t], engine.potentials(name)[0].reshape(-1))
    assert np.array_equal(trace.counts("if1", 6), trace.spikes["if1"].sum(0))


def test_a_potential_reaches_its_threshold_where_it_fires(trace):
    fired = trace.spikes["if1"]
    for neuron in np.flatnonzero(fired.any(0))[:20]:
        x, y = trace.path("if1", int(neuron))
        before, after = y[1::2], y[2::2]
        assert np.array_equal(before >= 1, fired[:, neuron] == 1)
        assert np.allclose(before - after, fired[:, neuron])
        assert x[0] == 0
        assert x[-1] == trace.steps


def leaky(reset, theta=2.0):
    """Return a bundle of one neuron, v <- v / 2 + i, and its frame, which gives i = 1.5."""
    one, zero = np.ones((1, 1), np.float32), np.zeros(1, np.float32)
    neuron = LIF(np.full(1, theta, np.float32), zero, reset, decay=np.full(1, 0.5, np.float32))
    nodes = {"x": Input((1,), zero), "fc": Linear(one / 2, zero), "if": neuron, "out": Linear(one, zero), "y": Output()}
    graph = Graph(nodes, tuple(pairwise(nodes)))
    frame = np.full((1, 1), 3, np.float32)
    return Bundle(graph, Manifest("leaky"), record_golden(graph, frame, 2), ""), frame


@pytest.mark.parametrize("reset", ["subtract", "zero", "subtract-late"])
def test_the_potential_before_the_reset_is_that_of_the_dynamics(reset):
    bundle, frame = leaky(reset)
    trace = record(bundle, "numpy", frame, 6, quiet())
    fired, after = trace.spikes["if"][:, 0], trace.potentials["if"][:, 0]
    expected = (np.concatenate([[0], after[:-1]]) / 2 + 1.5) / 2
    before = trace.before_reset("if", 0)
    known = np.ones(6, bool) if reset != "zero" else fired == 0
    assert 0 < fired.sum() < 6
    assert np.allclose(before[known], expected[known])
    assert np.isnan(before[~known]).all()
    assert np.allclose(trace.path("if", 0)[1][1::2], np.where(known, expected, 1))


@pytest.mark.parametrize(("reset", "potentials"), [("subtract", (1.125, 0.75)), ("zero", (None, 0.75))])
def test_a_difference_of_neurons_that_reset_to_zero_is_no_tie(reset, potentials):
    """The potential of a spike is not recorded then; the threshold stood in for it, and made every difference a tie."""
    (first, frame), (second, _) = leaky(reset), leaky(reset, 3.0)
    difference = compare((Side(first, "numpy"), Side(second, "numpy")), frame, 6, quiet()).first
    assert difference.divergence.time == 2
    assert difference.potentials == pytest.approx(potentials)
    assert difference.fired == (True, False)
    assert not difference.tie


def test_early_exit_is_where_the_margin_is_reached(trace):
    assert trace.exit_step(0) == 1
    assert trace.exit_step(1e9) is None
    step = trace.exit_step(float(trace.margins.max()))
    assert trace.margins[step - 1] == trace.margins.max()


def test_a_raster_loses_no_spike():
    rng = np.random.default_rng(0)
    spikes = (rng.random((50, 1000)) < 0.001).astype(np.uint8)
    rows = binned(spikes, 37)
    assert rows.shape == (37, 50)
    starts = np.arange(37) * 1000 // 37
    assert np.array_equal(rows > 0, np.add.reduceat(spikes, starts, axis=1).T > 0)
    assert rows[rows > 0].min() >= FAINT
    assert np.array_equal(binned(spikes, 5000), 255 * spikes.T)
    assert binned(spikes[:, :0], 10).shape == (0, 50)


def test_a_difference_raster_shows_the_worst_of_a_row():
    first, second = np.array([[1, 1, 0, 0]], np.uint8), np.array([[1, 0, 1, 0]], np.uint8)
    encoded = difference(first, second)
    assert encoded.tolist() == [[1, 2, 3, 0]]
    assert kinds(encoded, 2).tolist() == [[2], [3]]
    assert kinds(np.array([[2, 1, 2, 3, 3, 0, 3, 2, 0, 0, 0, 1, 0, 0, 0, 0]], np.uint8), 4).tolist() == [
        [2],
        [3],
        [1],
        [0],
    ]


@pytest.mark.parametrize("shape", [(5, 4, 3), (1, 28, 28), (128, 2, 2), (10,), (257,)])
def test_a_mosaic_has_a_place_for_every_neuron(shape):
    layout = mosaic(shape, 1.5)
    neurons = int(np.prod(shape))
    picture = layout.picture(np.arange(neurons))
    assert picture.shape == layout.size
    assert (picture != EMPTY).sum() == neurons
    for neuron in range(0, neurons, 7):
        y, x = layout.position(neuron)
        assert picture[y, x] == neuron
        assert layout.neuron(y, x) == neuron
    assert layout.neuron(-1, 0) is None


@pytest.mark.parametrize(("channels", "columns"), [(32, 8), (64, 8), (128, 16), (37, 8)])
def test_a_mosaic_has_no_gaps_if_tiles_stay_large(channels, columns):
    assert mosaic((channels, 16, 16), 1.5).columns == columns


def test_what_is_drawn_is_soft_and_stays():
    pad = Pad((1, 28, 28))
    assert not pad.pixels.any()
    pad.stroke((4, 14), (24, 14))
    assert pad.pixels[0, 14, 14] == 255
    assert 0 < pad.pixels[0, 12, 14] < 255
    assert pad.pixels[0, 0].max() == 0
    before = pad.pixels.copy()
    pad.stroke((14, 4), (14, 24))
    assert (pad.pixels >= before).all()
    pad.clear()
    assert not pad.pixels.any()


def test_a_pen_that_is_moved_by_keys_draws_while_it_is_down_and_stays_on_the_pad():
    pad = Pad((1, 28, 28))
    assert not pad.move(-5, 0)
    assert not pad.pixels.any()
    assert pad.press()
    assert pad.pixels[0, 14, 9] == 255
    assert pad.move(100, 0)
    assert pad.pen == (27.5, 14.5)
    assert pad.pixels[0, 14, 9:].min() == 255
    assert not pad.press()
    assert not pad.move(0, 5)
    assert pad.pixels[0, 19].max() == 0
    before = pad.pixels
    pad.press()
    pad.move(0, 9)
    assert not np.array_equal(pad.pixels, before)
    assert pad.undo()
    assert np.array_equal(pad.pixels, before), "all that the pen drew while it was down"
    assert pad.undo()
    assert not pad.undo(), "nothing was drawn before"
    assert not pad.pixels.any()
    pad.press()
    pad.clear()
    assert not pad.down


def test_potentials_of_copies_begin_where_each_of_them_starts():
    bundle = bundle_of(copied_graph(3))
    graph = bundle.graph
    image = np.random.default_rng(1).integers(0, 256, graph.input.shape).astype(np.float32)
    trace = record(bundle, "numpy", image[None], 4, quiet())
    assert obstacle(graph) is None
    assert trace.activations["if1"].shape == trace.spikes["if1"].shape[1:]
    by_copy = trace.activations["if1"].reshape(-1, 3, graph.size("if1") // len(graph.neuron("if1").theta))
    assert (by_copy == by_copy[:, :1]).all(), "copies have the activation of their neuron"
    node, pixels = graph.neuron("if1"), graph.size("if1") // len(graph.neuron("if1").theta)
    assert trace.spikes["if1"].shape == (4, graph.neurons("if1"))
    for neuron in range(0, graph.neurons("if1"), 37):
        number = neuron // pixels  # channel and copy
        theta = node.theta[number // 3]
        assert trace.thresholds("if1")[neuron] == theta
        _, y = trace.path("if1", neuron)
        assert y[0] == pytest.approx(node.v_init[number] / theta)
        before, after = y[1::2], y[2::2]
        assert np.allclose(before - after, trace.spikes["if1"][:, neuron])
