"""The Python interface raises SpikeletError only, for any bundle, image or option."""

import errno
import math
import os
import re
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spikelet
from awkward_values import VALUES
from networks import Builder, graphs, small_graph
from spikelet import shipped
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.data import ImageSet
from spikelet.engines import ENGINES, create, numpy, onnx
from spikelet.engines.native import library
from spikelet.errors import BundleError, DataError, EngineError, OutOfMemory, SpikeletError, UsageError, translated
from spikelet.limits import Limits
from spikelet.metrics.measurement import measure
from spikelet.metrics.robustness import robustness
from spikelet.session import Model
from spikelet.session.model import LAYERS
from spikelet.verify import record_golden, verify

STEPS = 2


SHAPE = (3, 6, 6)
IMAGES = [
    np.zeros(SHAPE), np.zeros((2, *SHAPE)), np.zeros((2, 2, *SHAPE)), np.full(SHAPE, 255), np.full(SHAPE, 256),
    np.full(SHAPE, -1), np.full(SHAPE, 0.5), np.full(SHAPE, math.nan), np.full(SHAPE, math.inf), np.zeros(SHAPE, bool),
    np.zeros(SHAPE, complex), np.zeros(SHAPE, "U3"), np.zeros(SHAPE, object), np.zeros(SHAPE, "M8[s]"),
    np.zeros(SHAPE, [("a", "f4")]), np.zeros(SHAPE, np.float16), np.zeros(SHAPE, np.longdouble), np.zeros(SHAPE, ">i4"),
    np.zeros((6, 6, 3)), np.zeros((6, 3, 6)), np.zeros((0, *SHAPE)), np.zeros((3, 0, *SHAPE)), np.zeros((1, 1, 1, *SHAPE)),
    np.zeros(()), np.zeros((1,) * 40), np.zeros(SHAPE).tolist(), [[1], [1, 2]], np.broadcast_to(0, (3, *SHAPE)),
    np.full(SHAPE, 2**64 - 1, np.uint64), np.ma.masked_array(np.zeros(SHAPE), True), np.zeros(SHAPE, order="F")[::-1],
    np.broadcast_to(np.uint8(1), (2**40, *SHAPE)), np.broadcast_to(np.float32(math.nan), (2**40, *SHAPE)), *VALUES,
]  # fmt: skip


def bundle_of(graph):
    limit = exact_steps(graph) if graph.exact else None
    golden = record_golden(graph, np.zeros((1, *graph.input.shape), np.float32), min(STEPS, limit or STEPS))
    return Bundle(graph, Manifest("small", bits=8 if graph.exact else None, exact_steps=limit), golden, "# small\n")


@pytest.fixture(scope="module")
def bundle():
    return bundle_of(small_graph())


@pytest.fixture(scope="module")
def file(bundle, tmp_path_factory):
    path = tmp_path_factory.mktemp("interface") / "small.snnb"
    write(bundle, path)
    return path


def expect_no_foreign(call):
    """Call a function, which may raise only a SpikeletError with a text; return the error, or None."""
    error = None
    try:
        call()
    except SpikeletError as refusal:
        error = refusal
    assert error is None or 10 < len(str(error)) < 12_000  # a path is named in full
    return error


OPTIONS = {
    "load, path": lambda model, value: spikelet.load(value),
    "load, engine": lambda model, value: Model(model.bundle, value),
    "load, threads": lambda model, value: Model(model.bundle, "numpy", value),
    "load, limits": lambda model, value: Model(model.bundle, "numpy", limits=value),
    "Model, bundle": lambda model, value: Model(value),
    "Limits, memory": lambda model, value: Limits(max_memory=value),
    "Limits, operations": lambda model, value: Limits(max_operations=value),
    "Margin": lambda model, value: spikelet.Margin(value),
    "Confidence": lambda model, value: spikelet.Confidence(value),
    "run, steps": lambda model, value: model.run(np.zeros(SHAPE), value),
    "run, early_exit": lambda model, value: model.run(np.zeros(SHAPE), STEPS, early_exit=value),
    "run, record": lambda model, value: model.run(np.zeros(SHAPE), STEPS, record=value),
    "run, layout": lambda model, value: model.run(np.zeros(SHAPE), STEPS, layout=value),
    "run, on_progress": lambda model, value: callable(value) or model.run(np.zeros(SHAPE), STEPS, on_progress=value),
    "stream, steps": lambda model, value: next(model.stream(np.zeros(SHAPE), value)),
    "stream, steps of an iterator": lambda model, value: next(model.stream(iter([np.zeros(SHAPE)]), value)),
    "stream, on_limit": lambda model, value: next(model.stream(np.zeros(SHAPE), STEPS, on_limit=value)),
    "stream, record": lambda model, value: next(model.stream(np.zeros(SHAPE), STEPS, record=value)),
    "stream, layout": lambda model, value: next(model.stream(np.zeros(SHAPE), STEPS, layout=value)),
    "accuracy, labels": lambda model, value: model.run(np.zeros(SHAPE), STEPS).accuracy(value),
    "verify, bundle": lambda model, value: verify(value, "numpy"),
    "verify, engine": lambda model, value: verify(model.bundle, value),
    "measure, steps": lambda model, value: measure(model.bundle, _set(), value, "numpy"),
    "measure, engine": lambda model, value: measure(model.bundle, _set(), STEPS, value),
    "measure, threads": lambda model, value: measure(model.bundle, _set(), STEPS, "numpy", value),
    "measure, buffer": lambda model, value: measure(model.bundle, _set(), STEPS, "numpy", buffer=value),
    "robustness, steps": lambda model, value: robustness(model.bundle, _set(), value, [], [0]),
    "create, record": lambda model, value: create(model.graph, "numpy", value),
}


