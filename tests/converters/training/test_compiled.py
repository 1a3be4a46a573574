"""Compiled training: the same network as without, and training goes on when the compiler fails."""

import functools
import shutil

import numpy as np
import pytest
import torch

from converters_support import colours
from spikelet import cli
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.source_model.residuals.strategy import LIMIT
from spikelet_converters.training.checkpoint import load_checkpoint
from spikelet_converters.training.compiled import CompiledForward
from spikelet_converters.training.execution import Execution
from spikelet_converters.training.loop import train
from spikelet_converters.training.recipe import Recipe

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),  # by the tracer itself
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is:DeprecationWarning"),  # by a module that it imports
    pytest.mark.filterwarnings(
        "ignore:Guards may run slower on Python 3.13.0:RuntimeWarning"
    ),  # of torch, on that version
]
SPEC = NetworkSpec("vgg5", (3, 8, 8), 3, (125, 123, 114), (63.0, 62.0, 67.0), 4, "none", 1.0)
RECIPE = Recipe(epochs=1, batch=16, learning_rate=0.05, seed=1)


@pytest.fixture(scope="module")
def data():
    return colours(40)


class TestTraced:
    """Other backends trace the pass as the default does, and then execute its operations as they are."""

    def test_it_trains_the_same_network(self, data, tmp_path, monkeypatch):
        monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager", fullgraph=True))
        failures = []
        plain = train(SPEC, RECIPE, data, tmp_path / "plain")
        execution = Execution(compiled=True, on_compiler_failure=failures.append)
        compiled = train(SPEC, RECIPE, data, tmp_path / "compiled", execution=execution)
        assert compiled.provenance["compiled"]
        assert failures == [], "one graph, without breaks"
        assert all(torch.allclose(value, plain.weights[key], atol=1e-5) for key, value in compiled.weights.items())

    @pytest.mark.parametrize("residual", RESIDUALS)
    def test_it_is_compiled_once_for_all_time_steps(self, residual, monkeypatch):
        graphs = []

        def backend(graph, inputs, **options):
            graphs.append(graph)
            return graph.forward

        monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend, fullgraph=True))
        strategy, failures = RESIDUALS[residual], []
        torch.manual_seed(0)
        neuron = SpikingActivation(4, strategy.layer(), channels=2)
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), neuron)
        forward = CompiledForward(network, failures.append)
        pixels = torch.randint(0, 256, (4, 3, 8, 8)).float()
        strategy.refresh(network.eval(), [pixels], 4)
        network.train()
        for steps in (1, 2, 3, 5):
            strategy.prepare(network, pixels, (steps, LIMIT, 1, 2) if strategy.by_image else steps)
            forward(pixels).sum().backward()
        assert failures == [], "one graph, without breaks"
        assert len(graphs) == 1


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_random_numbers_are_those_of_the_network_without_compilation():
    network, failures = torch.nn.Dropout(), []
    forward, values = CompiledForward(network, failures.append), torch.ones(4, 8)
    torch.manual_seed(0)
    compiled = forward(values)
    torch.manual_seed(0)
    assert torch.equal(compiled, network(values))
    assert failures == []


@pytest.fixture
def no_compiler(monkeypatch):
    """Let every compiled call fail."""

    def failing(network, **options):
        def call(pixels):
            raise RuntimeError("no compiler\nfound")

        return call

    monkeypatch.setattr(torch, "compile", failing)


def test_a_compiler_that_fails_is_replaced_by_the_network(no_compiler):
    network, failures = torch.nn.Linear(2, 3), []
    forward = CompiledForward(network, failures.append)
    pixels = torch.ones(1, 2)
    for _ in range(2):
        assert torch.equal(forward(pixels), network(pixels))
    assert failures == ["RuntimeError: no compiler"], "reported once"


def test_the_command_reports_that_the_compiler_failed(no_compiler, data, tmp_path, capsys):
    np.savez(tmp_path / "images.npz", x_train=data.images, y_train=data.labels)
    options = "--model vgg5 --residual none --epochs 1 --batch 16 --compile --device cpu"
    assert (
        cli.main(["train", "--data", str(tmp_path / "images.npz"), "--out", str(tmp_path / "run"), *options.split()])
        == 0
    )
    assert "torch.compile failed, training continues without it: RuntimeError: no compiler" in capsys.readouterr().out
    assert not load_checkpoint(tmp_path / "run" / "best.pt").provenance["compiled"]
