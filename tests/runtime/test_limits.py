"""Limits on memory and operations: the requirements of a network are computed before anything is allocated."""

import itertools
import json

import numpy as np
import pytest

from counts.calls import peak_bytes
from networks import Builder, small_graph
from spikelet import cli
from spikelet.bounds import cost
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Golden, Manifest, write
from spikelet.data import ImageSet
from spikelet.engines import ENGINES, Workload, choose, create, engine_class
from spikelet.errors import CostError, UsageError
from spikelet.graph import Graph
from spikelet.limits import DEFAULT_MEMORY, DEFAULT_OPERATIONS, Limits, in_environment, parse, size
from spikelet.metrics.measurement import measure
from spikelet.metrics.robustness import robustness
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Output, SumPool2d
from spikelet.session import Model, load
from spikelet.verify import record_golden, verify, verify_step
from spikelet.verify.golden import Divergence, compare

ONE = np.ones(1, np.int32)
FREE = Limits(max_memory=2**60, max_operations=2**60)


def bomb(side=16383):
    """Return a network of a few one-byte weights with an image of side x side between them."""
    pad = (side - 1) // 2
    nodes = {
        "input": Input((1, 1, 1), np.zeros(1, np.int16)),
        "blow": Conv2d(np.zeros((1, 1, 1, 1), np.int8), 0 * ONE, (1, 1), (pad, pad)),
        "shrink": SumPool2d((side, side), (1, 1)),
        "if": IF(ONE, 0 * ONE),
        "flat": Flatten(),
        "output": Output(),
    }
    names = list(nodes)
    return Graph(nodes, tuple(itertools.pairwise(names)))


def bundle_of(graph, golden=None):
    if golden is None:  # golden data that does not come from a run of the network
        spikes = {name: np.zeros((1, 1, graph.neurons(name)), bool) for name in graph.spiking}
        golden = Golden(np.zeros((1, *graph.input.shape), np.int16), np.zeros((1, 1, graph.classes), np.int32), spikes)
    return Bundle(graph, Manifest("net", bits=8, exact_steps=exact_steps(graph)), golden, "# net\n")


BOMB = bomb()
IMAGES = ImageSet(np.zeros((1, 1, 1, 1), np.uint8), None, None, "zeros")
ENTRANCES = {
    "Model": lambda bundle, engine: Model(bundle, engine),
    "verify": verify,
    "measure": lambda bundle, engine: measure(bundle, IMAGES, 1, engine),
    "create": lambda bundle, engine: create(bundle.graph, engine),
    "choose": lambda bundle, engine: choose(bundle.graph, engine),
    "robustness": lambda bundle, engine: robustness(bundle, IMAGES, 1),
    "golden inputs": lambda bundle, engine: record_golden(bundle.graph, IMAGES.images, 1),
}


class TestABomb:
    @pytest.mark.parametrize("engine", ["auto", *ENGINES])
    @pytest.mark.parametrize("entrance", ENTRANCES)
    def test_every_entry_point_refuses_it_before_allocations(self, entrance, engine):
        bundle = bundle_of(BOMB)

        def enter():
            with pytest.raises(CostError, match="needs up to .* GiB of memory and 268.7 G operations"):
                ENTRANCES[entrance](bundle, engine)

        assert peak_bytes(enter) < 2**22

    def test_the_error_states_requirement_limit_and_remedy(self):
        with pytest.raises(CostError) as caught:
            Model(bundle_of(BOMB), "numpy")
        error = caught.value
        assert error.where.startswith("engine numpy, for a batch of 1 (most of it in node blow (Conv2d, 1x16383x16383)")
        assert error.found == "4 GiB of memory and 268.7 G operations per image and time-step"
        assert error.expected == "at most 100 G operations"
        assert "--max-operations 269G (SPIKELET_MAX_OPERATIONS)" in error.remedy
        with pytest.raises(CostError) as caught:
            Model(bundle_of(BOMB), "numpy", limits=Limits(max_memory=2**30))
        assert caught.value.expected == "at most 1 GiB and 100 G operations"
        assert "--max-memory 4G (SPIKELET_MAX_MEMORY)" in caught.value.remedy

    @pytest.mark.parametrize("engine", ENGINES)
    def test_a_limit_can_be_raised(self, engine):
        graph = bomb(31)
        needed = engine_class(engine).memory(graph, Workload())
        operations = sum(cost.operations(graph).values())
        with pytest.raises(CostError):
            Model(bundle_of(graph), engine, limits=Limits(needed - 1, operations))
        with pytest.raises(CostError):
            Model(bundle_of(graph), engine, limits=Limits(needed, operations - 1))
        result = Model(bundle_of(graph), engine, limits=Limits(2 * needed + 2**20, operations)).run(
            np.zeros((1, 1, 1)), 1
        )
        assert result.sums.shape == (1, 1, 1)

    def test_commands_refuse_it(self, tmp_path, capsys, monkeypatch):
        write(bundle_of(bomb(31)), tmp_path / "bomb.snnb")
        np.save(tmp_path / "x.npy", np.zeros((1, 1, 1), np.uint8))
        monkeypatch.chdir(tmp_path)
        for command in ("run", "energy", "robustness", "verify", "bench", "report", "validate", "watch"):
            data = {"verify": [], "bench": [], "watch": ["."]}.get(command, ["x.npy"])
            more = ["-o", "page.html"] if command == "report" else []
            call = [command, "bomb.snnb", *data, *more, "--max-operations", "1000", "--json"]
            assert cli.main(call) == 1, command
            error = json.loads(capsys.readouterr().out)["error"]
            assert "--max-operations 1G (SPIKELET_MAX_OPERATIONS)" in error, command
        assert cli.main(["run", "bomb.snnb", "x.npy", "--steps", "1", "--engine", "numpy", "--json"]) == 0

    def test_the_environment_sets_limits_too(self, monkeypatch, tmp_path, capsys):
        write(bundle_of(bomb(31)), tmp_path / "bomb.snnb")
        monkeypatch.setenv("SPIKELET_MAX_OPERATIONS", "1k")
        with pytest.raises(CostError):
            load(tmp_path / "bomb.snnb")
        # an option has priority over the environment
        call = ["verify", str(tmp_path / "bomb.snnb"), "--engine", "numpy", "--max-operations", "1G"]
        assert cli.main(call) in (0, 1)
        assert "limit" not in capsys.readouterr().err
        monkeypatch.setenv("SPIKELET_MAX_OPERATIONS", "many")
        with pytest.raises(UsageError, match="SPIKELET_MAX_OPERATIONS: expected a number such as .*, found 'many'"):
            load(tmp_path / "bomb.snnb")