def _set():
    return ImageSet(np.zeros((1, *SHAPE), np.uint8), None, None, "zeros")


@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_every_wrong_type(option, bundle):
    model = Model(bundle, "numpy")
    for value in VALUES:
        if option == "run, steps" and type(value) in (int, np.int64) and value > 2**10:
            continue  # many time-steps are many
        expect_no_foreign(lambda value=value: OPTIONS[option](model, value))


@pytest.mark.parametrize("engine", ENGINES)
def test_images_of_every_wrong_kind(engine, bundle):
    model = Model(bundle, engine)
    for image in IMAGES:
        if getattr(image, "nbytes", 0) > 2**30 and np.isfinite(image.flat[0]):
            continue  # many images, which are all valid
        expect_no_foreign(lambda image=image: model.run(image, STEPS))
        expect_no_foreign(lambda image=image: next(model.stream(image, STEPS), None))
        expect_no_foreign(lambda image=image: next(model.stream(iter([image]), STEPS), None))


def test_errors_name_object_expectation_and_finding(bundle):
    model = Model(bundle, "numpy")
    for call, where, expected, found in [
        (lambda: model.run(np.zeros(SHAPE), True), "steps", "a whole number of 1…65536", "True"),
        (lambda: model.run(np.zeros(SHAPE), math.nan), "steps", "a whole number of 1…65536", "nan"),
        (lambda: model.run(np.zeros(SHAPE), record=3), "record", LAYERS, "3"),
        (lambda: Model(bundle, "numpy", 0), "threads", "a whole number of 1…1024", "0"),
        (lambda: Model(bundle, "numpy", "2"), "threads", "a whole number of 1…1024", "'2'"),
        (lambda: Model(None), "bundle", "a Bundle", "None"),
        (lambda: model.run(np.zeros(SHAPE), on_progress=1), "on_progress", "a function", "1"),
        (lambda: model.run(np.zeros(SHAPE), layout=["x"]), "layout", '"auto" or "NCHW" or "NHWC"', "['x']"),
    ]:  # fmt: skip
        with pytest.raises(UsageError) as caught:
            call()
        error = caught.value
        assert (error.where, error.expected, error.found) == (where, expected, found)


def test_exceptions_of_the_caller_pass_unchanged(bundle):
    model = Model(bundle, "numpy")

    class Stop(Exception):
        pass

    def stop(*_):
        raise Stop

    with pytest.raises(Stop):
        model.run(np.zeros(SHAPE), STEPS, on_progress=stop)
    with pytest.raises(Stop):
        next(model.stream(stop() for _ in range(3)))
    assert model.run(np.zeros(SHAPE), STEPS).sums.shape[0] == STEPS


class Rule:
    def __init__(self, done):
        self.done = done


@pytest.mark.parametrize(
    "done", [lambda x: None, lambda x: True, lambda x: np.ones(len(x)), lambda x: np.ones(7, bool)]
)
def test_a_rule_that_returns_another_type(bundle, done):
    with pytest.raises(UsageError, match=r"early_exit.done: expected an array of bool \(1,\), found"):
        Model(bundle, "numpy").run(np.zeros(SHAPE), STEPS, early_exit=Rule(done))


