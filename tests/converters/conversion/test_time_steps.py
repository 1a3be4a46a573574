"""A bundle is run at the T of its conversion: scales, engines and defaults of the commands follow --steps."""

import json
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from converters_support import PATTERN_SHAPE as SHAPE
from converters_support import patterns
from spikelet import cli
from spikelet.bounds.ranges import EXACT_LIMIT, INT32_LIMIT, accumulators, exact_steps
from spikelet.bundle import read, write
from spikelet.data import arrays
from spikelet.engines import available, choose, create, run
from spikelet.errors import ConversionError, EngineError, UsageError
from spikelet.graph import Graph
from spikelet.nodes import IF, Input, Linear, Output
from spikelet.session import Model
from spikelet_converters.conversion.fitting import fitted
from spikelet_converters.conversion.quantise import quantise
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.frontends.torch import from_module


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4))
    data = patterns(200)
    x, y = torch.from_numpy(data.images).float() / 255, torch.from_numpy(data.labels)
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimiser.step()
    return network.eval()


def converted(network, steps, **options):
    return convert_source(
        from_module(network, SHAPE),
        "mlp",
        calibration=Calibration(patterns(), steps=steps),
        data=[patterns()],
        **options,
    )


@pytest.fixture(scope="module")
def bundles(network):
    return {steps: converted(network, steps) for steps in (4, 64, 512)}


def spikes_by_hand(graph, pixels, steps):
    """Return the spike counts by layer and the logits, computed in int64 without rounding."""
    v = {name: np.repeat(graph.nodes[name].v_init.astype(np.int64)[None], len(pixels), 0) for name in graph.spiking}
    counts, logits = dict.fromkeys(graph.spiking, 0), 0
    for _ in range(steps):
        values = {}
        for name in graph.order:
            node, x = graph.nodes[name], [values[source] for source in graph.predecessors[name]]
            if isinstance(node, Input):
                values[name] = pixels.astype(np.int64) - node.mean.astype(np.int64).reshape(1, -1, 1, 1)
            elif isinstance(node, Linear):
                values[name] = x[0] @ node.weight.astype(np.int64).T + node.bias.astype(np.int64)
            elif isinstance(node, IF):
                v[name] = v[name] + x[0]
                fired = v[name] >= node.theta
                v[name] -= fired * node.theta.astype(np.int64)
                values[name] = fired.astype(np.int64)
                counts[name] = counts[name] + values[name]
            elif isinstance(node, Output):
                values[name] = x[0]
                logits = logits + x[0]
            else:
                values[name] = x[0].reshape(len(pixels), -1)
    return counts, logits


class TestScales:
    def test_few_time_steps_change_nothing(self, network, bundles):
        assert bundles[4].graph == quantise_calibrated(network, 4)
        assert not any("bits instead of" in note for note in bundles[4].manifest.conversion["notes"])

    def test_bits_are_given_up_for_more_time_steps(self, bundles):
        bundle = bundles[64]
        assert bundle.manifest.exact_steps >= 64
        assert exact_steps(bundle.graph) >= 64
        (note,) = bundle.manifest.conversion["notes"]
        assert "weights of " in note
        assert "bits instead of 8 in some channels, so that 64 time-steps are exact" in note
        assert bundle.manifest.results[0]["accuracy"][-1] >= bundle.manifest.results[0]["float_accuracy"] - 0.05

    def test_wider_accumulators_for_many_time_steps(self, bundles):
        bundle = bundles[512]
        limit = bundle.manifest.exact_steps
        assert limit == exact_steps(bundle.graph) < 512 <= exact_steps(bundle.graph, INT32_LIMIT)
        (note,) = bundle.manifest.conversion["notes"]
        assert note == (
            "512 time-steps are exact on the engines native and numpy and in exported C, whose accumulators are wider "
            f"than float32; the engine onnx runs {limit}"
        )

    def test_sums_beyond_32_bits_are_refused_with_a_remedy(self, network):
        source = from_module(network, SHAPE)
        with pytest.raises(
            ConversionError, match=r"cannot be exact for 60000 time-steps .*; use --steps \d+ or fewer, fewer"
        ):
            fitted(source.graph, 8, 60000)

    def test_a_sum_of_one_time_step_beyond_float32(self):
        """3,072 inputs of one sign leave ±2^24 at 8 bits in one time-step; fewer bits do not."""
        weight = np.full((2, 3072), 0.1, np.float32)
        nodes = {
            "input": Input((3072,), np.zeros(3072, np.float32), 0, 255),
            "fc": Linear(weight, np.zeros(2, np.float32)),
            "if": IF(np.full(2, 100.0, np.float32), np.full(2, 50.0, np.float32), "subtract", ">="),
            "out": Linear(np.eye(2, dtype=np.float32), np.zeros(2, np.float32)),
            "output": Output(),
        }
        graph = Graph(nodes, tuple(pairwise(nodes)))
        with pytest.raises(ConversionError, match="can reach .* in one time-step"):
            quantise(graph, 8)
        result = fitted(graph, 8, 1)
        assert exact_steps(result.graph) >= 1
        assert result.bits["fc"] < 8

    @pytest.mark.parametrize("steps", [1, 7, 30, 200])
    def test_every_sum_is_within_the_proof(self, network, steps):
        graph = fitted(from_module(network, SHAPE).graph, 8, steps).graph
        limit = EXACT_LIMIT if exact_steps(graph) >= steps else INT32_LIMIT
        for accumulator in accumulators(graph):
            assert (accumulator.start + steps * accumulator.per_step).max() <= limit


