"""The table of neurons: presets, queries, orders."""

import numpy as np
import pytest

from spikelet.errors import SpikeletError
from spikelet_gui.models.activity.maps import EMPTY, mosaic
from spikelet_gui.models.activity.table import PRESETS, View, neuron_table, table_of
from spikelet_gui.models.network.blocks import blocks
from spikelet_gui.models.session.selection import Selection


@pytest.fixture
def table():
    counts, first = np.array([0, 4, 2, 2, 0, 1, 0, 4]), np.array([0, 1, 2, 1, 0, 4, 0, 1])
    return neuron_table((2, 2, 2), counts, first, 4, np.full(8, 0.25), np.array([0, 1, 0.5, 0.5, 0, 0.2, 0.1, 0.96]))


@pytest.mark.parametrize(
    ("view", "rows"),
    [
        (View(), [0, 1, 2, 3, 4, 5, 6, 7]),
        (View("active"), [1, 2, 3, 5, 7]),
        (View("silent"), [0, 4, 6]),
        (View("dead"), [0, 4]),
        (View("saturated"), [1, 7]),
        (View(query="rate > 30%, ch = 0"), [1, 2, 3]),
        (View(query="first = 1"), [1, 3, 7]),
        (View(query="error <= -1"), [0, 4, 6]),
        (View(query="y=1 and x=1"), [3, 7]),
        (View("active", order="rate", descending=True), [1, 7, 2, 3, 5]),
        (View("active", order="first"), [1, 3, 7, 2, 5]),
    ],
)
def test_a_view_filters_and_sorts(table, view, rows):
    assert table.rows(view).tolist() == rows


def test_top_neurons_are_those_that_fire_most():
    counts = np.arange(100)
    table = neuron_table((100,), counts, np.ones(100, int), 100)
    assert table.rows(View(PRESETS[5])).tolist() == list(range(36, 100))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("rate >", "'rate >': is not a condition; example: rate > 50%, channel = 3"),
        ("colour = 3", "'colour = 3': is not a condition; example: rate > 50%, channel = 3"),
    ],
)
def test_an_invalid_query_is_refused_with_the_syntax(table, query, message):
    with pytest.raises(SpikeletError) as caught:
        table.rows(View(query=query))
    assert str(caught.value) == message


def test_neurons_that_were_picked_in_a_layer_are_picked_again(trace):
    selection = Selection(lambda layer: table_of(trace, layer, None))
    selection.begin((), tuple(trace.spikes), "if1")
    selection.blocks = blocks(trace.graph)
    selection.set_trace()
    examples = selection.picked
    selection.pick((7, 3))
    selection.focus("if2")
    assert selection.picked == table_of(trace, "if2", None).examples()
    selection.focus("if1")
    assert selection.picked == (7, 3) != examples
    selection.begin((), tuple(trace.spikes), "if1")
    selection.set_trace()
    assert selection.picked == examples, "another network"


def test_an_unknown_column_is_refused_in_a_sentence():
    table = neuron_table((3,), np.zeros(3), np.zeros(3, int), 4)
    with pytest.raises(SpikeletError, match="not measured yet: run the Accuracy panel first"):
        table.rows(View("dead"))
    with pytest.raises(SpikeletError, match="this layer has no channel"):
        table.rows(View(query="channel = 1"))
    assert table.label(2) == "2"


def test_neurons_of_a_layer_with_copies():
    """Two channels of 1x2 pixels with three copies: neuron (channel, copy, y, x)."""
    counts = np.arange(12)
    table = neuron_table((2, 1, 2), counts, np.ones(12, int), 12, copies=3)
    assert table.rows(View(query="copy = 2")).tolist() == [4, 5, 10, 11]
    assert table.rows(View(query="ch = 1, x = 0, copy < 2")).tolist() == [6, 8]
    assert [table.label(neuron) for neuron in (0, 5, 6, 11)] == ["0,0,0#0", "0,0,1#2", "1,0,0#0", "1,0,1#2"]
    flat = neuron_table((4,), counts, np.ones(12, int), 12, copies=3)
    assert [flat.label(neuron) for neuron in (0, 5, 11)] == ["0#0", "1#2", "3#2"]
    with pytest.raises(SpikeletError, match="this layer has no copy"):
        neuron_table((4,), counts[:4], np.ones(4, int), 4).rows(View(query="copy = 1"))


@pytest.mark.parametrize("shape", [(2, 2, 3), (1, 4, 4), (12,), (7,)])
@pytest.mark.parametrize("copies", [1, 3])
def test_a_map_shows_the_sum_of_copies_and_finds_their_neurons(shape, copies):
    picture = mosaic(shape, 1.3, copies)
    channels, pixels = shape[0], int(np.prod(shape[1:]))
    spikes = np.random.default_rng(0).integers(0, 2, channels * copies * pixels).astype(np.uint8)
    image = picture.picture(spikes)
    by_channel = spikes.reshape(channels, copies, pixels)
    for neuron in range(len(spikes)):
        channel, copy, pixel = (int(i) for i in np.unravel_index(neuron, by_channel.shape))
        y, x = picture.position(neuron)
        assert image[y, x] == by_channel[channel, :, pixel].sum()
        assert picture.neuron(y, x) == neuron - copy * pixels
    assert (image != EMPTY).sum() == channels * pixels