FOREIGN = [
    MemoryError(), OSError(errno.ENOSPC, "No space left on device", "cache"), OSError(errno.ENOMEM, "Cannot allocate memory"),
    PermissionError(errno.EACCES, "Permission denied"), RuntimeError("boom"), ValueError("array is too big"), KeyError("x"),
    np.linalg.LinAlgError("singular"), RecursionError("deep"), subprocess.TimeoutExpired("cc", 3),
]  # fmt: skip


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("method", ["_reset", "_step", "__init__"])
def test_exceptions_inside_an_engine_are_wrapped_with_their_cause(bundle, monkeypatch, method, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(numpy.NumpyEngine, method, fail)
    with pytest.raises(SpikeletError) as caught:
        Model(bundle, "numpy").run(np.zeros(SHAPE), STEPS)
    assert caught.value.__cause__ is error
    assert caught.value.where.startswith("engine numpy")
    assert isinstance(caught.value, OutOfMemory) == (isinstance(error, MemoryError) or "allocate" in str(error))


def test_an_error_while_spikes_are_counted_names_their_time_step(bundle, monkeypatch):
    engine = create(bundle.graph, "numpy")
    engine.count_spikes({})
    engine.reset(1)
    monkeypatch.setattr(engine, "_count_step", lambda count: np.zeros(1)[2])
    with pytest.raises(EngineError, match="engine numpy, in time-step 1: "):
        engine.step(np.zeros((1, *SHAPE), np.float32))


def test_an_exception_of_onnx_runtime_is_wrapped(bundle, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnx.lowering, "static_model", lambda graph: b"not a model")
    engine = create(bundle.graph, "onnx")
    engine.reset(1)
    with pytest.raises(EngineError, match=r"engine onnx, in time-step 1: failed with InvalidProtobuf") as caught:
        engine.step(np.zeros((1, *SHAPE), np.float32))
    assert type(caught.value.__cause__).__module__.startswith("onnxruntime")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_no_space_for_temporary_files_while_compiling(monkeypatch, tmp_path, code):
    monkeypatch.setenv("SPIKELET_CACHE", str(tmp_path))
    net = Builder((1, 5, 5), np.random.default_rng(code))
    net.conv("conv", 3)
    net.neuron("if")
    graph = net.graph(classes=code)  # of a shape of its own, so that it is compiled

    class Full:
        def __init__(self, *_, **__):
            raise OSError(code, os.strerror(code), "/tmp")

    monkeypatch.setattr(library.tempfile, "TemporaryDirectory", Full)
    with pytest.raises(EngineError, match=re.escape(f"could not be written ({os.strerror(code)})")) as caught:
        create(graph, "native")
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.warns(RuntimeWarning, match="going on without the native engine"):
        assert create(graph, "auto").name != "native"


def test_a_bundle_that_cannot_be_read(tmp_path, file, monkeypatch):
    for path in (tmp_path, tmp_path / "none.snnb", "", "\0", "x" * 5_000, tmp_path / ("x" * 5_000), "~nobody/x"):
        assert expect_no_foreign(lambda path=path: spikelet.load(path)) is not None
    assert spikelet.load(str(file), engine="numpy").engine == "numpy"


@settings(max_examples=25, deadline=None)
@given(
    graph=st.one_of(graphs(copies=(1, 1, 3)), graphs(exact=False, copies=(1, 1, 3))),
    steps=st.one_of(st.none(), st.integers(-1, 9), st.sampled_from(VALUES[:20])),
    image=st.one_of(st.sampled_from(IMAGES[:6]), st.none()),
    scale=st.sampled_from([0, 1, 255, 256, -1, 0.5, math.nan]),
    engine=st.sampled_from(["numpy", "onnx"]),
)
def test_random_networks_images_and_options(graph, steps, image, scale, engine):
    bundle = bundle_of(graph)
    value = np.full((2, *graph.input.shape), scale) if image is None else image
    if type(steps) is int and steps > 100:
        steps = -steps
    model = Model(bundle, engine)
    expect_no_foreign(lambda: model.run(value, steps, record=graph.spiking))
    expect_no_foreign(lambda: list(model.stream(value, steps)))
    expect_no_foreign(lambda: verify(bundle, engine))


def test_translation():
    assert isinstance(translated(ValueError("x"), "input", DataError), DataError)
    kept = UsageError("as it is")
    assert translated(kept, "anything") is kept
    assert str(translated(RuntimeError("x" * 9_000), "engine")).startswith("engine: failed with RuntimeError: xxx")
    assert len(str(translated(RuntimeError("x" * 9_000), "engine"))) < 600
    assert isinstance(translated(MemoryError(), "engine"), MemoryError)


@pytest.mark.parametrize("labels", [[0, 1, 10], [-1, 0, 1], np.array([0, 1, 2**64 - 1], np.uint64)])
def test_labels_that_are_no_class_are_not_counted_as_wrong(labels):
    result = spikelet.load(shipped.named("vgg5-fashion-mnist"), "numpy").run(
        np.zeros((3, 1, 28, 28), np.uint8), steps=1
    )
    with pytest.raises(DataError, match="labels: expected indices of classes, 0…9, found"):
        result.accuracy(labels)


def test_a_missing_name_lists_the_shipped_ones():
    with pytest.raises(BundleError, match=r"vgg5-fashion: no such file; shipped bundles: .*vgg5-fashion-mnist"):
        spikelet.load("vgg5-fashion")
