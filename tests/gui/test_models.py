"""What the inspector shows, without Qt."""

import queue
import threading
from dataclasses import replace

import numpy as np
import pytest

from gui_bundles import bundle_of, plain_graph
from networks import small_graph
from spikelet.bundle import write
from spikelet.cli.common import drawn
from spikelet.data import ImageSet
from spikelet.engines import create
from spikelet.errors import Cancelled, DataError, SpikeletError
from spikelet.gui.models import settings as stored
from spikelet.gui.models.blocks import block_facts, blocks, title
from spikelet.gui.models.cursor import SPEEDS, Cursor
from spikelet.gui.models.document import BrokenBundle, open_document
from spikelet.gui.models.inputs import can_draw, fit, open_source, shown
from spikelet.gui.models.jobs import Jobs, Progress
from spikelet.gui.models.maps import EMPTY, mosaic
from spikelet.gui.models.pad import Pad
from spikelet.gui.models.raster import FAINT, binned, difference, kinds
from spikelet.gui.models.residuals import residuals
from spikelet.gui.models.robustness import complete, faulty_devices, lost, numbers, rows, verdict
from spikelet.gui.models.source import SourceNetwork, obstacle
from spikelet.gui.models.sweep import sweep
from spikelet.gui.models.table import PRESETS, View, neuron_table
from spikelet.gui.models.trace import record
from spikelet.metrics.faults import KINDS, Fault
from spikelet.metrics.measurement import measure
from spikelet.metrics.robustness import Point, Robustness, robustness


def quiet():
    return Progress(lambda done, total: None, lambda value: None)


@pytest.fixture(scope="module")
def bundle():
    return bundle_of(plain_graph())


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(3)
    return ImageSet(rng.integers(0, 256, (50, 3, 8, 8), dtype=np.uint8), rng.integers(0, 3, 50), None, "noise")


@pytest.fixture(scope="module")
def trace(bundle, images):
    return record(bundle, "numpy", images.images[0].astype(np.float32), 6, quiet())


# jobs


class Desk:
    """Runs what other threads hand over."""

    def __init__(self):
        self.calls = queue.Queue()
        self.jobs = Jobs(self.calls.put)

    def until(self, condition):
        while not condition():
            self.calls.get(timeout=20)()


def test_a_job_gives_its_result_and_says_how_far_it_is():
    desk, said, found = Desk(), [], []
    desk.jobs.progressed.connect(lambda *values: said.append(values))
    desk.jobs.start("count", lambda progress: (progress(3, 3), 7)[1], found.append, found.append)
    desk.until(lambda: found)
    assert (found, said) == ([7], [("count", 3, 3)])
    assert not desk.jobs.busy


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SpikeletError("too bright"), "too bright"),
        (ZeroDivisionError("by nought"), "ZeroDivisionError: by nought"),
        (MemoryError(), "out of memory; try fewer time-steps or fewer images"),
    ],
)
def test_a_job_that_fails_says_why(error, words):
    desk, found, failed = Desk(), [], []

    def work(progress):
        raise error

    desk.jobs.start("fail", work, found.append, failed.append)
    desk.until(lambda: failed)
    assert (found, failed) == ([], [words])


def test_a_cancelled_job_ends_and_is_not_heard():
    desk, found, ended = Desk(), [], threading.Event()

    def work(progress):
        try:
            while True:
                progress(1, 2)
        except Cancelled:
            ended.set()
            raise

    desk.jobs.start("long", work, found.append, found.append)
    desk.jobs.cancel("long")
    assert ended.wait(10)
    assert desk.jobs.close()
    while not desk.calls.empty():
        desk.calls.get()()
    assert found == []


def test_a_new_job_takes_the_place_of_the_old():
    desk, found, go = Desk(), [], threading.Event()

    def slow(progress):
        go.wait(10)
        return "old"

    desk.jobs.start("run", slow, found.append, found.append)
    desk.jobs.start("run", lambda progress: "new", found.append, found.append)
    desk.until(lambda: found)
    go.set()
    assert desk.jobs.close()
    while not desk.calls.empty():
        desk.calls.get()()
    assert found == ["new"]


# time