class TestDefaults:
    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize("name", ["vgg16", "resnet18"])
    def test_large_networks_of_224_x_224_are_permitted(self, engine, name):
        graph = vgg16() if name == "vgg16" else resnet18()
        operations = sum(cost.operations(graph).values())
        assert operations == pytest.approx(15.5e9 if name == "vgg16" else 1.8e9, rel=0.05)
        assert 5 * operations < DEFAULT_OPERATIONS
        assert engine_class(engine).memory(graph, Workload()) < DEFAULT_MEMORY
        choose(graph, engine, Limits())

    def test_a_batch_is_made_smaller_before_a_run_is_refused(self):
        graph = small_graph()
        images = np.random.default_rng(0).integers(0, 256, (40, *graph.input.shape))
        free, needed = Model(bundle_of(graph), "numpy"), engine_class("numpy").memory(graph, Workload(batch=3))
        results = 2 * 40 * 4 * 8 * (graph.classes + len(graph.spiking))
        tight = Model(bundle_of(graph), "numpy", limits=Limits(max_memory=max(needed, results)))
        done = []
        result = tight.run(images, 4, on_progress=lambda count, total: done.append(count))
        assert done[0] < 32
        assert np.array_equal(result.sums, free.run(images, 4).sums)

    def test_a_window_that_does_not_fit_is_not_used(self):
        graph = small_graph()
        needed = engine_class("onnx").memory(graph, Workload())
        assert needed < engine_class("onnx").memory(graph, Workload(window=16))
        tight = Model(bundle_of(graph), "onnx", limits=Limits(max_memory=needed))
        image = np.full(graph.input.shape, 100)
        assert np.array_equal(tight.run(image, 16).sums, Model(bundle_of(graph), "numpy").run(image, 16).sums)

    def test_records_and_results_count(self):
        model = Model(bundle_of(small_graph()), "numpy", limits=Limits(max_memory=2**21))
        image = np.zeros(model.graph.input.shape)
        layer = model.graph.spiking[0]
        model.run(image, 8, record=layer)
        with pytest.raises(CostError, match="results of 1 samples in .* time-steps: needs up to"):
            model.run(image, 8, record=[layer] * 10_000)


