"""Compiled training: the same network as without, and training goes on when the compiler fails."""

import functools

import pytest
import torch

from converters_support import colours
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.training import loop
from spikelet_converters.training.compiled import CompiledForward
from spikelet_converters.training.execution import Execution
from spikelet_converters.training.loop import train
from spikelet_converters.training.recipe import Recipe

SPEC = NetworkSpec("vgg5", (3, 8, 8), 3, (125, 123, 114), (63.0, 62.0, 67.0), 4, "none", 1.0)
RECIPE = Recipe(epochs=1, batch=16, learning_rate=0.05, seed=1)


@pytest.fixture(scope="module")
def data():
    return colours(40)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by the tracer itself
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is:DeprecationWarning")  # by a module that it imports
@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")  # of torch, on that version
def test_the_traced_pass_trains_the_same_network(data, tmp_path, monkeypatch):
    """The backend "eager" traces the pass as every backend does, and then executes its operations as they are."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager", fullgraph=True))
    passes = []
    monkeypatch.setattr(loop, "CompiledForward", lambda network: passes.append(CompiledForward(network)) or passes[0])
    plain = train(SPEC, RECIPE, data, tmp_path / "plain")
    compiled = train(SPEC, RECIPE, data, tmp_path / "compiled", execution=Execution(compiled=True))
    assert compiled.provenance["compiled"]
    assert [forward.failure for forward in passes] == [None], "one graph, without breaks"
    assert all(torch.allclose(value, plain.weights[key], atol=1e-5) for key, value in compiled.weights.items())


def test_a_compiler_that_fails_is_replaced_by_the_network(monkeypatch):
    def failing(network):
        def call(pixels):
            raise RuntimeError("no compiler\nfound")

        return call

    monkeypatch.setattr(torch, "compile", failing)
    network = torch.nn.Linear(2, 3)
    forward = CompiledForward(network)
    pixels = torch.ones(1, 2)
    assert forward.failure is None
    for _ in range(2):
        assert torch.equal(forward(pixels), network(pixels))
    assert forward.failure == "RuntimeError: no compiler"