def test_the_cursor_plays_to_the_end_and_begins_again():
    cursor, moves = Cursor(3), []
    cursor.moved.connect(lambda: moves.append(cursor.time))
    cursor.toggle()
    for _ in range(4):
        cursor.tick()
    assert moves == [2, 3, 1, 2]
    cursor.set_loop(False)
    for _ in range(3):
        cursor.tick()
    assert (cursor.time, cursor.playing) == (3, False)
    cursor.toggle()
    assert (cursor.time, cursor.playing) == (1, True)
    cursor.step(-1)
    assert (cursor.time, cursor.playing) == (1, False)


def test_the_cursor_stays_at_the_end_where_it_was():
    cursor = Cursor(4)
    cursor.go(99)
    cursor.set_steps(8)
    assert cursor.time == 8
    cursor.go(3)
    cursor.set_steps(16)
    assert cursor.time == 3
    cursor.faster(100)
    assert cursor.speed == SPEEDS[-1]


# a trace


def test_a_trace_holds_what_the_engine_did(bundle, images, trace):
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


def test_early_exit_is_where_the_margin_is_reached(trace):
    assert trace.exit_step(0) == 1
    assert trace.exit_step(1e9) is None
    step = trace.exit_step(float(trace.margins.max()))
    assert trace.margins[step - 1] == trace.margins.max()


# pictures of numbers


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
    found = difference(first, second)
    assert found.tolist() == [[1, 2, 3, 0]]
    assert kinds(found, 2).tolist() == [[2], [3]]


@pytest.mark.parametrize("shape", [(5, 4, 3), (1, 28, 28), (128, 2, 2), (10,), (257,)])
def test_a_mosaic_has_a_place_for_every_neuron(shape):
    made = mosaic(shape, 1.5)
    neurons = int(np.prod(shape))
    picture = made.picture(np.arange(neurons))
    assert picture.shape == made.size
    assert (picture != EMPTY).sum() == neurons
    for neuron in range(0, neurons, 7):
        y, x = made.place(neuron)
        assert picture[y, x] == neuron
        assert made.neuron(y, x) == neuron
    assert made.neuron(-1, 0) is None


def test_what_is_drawn_is_soft_and_stays():
    pad = Pad((1, 28, 28))
    assert pad.empty
    pad.stroke((4, 14), (24, 14))
    assert pad.pixels[0, 14, 14] == 255
    assert 0 < pad.pixels[0, 12, 14] < 255
    assert pad.pixels[0, 0].max() == 0
    before = pad.pixels.copy()
    pad.stroke((14, 4), (14, 24))
    assert (pad.pixels >= before).all()
    pad.clear()
    assert pad.empty


# neurons


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
    made = neuron_table((100,), counts, np.ones(100, int), 100)
    assert made.rows(View(PRESETS[5])).tolist() == list(range(36, 100))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("rate >", "'rate >' is not understood; write for example: rate > 50%, channel = 3"),
        ("colour = 3", "'colour = 3' is not understood; write for example: rate > 50%, channel = 3"),
    ],
)
def test_a_query_that_is_not_understood_says_how_one_is_written(table, query, words):
    with pytest.raises(SpikeletError) as caught:
        table.rows(View(query=query))
    assert str(caught.value) == words


def test_a_column_that_is_not_known_is_asked_for_in_words():
    made = neuron_table((3,), np.zeros(3), np.zeros(3, int), 4)
    with pytest.raises(SpikeletError, match="not measured yet: run the Accuracy panel first"):
        made.rows(View("dead"))
    with pytest.raises(SpikeletError, match="this layer has no channel"):
        made.rows(View(query="channel = 1"))
    assert made.label(2) == "2"


# blocks


def test_every_node_is_in_one_block_and_blocks_follow_each_other():
    graph = small_graph()
    found = blocks(graph)
    assert sorted(name for block in found for name in block.members) == sorted(graph.nodes)
    assert [block.name for block in found] == ["input", "if1", "if2", "if3", "output"]
    assert [block.row for block in found] == [0, 1, 2, 3, 4]
    assert found[2].members[-1] == "if2"
    assert {"conv2", "shortcut", "add", "pool1"} < set(found[2].members)
    assert title(graph, found[2]) == "pool 2×2 · conv 3×3 · scale · add"


def test_facts_are_those_of_the_file(bundle):
    block = next(each for each in blocks(bundle.graph) if each.name == "if1")
    groups = dict(block_facts(bundle, block))
    assert dict(groups["if1"])["fires when"] == "v ≥ θ"
    assert dict(groups["if1"])["neurons"] == "256"
    assert dict(groups["conv1"])["kernel"] == "3×3"


# the network that the spikes stand for