def test_a_chain_of_convolutions_without_neurons_that_leaves_the_range_names_the_ways_out():
    """The sums of the second one leave the range within one time-step, whatever T is."""
    torch.manual_seed(0)
    chain = nn.Sequential(nn.Conv2d(1, 64, 3), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36864, 4))
    with torch.no_grad():
        chain[0].weight *= 1000
    with pytest.raises(
        ConversionError, match=r"node n\d: cannot be exact for 4 time-steps .*; fewer --bits, or --float32"
    ):
        fitted(from_module(chain, SHAPE).graph, 8, 4)


def quantise_calibrated(network, steps):
    """Return the graph of a conversion whose scales are not adapted."""
    from spikelet_converters.conversion.calibrated import calibrated

    source = from_module(network, SHAPE)
    graph = calibrated(source, Calibration(patterns(), steps=steps)).graph
    return quantise(graph, 8).graph


class TestEngines:
    @pytest.mark.parametrize("engine", ["numpy", "native"])
    def test_all_spikes_of_many_time_steps(self, bundles, engine):
        """Every spike and logit of 512 time-steps is that of int64 arithmetic; potentials leave ±2^24."""
        bundle = bundles[512]
        if engine not in available(bundle.graph):
            pytest.skip("no compiler")
        pixels = np.full((3, *SHAPE), 255, np.uint8)
        pixels[1, :, :14], pixels[2] = 0, patterns(3).images[2]
        counts, logits = spikes_by_hand(bundle.graph, pixels, 512)
        result = Model(bundle, engine).run(pixels, 512)
        assert np.array_equal(np.rint(result.logits[-1] / bundle.graph.output.scale), logits)
        for name, count in counts.items():
            assert result.spike_counts[name].sum(0).tolist() == count.sum(1).tolist()
        runner = create(bundle.graph, engine, bundle.graph.spiking, steps=512)
        for _ in run(runner, pixels[None], 512):
            pass
        assert max(np.abs(runner.potentials(name)).max() for name in bundle.graph.spiking) > EXACT_LIMIT

    def test_float32_engines_refuse_by_name(self, bundles):
        bundle = bundles[512]
        pytest.importorskip("onnxruntime")
        with pytest.raises(
            EngineError, match=r"engine onnx: 512 time-steps, .* exact for \d+ .* use --engine numpy or native"
        ):
            Model(bundle, "onnx").run(patterns(2).images, 512)

    def test_auto_selects_an_engine_that_is_exact(self, bundles, monkeypatch):
        bundle = bundles[512]
        assert choose(bundle.graph, steps=512) in ("native", "numpy")
        monkeypatch.setattr("spikelet.engines.available", lambda graph: ("numpy", "onnx"))
        model = Model(bundle)
        assert len(model.run(patterns(2).images).logits) == 512
        assert model.engine == "numpy"

    def test_more_time_steps_than_the_bundle_was_converted_for(self, bundles):
        with pytest.raises(UsageError, match="proven exact for 512 time-steps .* or convert with --steps 600"):
            Model(bundles[512]).run(patterns(2).images, 600)


class TestDefaults:
    @pytest.fixture
    def folder(self, bundles, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for steps, bundle in bundles.items():
            write(bundle, tmp_path / f"t{steps}.snnb")
        arrays.write(tmp_path / "data.npz", patterns(6))
        return tmp_path

    @pytest.mark.parametrize("steps", [4, 64])
    def test_every_command_runs_at_the_T_of_the_bundle(self, folder, steps, capsys):
        assert read(folder / f"t{steps}.snnb").default_steps == steps
        for argv in (
            ["run"],
            ["energy"],
            ["robustness", "--faults", "dropped", "--levels", "0.1", "--seeds", "0"],
            ["validate", "--images", "1", "--neurons", "2"],
        ):
            if argv[0] == "validate" and find_spec("brian2") is None:
                continue
            capsys.readouterr()
            assert cli.main([argv[0], f"t{steps}.snnb", "data.npz", *argv[1:], "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["steps"] == steps

    def test_a_bundle_for_many_time_steps(self, folder, capsys):
        for argv in (["run"], ["energy"]):
            capsys.readouterr()
            assert cli.main([*argv, "t512.snnb", "data.npz", "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["steps"] == 512

    def test_compared_bundles_share_the_smallest_T(self, folder, capsys):
        assert cli.main(["compare", "t64.snnb", "t4.snnb", "data.npz", "--json"]) == 0
        assert [entry["steps"] for entry in json.loads(capsys.readouterr().out)["bundles"]] == [4, 4]

    def test_a_network_that_is_exact_for_few_time_steps(self, bundles):
        graph = bundles[512].graph
        bundle = replace(bundles[512], manifest=replace(bundles[512].manifest, conversion={}))
        assert bundle.default_steps == min(8, exact_steps(graph))
        assert len(Model(bundle, "numpy").run(patterns(2).images).logits) == bundle.default_steps