class TestGoldenInputs:
    @pytest.fixture
    def lying(self):
        """Golden data with wrong spikes of 8,000 neurons in 40 time-steps."""
        net = Builder((4, 10, 200), np.random.default_rng(0))
        net.neuron("if1")
        graph = net.graph(2)
        honest = record_golden(graph, np.full((1, *graph.input.shape), 200, np.uint8), 40)
        spikes = {name: ~value for name, value in honest.spikes.items()}
        return bundle_of(graph, Golden(honest.inputs, honest.logits, spikes))

    def test_the_comparison_takes_a_few_bytes_for_each_spike(self, lying):
        """The positions of all differing spikes would take 24 bytes for each."""
        spikes = {name: ~value for name, value in lying.golden.spikes.items()}
        result, used = None, 0

        def compared():
            nonlocal result
            result = compare(lying, "numpy", lying.golden.logits, spikes)

        used = peak_bytes(compared)
        assert result.differing_spikes == result.neuron_steps == 40 * lying.graph.neuron_count
        assert result.first == Divergence(0, 1, "if1", (0, 0, 0))
        assert used < 4 * result.neuron_steps

    @pytest.mark.parametrize(
        "replayed", [lambda bundle: verify(bundle, "numpy"), verify_step], ids=["engine", "step.onnx"]
    )
    def test_the_recording_is_compared_with_the_limit(self, lying, replayed):
        needed = engine_class("numpy").memory(lying.graph, Workload())
        recording = 40 * 3 * lying.graph.neuron_count
        assert needed < recording
        with (
            in_environment((needed + recording) // 2, None),
            pytest.raises(CostError, match="golden inputs: 1 samples in 40"),
        ):
            replayed(lying)
        assert not replayed(lying).ok


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "number"),
        [("1", 1), ("512M", 512 * 2**20), ("8G", 8 * 2**30), ("8 GiB", 8 * 2**30), ("1.5k", 1536), ("1e11", 10**11)],
    )
    def test_sizes(self, text, number):
        assert parse(text, 1024) == number

    @pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "1e99", "8X", "G", "1e", "٣", "0.1", "1" * 400])
    def test_invalid_sizes_are_refused(self, text):
        with pytest.raises(ValueError, match="expected a number such as"):
            parse(text, 1024)

    @pytest.mark.parametrize("value", [0, -1, 1.5, None, "8G", True, float("nan"), [1]])
    def test_limits_are_whole_numbers(self, value):
        with pytest.raises(UsageError, match=r"Limits.max_memory: expected a whole number of 1 or more, found"):
            Limits(max_memory=value)

    def test_bytes_in_words(self):
        assert [size(n) for n in (5, 1024, 3 * 2**20, 5 * 2**40)] == ["5 bytes", "1 KiB", "3 MiB", "5 TiB"]

    def test_the_environment_is_restored(self, monkeypatch):
        monkeypatch.setenv("SPIKELET_MAX_MEMORY", "3G")
        with in_environment(2**20, 7):
            assert Limits() == Limits(2**20, 7)
        assert Limits() == Limits(3 * 2**30, DEFAULT_OPERATIONS)


def _weights(*shape):
    return np.broadcast_to(np.int8(1), shape)  # one byte of memory, whatever the shape


def _per_channel(count):
    return np.ones(count, np.int32)


def vgg16():
    nodes = {"input": Input((3, 224, 224), np.zeros(3, np.int16))}
    channels = 3
    for stage, (count, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))):
        for index in range(count):
            kernel = _weights(width, channels, 3, 3)
            nodes[f"conv{stage}.{index}"] = Conv2d(kernel, 0 * _per_channel(width), (1, 1), (1, 1))
            nodes[f"if{stage}.{index}"] = IF(_per_channel(width), 0 * _per_channel(width))
            channels = width
        nodes[f"pool{stage}"] = SumPool2d((2, 2), (2, 2))
    nodes["flat"] = Flatten()
    features = 512 * 7 * 7
    for index, width in enumerate((4096, 4096, 1000)):
        nodes[f"fc{index}"] = Linear(_weights(width, features), 0 * _per_channel(width))
        if width != 1000:
            nodes[f"fcif{index}"] = IF(_per_channel(width), 0 * _per_channel(width))
        features = width
    nodes["output"] = Output()
    names = list(nodes)
    return Graph(nodes, tuple(itertools.pairwise(names)))


def resnet18():
    nodes = {"input": Input((3, 224, 224), np.zeros(3, np.int16))}
    edges, here = [], "input"

    def add(name, node, *sources):
        nonlocal here
        nodes[name] = node
        edges.extend((source, name) for source in sources or (here,))
        here = name

    def conv(name, inputs, outputs, kernel, stride, *sources):
        weight, pad = _weights(outputs, inputs, kernel, kernel), kernel // 2
        add(name, Conv2d(weight, 0 * _per_channel(outputs), (stride, stride), (pad, pad)), *sources)

    def fire(name, count):
        add(name, IF(_per_channel(count), 0 * _per_channel(count)))

    conv("conv", 3, 64, 7, 2)
    fire("if", 64)
    add("pool", SumPool2d((2, 2), (2, 2)))
    channels = 64
    for stage, width in enumerate((64, 128, 256, 512)):
        for block in range(2):
            root, stride = here, 2 if stage and not block else 1
            conv(f"a{stage}.{block}", channels, width, 3, stride)
            fire(f"ifa{stage}.{block}", width)
            conv(f"b{stage}.{block}", width, width, 3, 1)
            last = here
            conv(f"s{stage}.{block}", channels, width, 1, stride, root)
            add(f"add{stage}.{block}", Add(), last, here)
            fire(f"ifb{stage}.{block}", width)
            channels = width
    add("mean", SumPool2d((7, 7), (7, 7)))
    add("flat", Flatten())
    add("fc", Linear(_weights(1000, 512), 0 * _per_channel(1000)))
    add("output", Output())
    return Graph(nodes, tuple(edges))
