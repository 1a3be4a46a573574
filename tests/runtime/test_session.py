"""run, stream, early exit, recording; valid and invalid inputs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import spikelet
from networks import small_graph
from spikelet import bundle, shipped
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.errors import BundleError, CostError, DataError, EngineError, SpikeletError, UsageError
from spikelet.graph import Graph
from spikelet.inputs import as_sequence
from spikelet.nodes import Output
from spikelet.session.early_exit import Confidence, Margin, margin
from spikelet.verify import record_golden

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (70, 3, 6, 6)).astype(np.uint8)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    graph = small_graph()
    path = tmp_path_factory.mktemp("bundle") / "small.snnb"
    manifest = Manifest("small", labels=("a", "b", "c"), bits=4, exact_steps=exact_steps(graph))
    write(Bundle(graph, manifest, record_golden(graph, IMAGES[:2], 4), "# small\n"), path)
    return path


@pytest.fixture(params=["numpy", "onnx"])
def model(path, request):
    return spikelet.load(path, request.param)


def test_a_shipped_bundle_is_loaded_by_name(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("vgg5-fashion-mnist", "vgg5-fashion-mnist.snnb"):
        assert spikelet.load(name, "numpy").bundle.digest == bundle.read(shipped.named(name)).digest
    (tmp_path / "vgg5-fashion-mnist").write_bytes(path.read_bytes())
    assert spikelet.load("vgg5-fashion-mnist", "numpy").bundle.manifest.name == "small", "a file comes first"
    with pytest.raises(BundleError, match="vgg5-fashion: no such file; shipped bundles: "):
        spikelet.load("vgg5-fashion")


def test_run_gives_sums_over_time(model):
    result = model.run(IMAGES, steps=5)
    assert result.logits.shape == (5, 70, 3)
    assert result.predictions.shape == (5, 70)
    steps = np.diff(result.logits, axis=0, prepend=0)
    assert np.array_equal(steps * 2, np.rint(steps * 2)), "integers times the output's scale of 0.5"
    assert np.array_equal(result.predictions, result.logits.argmax(2))
    assert set(result.spike_counts) == {"if1", "if2", "if3"}
    assert result.spike_counts["if1"].shape == (5, 70)
    assert (result.exit_steps == 5).all()
    assert result.spike_rates["if1"] == result.spike_counts["if1"].sum() / (70 * 5 * 144)


def test_answers_are_taken_before_scaling():
    """Two sums that are equal after scaling: the prediction is the larger sum before scaling."""
    scale = 1.4
    first = next(x for x in np.linspace(1.5, 1.6, 100) if x * scale == np.nextafter(x, 2) * scale)
    sums = np.array([first, np.nextafter(first, 2)])
    result = spikelet.Result(sums[None, None], scale, np.ones(1, np.int64), {}, {}, {}, {})
    step = spikelet.Step(1, 1, sums, scale, {}, {}, {})
    assert result.logits[0, 0, 0] == result.logits[0, 0, 1] == step.logits[0] == step.logits[1]
    assert result.logits.argmax() == 0
    assert result.predictions[0, 0] == step.prediction == 1


@pytest.mark.parametrize("scale", [2.0**-64, 1.0, 2.0**64])
def test_the_least_and_the_greatest_scale_change_no_answer(path, scale):
    bundle = spikelet.load(path).bundle
    graph = bundle.graph
    scaled = Graph({**graph.nodes, graph.output_name: Output(scale)}, graph.edges)
    expected = spikelet.Model(bundle, "numpy").run(IMAGES, 3)
    model = spikelet.Model(replace(bundle, graph=scaled), "numpy")
    result = model.run(IMAGES, 3)
    assert np.isfinite(result.logits).all()
    for rule in (Confidence(0.9), Margin(0.5)):
        early = model.run(IMAGES, 3, early_exit=rule)
        rows = early.exit_steps - 1, np.arange(len(IMAGES))
        assert np.array_equal(early.predictions[-1], expected.predictions[rows])
    assert np.array_equal(result.sums, expected.sums)
    assert np.array_equal(result.predictions, expected.predictions)
    assert [step.prediction for step in model.stream(IMAGES[0], 3)] == expected.predictions[:, 0].tolist()


def test_batches_do_not_change_answers(model):
    whole = model.run(IMAGES, steps=4)
    for index in (0, 31, 32, 69):
        alone = model.run(IMAGES[index], steps=4)
        assert np.array_equal(alone.logits[:, 0], whole.logits[:, index])


def test_recording_gives_spikes_and_potentials(model):
    result = model.run(IMAGES[:40], steps=3, record=["if2", "if1"])
    assert result.spikes["if1"].shape == (3, 40, 4, 6, 6)
    assert result.spikes["if1"].dtype == np.bool_
    assert result.potentials["if2"].shape == (3, 40, 4, 3, 3)
    assert np.array_equal(result.spikes["if1"].sum((2, 3, 4)), result.spike_counts["if1"])
    with pytest.raises(EngineError, match="'conv1' is not a spiking layer of this network; its layers: if1, if2, if3"):
        model.run(IMAGES, record=["conv1"])


def test_a_stream_is_a_run_step_by_step(model):
    whole = model.run(IMAGES[3], steps=6, record="if3")
    stream = model.stream(IMAGES[3], steps=6, record="if3")
    model.run(IMAGES[:5], steps=2)  # a run in between does not disturb an open stream
    for t, step in enumerate(stream):
        assert step.time == t + 1
        assert np.array_equal(step.logits, whole.logits[t, 0])
        assert step.prediction == whole.predictions[t, 0]
        assert step.spike_counts["if2"] == whole.spike_counts["if2"][t, 0]
        assert np.array_equal(step.spikes["if3"], whole.spikes["if3"][t, 0])
        assert np.array_equal(step.potentials["if3"], whole.potentials["if3"][t, 0])
    assert t == 5
    with pytest.raises(UsageError, match="stream: takes one sample, found 2; use run for a batch"):
        next(model.stream(IMAGES[:2]))


def test_a_sequence_is_an_input_for_every_step(model):
    sequence = IMAGES[:12].reshape(4, 3, 3, 6, 6)
    result = model.run(sequence)
    assert result.logits.shape == (4, 3, 3)
    constant = model.run(np.repeat(IMAGES[None, :3], 4, axis=0))
    assert np.array_equal(constant.logits, model.run(IMAGES[:3], steps=4).logits)
    assert not np.array_equal(result.logits[1:], model.run(sequence[0], steps=4).logits[1:])
    for steps in (3, 8):
        with pytest.raises(UsageError, match=f"steps: the sequence has 4 time-steps, {steps} were requested"):
            model.run(sequence, steps=steps)


def test_bytes_beyond_the_range_of_the_input_are_refused():
    graph = small_graph()
    for low, high, value in ((0, 100, 101), (10, 255, 9)):
        narrow = Graph(graph.nodes | {graph.input_name: replace(graph.input, low=low, high=high)}, graph.edges)
        pixels = np.full((1, 3, 6, 6), value, np.uint8)
        with pytest.raises(DataError, match=f"this network takes values {low}…{high}, found {value}…{value}"):
            as_sequence(narrow, pixels)
        assert as_sequence(narrow, np.full((1, 3, 6, 6), 50, np.uint8)).shape == (1, 1, 3, 6, 6)


def test_labels_are_indices_of_classes(model):
    result = model.run(IMAGES[:2], steps=1)
    assert result.accuracy(result.predictions[0]) == [1.0]
    for wrong in (-1, 3):
        with pytest.raises(DataError, match=f"expected indices of classes, 0…2, found {wrong}"):
            result.accuracy([0, wrong])


class TestEarlyExit:
    def test_leaves_at_the_first_step_that_meets_the_rule(self, model):
        full = model.run(IMAGES, steps=8)
        mean = full.logits / np.arange(1, 9)[:, None, None]
        lead = np.stack([margin(layer) for layer in mean])
        threshold = float(np.median(lead))
        early = model.run(IMAGES, steps=8, early_exit=Margin(threshold))
        met = lead >= threshold
        expected = np.where(met.any(0), met.argmax(0) + 1, 8)
        assert np.array_equal(early.exit_steps, expected)
        assert 1 < early.exit_steps.mean() < 8
        rate = early.spike_counts["if1"].sum() / (early.exit_steps.sum() * 144)
        assert early.spike_rates["if1"] == rate, "of the time-steps before the exit"
        for n, exit_step in enumerate(expected):
            assert np.array_equal(early.logits[:exit_step, n], full.logits[:exit_step, n])
            assert (early.logits[exit_step:, n] == full.logits[exit_step - 1, n]).all()
            assert (early.spike_counts["if1"][exit_step:, n] == 0).all()

    def test_a_margin_of_zero_ends_after_one_step(self, model):
        result = model.run(IMAGES, steps=8, early_exit=Margin(0))
        assert (result.exit_steps == 1).all()
        assert (result.logits == result.logits[0]).all()

    def test_confidence_is_the_softmax_of_the_mean(self):
        logits = np.array([[2.0, 0.0], [0.1, 0.0]])
        assert Confidence(0.85).done(logits).tolist() == [True, False]
        assert Confidence(1 / (1 + np.exp(-2))).done(logits).tolist() == [True, False]

    @given(st.lists(st.integers(-9, 9), min_size=1, max_size=5))
    def test_margin_is_best_less_second(self, row):
        ordered = sorted(row)
        expected = ordered[-1] - ordered[-2] if len(row) > 1 else np.inf
        assert margin(np.array([row], float)) == [expected]

    def test_thresholds_that_make_no_sense(self):
        with pytest.raises(SpikeletError, match="early exit, margin: expected a number of 0 or more, found -1"):
            Margin(-1)
        with pytest.raises(SpikeletError, match="early exit, margin: expected a number of 0 or more, found nan"):
            Margin(float("nan"))
        with pytest.raises(SpikeletError, match="early exit, confidence: expected a number of 0…1, found 1.5"):
            Confidence(1.5)


class TestSteps:
    def test_beyond_exact_steps(self, model):
        limit = model.bundle.manifest.exact_steps
        with pytest.raises(UsageError, match=f"this bundle is proven exact for {limit} time-steps"):
            model.run(IMAGES, steps=limit + 1)

    @pytest.mark.parametrize("steps", [0, -3, 10**9])
    def test_numbers_that_no_network_permits(self, model, steps):
        with pytest.raises(UsageError, match=f"steps: expected a whole number of 1…65536, found {steps}$"):
            model.run(IMAGES, steps=steps)

    def test_default_is_eight(self, model):
        assert len(model.run(IMAGES[0]).logits) == 8


class TestInputs:
    def test_channel_last_is_understood(self, model):
        last = IMAGES.transpose(0, 2, 3, 1)
        assert np.array_equal(model.run(last, steps=2).logits, model.run(IMAGES, steps=2).logits)
        assert np.array_equal(model.run(last[0], steps=2).logits, model.run(IMAGES[0], steps=2).logits)
        assert np.array_equal(
            model.run(last, steps=2, layout="NHWC").logits, model.run(IMAGES, steps=2, layout="NCHW").logits
        )

    def test_layout_can_be_insisted_on(self):
        graph = small_graph(size=3 * 2)
        with pytest.raises(DataError, match="expected one sample of shape"):
            as_sequence(graph, IMAGES, "NHWC")

    def test_other_number_types_are_taken_if_whole(self, model):
        expected = model.run(IMAGES[:2], steps=2).logits
        for kind in (np.int64, np.float64, np.float32, np.int16):
            assert np.array_equal(model.run(IMAGES[:2].astype(kind), steps=2).logits, expected)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (np.zeros((2, 3, 5, 6)), r"a batch \(N, …\) or a sequence \(T, N, …\) of them, found \(2, 3, 5, 6\)"),
            (np.zeros((6, 6)), r"expected one sample of shape \(3, 6, 6\) or, channel last, \(6, 6, 3\)"),
            (np.zeros((0, 3, 6, 6)), r"expected one sample or more, found shape \(0, 3, 6, 6\)"),
            (np.full((3, 6, 6), np.nan), "input: contains NaN or infinity"),
            (np.full((3, 6, 6), np.inf), "input: contains NaN or infinity"),
            (np.full((3, 6, 6), 0.5), r"whole numbers 0…255, found 0.5; multiply images scaled to 0…1"),
            (np.full((3, 6, 6), 256), "takes values 0…255, found 256…256"),
            (np.full((3, 6, 6), -1), "takes values 0…255, found -1…-1"),
            (np.full((3, 6, 6), "a"), "expected numbers, found an array of <U1"),
            (
                np.zeros((3, 6, 6), complex),
                r"found an array of complex128; convert it, such as with array.astype\('float",
            ),
            (
                np.ma.masked_less(np.arange(108).reshape(3, 6, 6), 2),
                "input: expected numbers, found 2 masked values; fill",
            ),
            (None, "expected numbers or an image, found None"),
            (b"pixels", "expected numbers or an image, found an object of type bytes"),
            ({"images": 1}, "expected numbers or an image, found an object of type dict"),
            ([None] * 4, "expected numbers, found an array of object"),
            ("photo.png", "expected numbers or an image, found the path 'photo.png'; open it"),
        ],
    )
    def test_inputs_that_do_not_fit_are_refused(self, model, value, message):
        with pytest.raises(DataError, match=message):
            model.run(value)


def test_an_unknown_engine_is_refused(path):
    with pytest.raises(EngineError, match="engine: expected auto, numpy, onnx, native, found 'fast'"):
        spikelet.load(path, "fast")


def test_results_of_several_batches_need_twice_the_memory(path):
    """Those of the batches, and all of them joined: 8 bytes for each logit and each count of a layer."""
    size = 64 * 10**5 * 8 * (3 + 3)
    model = spikelet.Model(bundle.read(path), "numpy", limits=spikelet.Limits(max_memory=size * 3 // 2))
    model.check(32, 2 * 10**5)
    with pytest.raises(CostError, match="results of 64 samples in 100000 time-steps: needs up to 585.9 MiB"):
        model.check(64, 10**5)


def test_progress_reaches_the_end(model):
    seen = []
    model.run(IMAGES, steps=1, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(32, 70), (64, 70), (70, 70)]


class TestLongStreams:
    """Beyond exact_steps a stream raises an error or restarts, as configured; it never continues silently."""

    @pytest.fixture
    def short(self, model):
        manifest = replace(model.bundle.manifest, exact_steps=4)
        return spikelet.Model(replace(model.bundle, manifest=manifest), model.engine)

    def test_a_stream_without_a_number_of_time_steps_ends_at_exact_steps(self, short):
        made_for_more = replace(short.bundle.manifest, conversion={"steps": 6})
        model = spikelet.Model(replace(short.bundle, manifest=made_for_more), short.engine)
        assert model.bundle.default_steps == 6
        assert len(list(model.stream(IMAGES[0]))) == 4

    def test_refuse(self, short):
        with pytest.raises(UsageError, match=r"steps: 5 requested, but .* proven exact for 4 time-steps"):
            next(short.stream(IMAGES[0], steps=5))
        with pytest.raises(UsageError, match="steps: 5 requested"):
            list(short.stream(iter(IMAGES[:10])))
        stream = short.stream(iter(IMAGES[:10]))
        assert [next(stream).time for _ in range(4)] == [1, 2, 3, 4]

    def test_reset(self, short):
        steps = list(short.stream(IMAGES[0], steps=10, on_limit="reset", record=["if1"]))
        assert [step.time for step in steps] == list(range(1, 11))
        assert [step.age for step in steps] == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]
        for t in range(4, 10):
            assert np.array_equal(steps[t].logits, steps[t - 4].logits)
            assert np.array_equal(steps[t].potentials["if1"], steps[t - 4].potentials["if1"])

    def test_an_iterator_of_frames(self, model):
        """An iterator like a camera, with a frame for each time-step, gives the results of the sequence."""
        sequence = IMAGES[:6].reshape(6, 1, 3, 6, 6)
        expected = model.run(sequence)
        actual = list(model.stream(iter(IMAGES[:6])))
        assert np.array_equal([step.logits for step in actual], expected.logits[:, 0])
        assert len(list(model.stream(iter(IMAGES[:6]), steps=3))) == 3
        assert len(list(model.stream(frame.transpose(1, 2, 0) for frame in IMAGES[:6]))) == 6, "channel last"
        with pytest.raises(DataError, match="expected one sample of shape"):
            list(model.stream(iter([np.zeros((2, 2))])))
        assert list(model.stream(iter([]))) == []

    def test_an_unknown_rule_at_the_limit_is_refused(self, model):
        with pytest.raises(UsageError, match='on_limit: expected "refuse" or "reset", found \'wrap\''):
            next(model.stream(IMAGES[0], on_limit="wrap"))


def test_a_short_soak():
    """The checks of `make soak`, which takes a million time-steps, except for resident memory (see tests/stress)."""
    import json
    import os
    import subprocess
    import sys
    from pathlib import Path

    if not sys.platform.startswith("linux"):
        pytest.skip("needs Linux")
    tests = Path(__file__).resolve().parents[1]
    script, environment = tests / "stress" / "soak.py", os.environ | {"PYTHONPATH": str(tests / "support")}
    options = ["--steps", "90", "--proven", "60", "--rounds", "2", "--processes", "2", "--any-memory"]
    options += ["--engines", "numpy", "onnx", "--operator-threads", "1"]
    done = subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    actual = json.loads(done.stdout)
    assert [layer["engine"] for layer in actual["streams"]] == ["numpy", "onnx"]
    assert all(layer["steps_outside_the_bound"] == 0 for layer in actual["streams"])
    assert all(layer["resets"] == 1 for layer in actual["streams"]), "at the end of what is proven"
    assert all(layer["sessions"] == 18 for layer in actual["sessions"])


@pytest.mark.parametrize("name", ["numpy", "onnx", "native"])
def test_bounds_and_memory_of_a_network_are_computed_once(path, name, monkeypatch):
    """Later runs and streams of the same size take microseconds beside the engine, not milliseconds."""
    model = spikelet.load(path, name)
    expected = model.run(IMAGES[:1], steps=3).sums, [step.sums for step in model.stream(IMAGES[0], steps=3)]

    def again(*_args, **_options):
        raise AssertionError("computed again")

    monkeypatch.setattr("spikelet.bounds.ranges.accumulators", again)
    monkeypatch.setattr("spikelet.engines.native.compiled.HostProgram", again)
    engine = model._idle[()]
    monkeypatch.setattr(type(engine), "memory", again if name != "native" else type(engine).memory)
    assert np.array_equal(model.run(IMAGES[:1], steps=3).sums, expected[0])
    if name == "native":
        assert np.array_equal([step.sums for step in model.stream(IMAGES[0], steps=3)], expected[1])


@pytest.mark.parametrize(
    ("pixel", "message"), [(0.5, "found 0.5"), (70_000, "found 70000…70000"), (np.nan, "contains NaN or infinity")]
)
def test_golden_inputs_are_values_that_the_network_takes(pixel, message):
    with pytest.raises(DataError, match=message):
        record_golden(small_graph(), np.full((1, 3, 6, 6), pixel, np.float32), 2)


def test_an_engine_that_another_run_replaced_is_not_used_again(monkeypatch):
    """As in two threads: while one run is on, another needs more time-steps than its engine is exact for."""
    monkeypatch.setattr("spikelet.engines.available", lambda graph: ("numpy", "onnx"))
    graph = small_graph()
    manifest = Manifest("small", bits=4, exact_steps=exact_steps(graph), conversion={"steps": 1000})
    model = spikelet.Model(Bundle(graph, manifest, record_golden(graph, IMAGES[:1], 4), ""))
    assert model.engine == "onnx"
    many = []
    model.run(IMAGES[:1], 2, on_progress=lambda done, total: many.append(model.run(IMAGES[:1], 1000)))
    assert model.engine == "numpy"
    assert model.run(IMAGES[:1], 1000) == many[0]
