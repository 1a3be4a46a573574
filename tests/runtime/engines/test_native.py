"""Failure cases of the native engine: compilers, caches, batches, numbers at their limits."""

import itertools
import mmap
import os
import platform
import subprocess
from functools import cache as cache_results
from types import SimpleNamespace

import numpy as np
import pytest

import spikelet
from counts.calls import peak_bytes
from joined_libraries import compile_together
from networks import Builder, large_graph, small_graph
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.engines import available, choose, create, native
from spikelet.engines.native import cache, compiled, compiler, library, memory
from spikelet.engines.native import engine as native_engine
from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.lowering.c.host import HostProgram
from spikelet.lowering.c.interface import library_source
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d
from spikelet.verify import record_golden

pytestmark = pytest.mark.usefixtures("flags_of_users")
RNG = np.random.default_rng(0)


@pytest.fixture
def not_optimised(monkeypatch):
    """Compile the networks of tests that do not depend on it quickly, and together."""
    monkeypatch.setenv("SPIKELET_CFLAGS", "-O0")
    compile_together([signed(), flattened()])


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An empty cache, and no loaded libraries."""
    monkeypatch.setenv("SPIKELET_CACHE", str(tmp_path))
    monkeypatch.setenv("SPIKELET_CFLAGS", "-O0")  # the generated code is not tested here
    monkeypatch.setattr(library, "_loaded", {})
    settings = ("CC", "SPIKELET_CFLAGS")
    run_once = lambda source, target=None: compile_once(source, target, *map(os.environ.get, settings))  # noqa: E731
    monkeypatch.setattr(library, "compiled", run_once)
    return tmp_path / "native"


@cache_results
def compile_once(source, target, *settings, compiled=library.compiled):
    """Run the compiler once for the same arguments."""
    return compiled(source, target)


def answers(graph, engine, images, steps=3, **options):
    runner = create(graph, engine, **options)
    runner.reset(len(images))
    return np.stack([runner.step(images if t == 0 else None) for t in range(steps)])


def pixels(graph, n=2):
    return RNG.integers(graph.input.low, graph.input.high + 1, (n, *graph.input.shape)).astype(np.float32)


def test_the_flags_are_those_of_users():
    """The process that starts the workers of a parallel run sets -O0 for the other tests, and workers inherit it."""
    assert "-O0" not in compiler.flags()


class TestCache:
    def test_a_library_is_compiled_once(self, fresh, monkeypatch):
        graph = small_graph()
        assert native.prepare_graph(graph).compiled
        assert len(list(fresh.iterdir())) == 1
        monkeypatch.setattr(library, "_loaded", {})
        monkeypatch.setattr(library, "compiled", lambda source: pytest.fail("compiled again"))
        assert not native.prepare_graph(graph).compiled
        # other weights, the same shapes: the same library
        assert not native.prepare_graph(small_graph(seed=5)).compiled

    def test_the_source_of_a_graph_is_generated_once(self, fresh, monkeypatch):
        graphs, generate = [], library.library_source
        monkeypatch.setattr(library, "library_source", lambda program: (graphs.append(program), generate(program))[1])
        graph = small_graph()
        assert choose(graph) == "native"
        for _ in range(2):
            create(graph, "native")
        assert len(graphs) == 1

    @pytest.mark.skipif(os.name != "posix", reason="Windows keeps the files of loaded libraries")
    @pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"x" + data[1:], lambda data: b""])
    def test_a_damaged_library_is_compiled_again(self, fresh, monkeypatch, damage):
        graph = small_graph()
        expected = answers(graph, "numpy", images := pixels(graph))
        path = native.prepare_graph(graph).path
        good = path.read_bytes()
        path.unlink()  # this process has loaded the old file: damage a new one
        path.write_bytes(damage(good))
        path.chmod(0o700)
        monkeypatch.setattr(library, "_loaded", {})
        assert np.array_equal(answers(graph, "native", images), expected)
        assert cache.find(path.stem) == path

    def test_another_processor_has_another_library(self, fresh, monkeypatch):
        first = native.prepare_graph(small_graph()).path
        monkeypatch.setattr(library.compiler, "processor", lambda: "some other")
        second = native.prepare_graph(small_graph())
        assert second.compiled
        assert second.path != first

    @pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
    def test_a_folder_that_others_may_write_to_is_not_used(self, fresh):
        fresh.mkdir()
        fresh.chmod(0o777)
        prepared = native.prepare_graph(small_graph())
        assert prepared.path is None
        assert list(fresh.iterdir()) == []
        assert "others may write to it" in native.cache_state()

    def test_without_a_cache_every_process_compiles(self, fresh, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("", "utf-8")
        monkeypatch.setenv("SPIKELET_CACHE", str(tmp_path / "file"))
        graph = small_graph()
        images = pixels(graph)
        assert np.array_equal(answers(graph, "native", images), answers(graph, "numpy", images))
        assert native.prepare_graph(graph).path is None
        assert "cannot be written" in native.cache_state()

    def test_a_cross_compiled_library_needs_no_compiler(self, fresh, monkeypatch):
        graph = small_graph()
        source = library_source(HostProgram(graph, product_bytes=library.GENERIC_BYTES))
        cache.keep(library.generic_key(graph, platform.machine()), library.compiled(source))
        monkeypatch.setenv("CC", "no-such-cc")
        assert choose(graph) == "native"
        images = pixels(graph)
        assert np.array_equal(answers(graph, "native", images), answers(graph, "numpy", images))

    def test_a_stored_library_that_the_system_does_not_load(self, fresh, monkeypatch):
        """The stored file consists of the library and a digest."""
        load, refused = library._load, []

        def load_outside_of_the_cache(path):
            refused.extend([path] if path.parent == fresh else [])
            return None if path.parent == fresh else load(path)

        monkeypatch.setattr(library, "_load", load_outside_of_the_cache)
        graph = small_graph()
        images = pixels(graph)
        assert np.array_equal(answers(graph, "native", images), answers(graph, "numpy", images))
        assert refused


@pytest.fixture
def windows(monkeypatch):
    """Functions of the system with the results of Windows."""
    for module in (compiler, memory):
        monkeypatch.setattr(module, "os", SimpleNamespace(name="nt", environ=os.environ))
    for name in ("MAP_PRIVATE", "MAP_ANONYMOUS", "MADV_HUGEPAGE"):
        monkeypatch.delattr(mmap, name, raising=False)


class TestOtherSystems:
    def test_memory_on_windows(self, windows):
        values = np.arange(2**20, dtype=np.int32)
        copy = memory.aligned_copy(values)
        copy[0] = 7
        assert copy.ctypes.data % memory.ALIGNMENT == 0
        assert np.array_equal(copy[1:], values[1:])
        assert not memory.zero_bytes(100).any()

    def test_a_compiler_in_a_folder_of_windows(self, windows, monkeypatch):
        monkeypatch.setenv("CC", r'"C:\Program Files\mingw\gcc.exe" -m64')
        monkeypatch.setattr(compiler.shutil, "which", lambda name: name)
        assert compiler.find() == [r"C:\Program Files\mingw\gcc.exe", "-m64"]
        assert not {"-fPIC", "-pthread", "-DTHREADS"} & {*compiler.flags()}

    @pytest.mark.parametrize(
        ("machine", "flags"),
        [
            *((machine, ["-march=native"]) for machine in ("x86_64", "AMD64", "aarch64", "armv7l", "s390x")),
            *((machine, ["-mcpu=native"]) for machine in ("arm64", "ARM64", "ppc64le")),
            ("riscv64", []),
        ],
    )
    def test_the_flag_for_a_processor(self, machine, flags, monkeypatch):
        """Clang on macOS and GCC for POWER know -mcpu=native, GCC for RISC-V neither."""
        monkeypatch.setattr(compiler.platform, "machine", lambda: machine)
        assert [flag for flag in compiler.flags() if "native" in flag] == flags


class TestCompiler:
    def test_a_missing_compiler_is_reported_and_auto_selects_another_engine(self, fresh, monkeypatch):
        monkeypatch.setenv("CC", "no-such-cc")
        graph = small_graph()
        assert "native" not in available(graph)
        assert choose(graph) == "onnx"
        with pytest.raises(EngineError, match="expected the C compiler 'no-such-cc', found none"):
            create(graph, "native")

    def test_the_error_of_the_compiler_is_shown_and_auto_selects_another_engine(self, fresh, monkeypatch):
        monkeypatch.setenv("SPIKELET_CFLAGS", "-include no-such-file.h")
        graph = small_graph()
        with pytest.raises(EngineError, match="the compiler failed: .*; .*no-such-file.h: No such file"):
            create(graph, "native")
        with pytest.warns(RuntimeWarning, match="going on without the native engine"):
            assert choose(graph) == "onnx"

    @pytest.mark.parametrize("variable", ["CC", "SPIKELET_CFLAGS"])
    def test_quotation_marks_that_are_not_closed_are_reported(self, fresh, monkeypatch, variable):
        monkeypatch.setenv(variable, "gcc '-O1")
        message = f'{variable}: expected a command with its flags, found "gcc \'-O1" \\(No closing quotation\\)'
        with pytest.raises(EngineError, match=message):
            create(small_graph(), "native")

    def test_one_that_writes_nothing_is_no_success(self, fresh, monkeypatch):
        monkeypatch.setenv("CC", "true")
        with pytest.raises(
            EngineError, match="the compiler failed: true .*; exit code 0, no message and no output file"
        ):
            create(small_graph(), "native")

    def test_its_text_is_clean(self, tmp_path):
        (tmp_path / "model.c").write_text(library_source(HostProgram(small_graph())), "utf-8")
        command = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-c", "model.c"]
        subprocess.run(command, cwd=tmp_path, check=True)


def test_threads_share_a_batch():
    graph = small_graph()
    images = pixels(graph, 7)
    expected = answers(graph, "numpy", images)
    for threads in (1, 2, 3, 16):
        assert np.array_equal(answers(graph, "native", images, threads=threads), expected)


def test_refuses_pixels_that_are_no_whole_numbers_in_range():
    engine = create(small_graph(), "native")
    for value in (0.5, -1, 256, np.nan):
        engine.reset(1)
        with pytest.raises(EngineError, match="expected whole numbers 0…255 as pixels, found"):
            engine.step(np.full((1, 3, 6, 6), value, np.float32))


def test_engines_of_one_graph_share_its_weights():
    graph = small_graph()
    first, second = create(graph, "native"), create(graph, "native", ["if1"])
    assert first._compiled is second._compiled


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("channels", "outputs"), [(64, 64), (70, 130), (300, 20), (1100, 10)])
def test_extreme_weights_do_not_overflow(channels, outputs, sign):
    """Every input spikes and every weight is the largest of 8 bits: sums reach their proven bounds."""
    net = Builder((channels, 3, 3), RNG)
    ones = np.ones(channels, np.int32)
    net.nodes["input"] = Input((channels, 3, 3), (0 * ones).astype(np.int16))
    net.add("if0", IF(ones, 0 * ones))
    weight = np.full((outputs, channels, 3, 3), 127 if sign > 0 else -128, np.int8)
    weight[::3] *= -1 if sign > 0 else 1
    net.add("conv", Conv2d(weight, np.full(outputs, 1000 * sign, np.int32), (1, 1), (1, 1)))
    net.add("if1", IF(np.full(outputs, 127 * channels * 4, np.int32), np.full(outputs, 5, np.int32)))
    graph = net.graph()
    images = np.full((1, channels, 3, 3), 255, np.float32)
    steps = min(4, exact_steps(graph))
    for record in ([], ["if0", "if1"]):
        runs = []
        for name in ("numpy", "native"):
            engine = create(graph, name, record)
            engine.reset(1)
            logits = [engine.step(images if t == 0 else None) for t in range(steps)]
            runs.append([*logits, *(engine.potentials(layer) for layer in record)])
        assert all(np.array_equal(a, b) for a, b in zip(*runs, strict=True))


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_wide_weights(dtype):
    rng = np.random.default_rng(3)
    net = Builder((3, 5, 5), rng)
    net.conv("conv1", 6)
    net.neuron("if1", scale=2000)
    limit = 2000 if dtype == np.int16 else 70_000
    weight = rng.integers(-limit, limit, (20, 6, 3, 3)).astype(dtype)
    net.add("conv2", Conv2d(weight, np.zeros(20, np.int32), (2, 1), (1, 0)))
    net.neuron("if2", scale=limit)
    graph = net.graph()
    images = pixels(graph)
    assert np.array_equal(answers(graph, "native", images), answers(graph, "numpy", images))


def signed():
    ones = np.ones(4, np.int32)
    nodes = {
        "int": Input((4,), (3 * ones).astype(np.int16), -300, 300),
        "struct": Scale((2 * ones).astype(np.int8)),
        "a.b": IF(50 * ones, 0 * ones),
        "a_b": Linear(RNG.integers(-9, 9, (4, 4)).astype(np.int8), ones),
        "memset": IF(5 * ones, ones, "zero", ">"),
        "s": Linear(RNG.integers(-9, 9, (3, 4)).astype(np.int8), ones[:3]),
        "p": Output(),
    }
    names = list(nodes)
    return Graph(nodes, tuple(itertools.pairwise(names)))


@pytest.mark.usefixtures("not_optimised")
def test_signed_pixels_and_names_that_c_knows():
    graph = signed()
    images = RNG.integers(-300, 301, (3, 4)).astype(np.float32)
    assert np.array_equal(answers(graph, "native", images), answers(graph, "numpy", images))


def flattened():
    net = Builder((2, 3, 4), np.random.default_rng(1))
    net.neuron("if0", scale=300)
    flat = net.add("flatten0", Flatten())
    net.add("scale", Scale(net.integers(-5, 5, 24, np.int8)))
    net.neuron("if1", scale=4)
    net.add("add", Add(), ("if1", flat))
    net.neuron("if2", scale=2, reset="zero", tie=">")
    return net.graph()


@pytest.mark.usefixtures("not_optimised")
def test_flattened_spikes_feed_other_nodes_than_linear():
    graph = flattened()
    images = pixels(graph)
    assert np.array_equal(answers(graph, "native", images, 6), answers(graph, "numpy", images, 6))


def test_an_engine_has_one_copy_of_the_weights(tmp_path, monkeypatch):
    """A network with 16.5 MB of weights needs its bundle, the packed weights and less than 16 MB more."""
    monkeypatch.setenv("SPIKELET_CFLAGS", "-O1")
    graph = large_graph()
    weights = sum(node.weight.nbytes for node in graph.nodes.values() if isinstance(node, Conv2d | Linear))
    path = tmp_path / "large.snnb"
    golden = record_golden(graph, np.zeros((1, 3, 64, 64), np.uint8), 1)
    write(Bundle(graph, Manifest("large", None, 8, exact_steps(graph)), golden, ""), path)
    copied, working = [], []
    aligned, zeros = memory.aligned_copy, memory.zero_bytes
    monkeypatch.setattr(compiled, "aligned_copy", lambda values: copied.append(values.nbytes) or aligned(values))
    monkeypatch.setattr(native_engine, "zero_bytes", lambda size: working.append(size) or zeros(size))
    pixels = np.full((3, 64, 64), 200, np.uint8)
    spikelet.load(path, "native").run(pixels, steps=8)  # compiled once; what is loaded once is not counted
    copied.clear(), working.clear()
    allocated = peak_bytes(lambda: spikelet.load(path, "native").run(pixels, steps=8))
    assert weights <= sum(copied) < weights + 2**20, "one copy of the weights, and the small parameters"
    assert sum(working) + allocated - path.stat().st_size < 16e6


@pytest.mark.parametrize(("channels", "pools", "window"), [(16, True, 8), (400, True, 2), (400, False, 4)])
def test_the_workspace_of_a_window_has_no_more_bytes_than_the_parameters(channels, pools, window):
    """But at least 2 MB and at most 4: a network whose last layer reads 400 x 32 x 32 inputs has 6.6 MB of parameters.

    Five of its time-steps fit 4 MB; a window is a power of two.
    """
    net = Builder((1, 32, 32), np.random.default_rng(0))
    net.conv("conv", channels)
    net.neuron("if")
    if pools:
        net.add("pool", SumPool2d((32, 32), (32, 32)))
    assert HostProgram(net.graph()).window == window


def test_dense_values_share_memory_unless_both_are_needed():
    net = Builder((2, 5, 4), np.random.default_rng(1))
    net.conv("conv1", 4)
    net.neuron("if1", scale=2000)
    kept = net.conv("kept", 4)  # read by if2, and later by the first sum
    net.neuron("if2", scale=60)
    branch = net.conv("branch", 4)
    net.add("sum", Add(), (branch, kept))
    root = net.neuron("if3", scale=100)
    branch = net.conv("branch2", 4)
    shortcut = net.add("shortcut", Scale(np.arange(1, 5, dtype=np.int8)), (root,))
    net.add("sum2", Add(), (branch, shortcut))
    net.neuron("if4", scale=60)
    graph = net.graph()
    arrays = HostProgram(graph).plan.dense_arrays
    assert arrays["kept"] != arrays["sum"]
    assert arrays["sum2"] == arrays["kept"]
    pixels = np.random.default_rng(2).integers(0, 256, (2, *graph.input.shape)).astype(np.float32)
    expected = record_golden(graph, pixels, 3)
    assert all(expected.spikes[layer].any() for layer in graph.spiking)
    for threads in (1, 2):
        engine = create(graph, "native", graph.spiking, threads)
        engine.reset(2)
        for t in range(3):
            assert np.array_equal(engine.step(pixels if t == 0 else None), expected.logits[t])
            for layer in graph.spiking:
                assert np.array_equal(engine.spikes(layer).reshape(2, -1), expected.spikes[layer][t])