def test_the_source_network_is_what_many_time_steps_come_to(bundle, images):
    """After hundreds of time-steps an IF network's rates are the clipped ReLU's activations."""
    graph = bundle.graph
    _, activations = SourceNetwork(graph, None).activations(images.images[:4].astype(np.float32))
    engine = create(graph, "numpy", graph.spiking)
    steps = 400
    assert engine.step_limit >= steps
    engine.reset(4)
    counts = dict.fromkeys(graph.spiking, 0)
    for t in range(steps):
        engine.step(images.images[:4].astype(np.float32) if t == 0 else None)
        for name in graph.spiking:
            counts[name] = counts[name] + engine.spikes(name)
    assert np.abs(counts["if1"] / steps - activations["if1"]).max() <= 3 / steps
    assert np.abs(counts["if2"] / steps - activations["if2"]).max() < 0.05


def test_levels_round_the_activation(bundle, images):
    _, found = SourceNetwork(bundle.graph, 4).activations(images.images[:4].astype(np.float32))
    assert set(np.unique(found["if1"])) <= {0, 0.25, 0.5, 0.75, 1}


def test_a_leak_has_no_activation():
    assert "if3 leaks" in obstacle(small_graph())
    assert obstacle(plain_graph()) is None


def test_residuals_count_every_neuron_of_every_image(bundle, images):
    found = residuals(bundle, images, 4, "numpy", quiet())
    assert found.steps == (1, 2, 4)
    graph = bundle.graph
    _, activations = SourceNetwork(graph, 4).activations(images.images.astype(np.float32))
    engine = create(graph, "numpy", graph.spiking)
    engine.reset(len(images))
    counts = 0
    for t in range(4):
        engine.step(images.images.astype(np.float32) if t == 0 else None)
        counts = counts + engine.spikes("if1")
    a = activations["if1"]
    layer = found.layers["if1"][4]
    assert layer.total == a.size
    assert layer.over == pytest.approx((counts > 4 * a + 0.5).mean())
    assert layer.under == pytest.approx((counts < 4 * a - 0.5).mean())
    assert layer.rms == pytest.approx(np.sqrt(((counts / 4 - a) ** 2).mean()))
    assert layer.bias == pytest.approx((counts / 4 - a).mean())
    assert layer.correlation == pytest.approx(np.corrcoef(counts.ravel(), a.ravel())[0, 1])
    assert layer.points()[2].sum() == pytest.approx(1)
    assert layer.histogram()[1].sum() == pytest.approx(1)


# accuracy


def test_a_sweep_in_parts_is_the_measurement_of_all(bundle, images):
    seen = []
    progress = Progress(lambda done, total: None, lambda so_far: seen.append(so_far.done))
    found = sweep(bundle, images, 4, "numpy", progress, part=20)
    whole = measure(bundle, images, 4, "numpy")
    assert seen == [20, 40, 50]
    assert found.measured.facts() == whole.facts()
    assert found.accuracy == whole.accuracy
    logits, _ = SourceNetwork(bundle.graph, 4).activations(images.images.astype(np.float32))
    assert found.source_accuracy == pytest.approx((logits.argmax(1) == images.labels).mean())
    lost = found.lost(4)
    assert (found.source[lost] == images.labels[lost]).all()
    assert (found.counted.predictions[3][lost] != images.labels[lost]).all()


def test_a_sweep_can_be_stopped(bundle, images):
    progress = Progress(lambda done, total: progress.cancelled.set(), lambda value: None)
    with pytest.raises(Cancelled):
        sweep(bundle, images, 4, "numpy", progress, part=20)


# faulty devices


def test_faults_are_put_into_rows_and_words(bundle, images):
    seen = []
    progress = Progress(lambda done, total: None, seen.append)
    found = faulty_devices(bundle, images, 4, 20, 2)(progress)
    assert found == robustness(bundle, drawn(images, 20), 4, seeds=range(2))
    assert [len(each.points) for each in seen] == list(range(29))
    assert [complete(each) for each in seen] == [False] * 28 + [True]
    every = rows(found)
    assert [row.kind for row in every] == list(KINDS)
    assert [point.fault.level for point in every[0].points] == list(KINDS["weight-bits"].levels)
    assert all(not row.points for row in rows(seen[0]))
    head, table = numbers(found)
    assert head[3] == "accuracy"
    assert len(table) == 29 * 4
    assert table[-1] == [
        "input-noise",
        0.2,
        4,
        *(end[-1] for end in (every[-1].points[-1].accuracy, every[-1].points[-1].low, every[-1].points[-1].high)),
    ]


def point(kind, level, *accuracy):
    return Point(Fault(kind, level), list(accuracy), list(accuracy), list(accuracy), [list(accuracy)])


def test_the_verdict_names_what_costs_most():
    sound = point("dropped", 0.0, 0.5, 0.8)
    points = [point("stuck-on", 0.001, 0.5, 0.78), point("stuck-on", 0.02, 0.4, 0.6), point("dropped", 0.05, 0.5, 0.8)]
    found = Robustness("b", "", "d", "", 9, 2, (0,), "accuracy", sound, points)
    assert verdict(found, 2) == (
        "Without a fault: 80.0% (80.0% – 80.0%). 5 points or more are lost to neurons that fire at every time-step "
        "from 2%."
    )
    assert lost(found, points[1], 2) == pytest.approx(0.25)
    assert verdict(replace(found, points=points[2:]), 2).endswith("No fault that was tried takes 5 points.")
    assert verdict(replace(found, points=[]), 1) == "Without a fault: 50.0% (50.0% – 50.0%)."


def test_faults_can_be_stopped(bundle, images):
    progress = Progress(lambda done, total: progress.cancelled.set(), lambda value: None)
    with pytest.raises(Cancelled):
        faulty_devices(bundle, images, 4, 20, 1)(progress)


# documents and inputs


def test_a_changed_member_is_named(path):
    raw = bytearray(path.read_bytes())
    at = raw.index(b"# small")
    raw[at] ^= 1
    path.write_bytes(raw)
    with pytest.raises(BrokenBundle) as caught:
        open_document(path)
    states = {check.member: check.state for check in caught.value.checks}
    assert "card.md" in str(caught.value)
    assert states["card.md"] == "failed"


def test_a_file_that_is_no_bundle_is_refused_in_words(tmp_path):
    file = tmp_path / "note.snnb"
    file.write_text("hello")
    with pytest.raises(BrokenBundle) as caught:
        open_document(file)
    assert str(caught.value) == "not a bundle: the file does not begin as a ZIP archive"
    assert {check.state for check in caught.value.checks} == {"unknown"}


def test_a_picture_is_fitted_and_it_is_said_how(tmp_path):
    image = pytest.importorskip("PIL.Image")
    file = tmp_path / "wide.png"
    image.fromarray(np.zeros((50, 80, 3), np.uint8)).save(file)
    pixels, note = fit(file, (1, 8, 8))
    assert pixels.shape == (1, 8, 8)
    assert note == "80×50 colour → middle 50×50 → resampled to 8×8 → to grey"


def test_a_data_set_of_another_size_is_refused(tmp_path, bundle):
    file = tmp_path / "odd.npz"
    np.savez(file, images=np.zeros((2, 3, 9, 9), np.uint8))
    with pytest.raises(DataError, match="images of"):
        open_source(file, bundle)


def test_any_input_can_be_looked_at():
    assert shown(np.zeros((3, 4, 5), np.float32), 0, 255).shape == (4, 5, 3)
    assert shown(np.zeros((7, 4, 5), np.float32), 0, 255).shape == (4, 5, 3)
    assert shown(np.zeros(9, np.float32), 0, 255).shape == (1, 9, 3)
    assert can_draw(plain_graph(channels=1))
    assert not can_draw(plain_graph())


def test_the_most_steps_are_those_that_are_proven(tmp_path, bundle):
    file = tmp_path / "a.snnb"
    write(bundle, file)
    assert open_document(file).most_steps == min(1024, bundle.manifest.exact_steps)


# settings


def test_settings_come_back(tmp_path):
    settings = stored.Settings(theme="light", steps=16)
    for name in "abcdefghijkl":
        settings.remember(tmp_path / f"{name}.snnb")
    settings.remember(tmp_path / "f.snnb")
    stored.save(settings, tmp_path / "new" / "inspector.json")
    found = stored.load(tmp_path / "new" / "inspector.json")
    assert found == settings
    assert len(found.recent) == stored.RECENT
    assert found.recent[0].endswith("f.snnb")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"steps": "many", "recent": [3], "theme": null}', "\x00"])
def test_damaged_settings_are_as_at_the_first_start(tmp_path, text):
    file = tmp_path / "inspector.json"
    file.write_text(text)
    assert stored.load(file) == stored.Settings()
    assert stored.load(tmp_path / "none") == stored.Settings()
