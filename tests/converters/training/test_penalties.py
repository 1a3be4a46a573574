"""Penalties: the residual error and the synaptic operations as terms of the loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from converters_support import colours
from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import tally
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.source_model.activation import Mode, spiking_layers
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.source_model.simulation import layer_rates
from spikelet_converters.training.checkpoint import load_checkpoint
from spikelet_converters.training.loop import train
from spikelet_converters.training.penalties import OperationsPrice, Penalties, ResidualPenalty, penalties_of
from spikelet_converters.training.recipe import Recipe

SPEC = NetworkSpec("vgg5", (3, 8, 8), 3, (125, 123, 114), (63.0, 62.0, 67.0), 4, "exact", 1.0)


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = SPEC.build()
    pixels = torch.randint(0, 256, (6, 3, 8, 8)).float()
    with torch.no_grad():
        network(pixels)
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    return network, pixels


def test_the_residual_penalty_is_that_of_the_final_potential(network):
    """Recomputed by a simulation of each neuron on its mean current: the sum does not depend on the order of spikes."""
    network, pixels = network
    RESIDUALS["exact"].prepare(network, pixels, 3)
    penalties = Penalties(network, [(lambda _: 2.0, ResidualPenalty())])
    seen = {}

    def keep(layer, inputs):
        seen[layer] = inputs[0].detach()

    for layer in spiking_layers(network).values():
        layer.register_forward_pre_hook(keep)
    network(pixels)
    total = float(penalties.added_to(torch.zeros(())).detach())
    expected = 0.0
    for layer in spiking_layers(network).values():
        theta, spikes = layer.lam.detach(), 3 * layer.residual.rate / layer.lam.detach()
        v = 0.5 * theta + 3 * seen[layer] - theta * spikes
        below, above = (-v / theta).clamp(min=0) ** 2, (v / theta - 1).clamp(min=0) ** 2
        expected += float((below * (spikes > 0.5) + above * (spikes < 2.5)).mean())
    assert total == pytest.approx(2 * expected, rel=1e-4)
    assert expected > 0
    assert float(penalties.added_to(torch.ones(()))) == 1, "terms belong to one pass"


def test_layers_without_residual_error_have_no_penalty(network):
    """The input of the first layer is constant. Without simulation there is nothing to penalise."""
    network, pixels = network
    name, layer = next(iter(spiking_layers(network).items()))
    RESIDUALS["exact"].prepare(network, pixels, 3)
    z = network.bn1(network.conv1(network.normalise(pixels)))
    assert float(ResidualPenalty().term(name, layer, z, layer(z)).detach()) == pytest.approx(0, abs=1e-10)
    RESIDUALS["exact"].prepare(network, pixels, "limit")
    assert ResidualPenalty().term(name, layer, z, layer(z)) is None


def test_the_price_counts_the_operations_of_the_runtime(network):
    """Spikes weighted with fan-out, as the runtime measures them on the traced graph."""
    network, pixels = network
    price = OperationsPrice(network, SPEC.shape)
    steps = 2
    graph = trace(network.eval(), SPEC.shape)
    events = tally(graph, sites(graph), pixels.numpy().astype(np.uint8), steps, "numpy").events
    rates = layer_rates(network, pixels, Mode.SPIKES, steps)
    layers = spiking_layers(network)
    share = sum(float(price.term(name, layers[name], rate, rate).detach()) for name, rate in rates.items())
    assert share * price.possible * steps * len(pixels) == pytest.approx(events.sum(), rel=0.01), "float32 ties"


def test_a_price_lowers_the_spike_rate(tmp_path):
    """The same run, once with a high price."""
    data, operations = colours(60), {}
    for weight in (0.0, 20.0):
        recipe = Recipe(epochs=3, batch=16, learning_rate=0.05, seed=1, time_steps=(1, 2), spike_price=weight)
        train(SPEC, recipe, data, tmp_path / str(weight))
        trained = load_checkpoint(tmp_path / str(weight) / "last.pt").network()
        rates = layer_rates(trained, torch.from_numpy(data.images).float(), Mode.SPIKES, 2)
        operations[weight] = sum(float((r > 0).float().mean()) for r in rates.values())
    assert operations[20.0] < 0.7 * operations[0.0]


def test_a_price_rises_from_0_in_the_first_share_of_a_run(network):
    """The loss of the same pass at different times of a run of 10 epochs; the residual penalty does not rise."""
    network, pixels = network
    recipe = Recipe(epochs=10, spike_price=2.0, price_rise=0.4, residual_penalty=1.0)
    penalties = penalties_of(network, SPEC, recipe)
    totals = []
    for penalties.epoch in (0.0, 1.0, 2.0, 4.0, 9.0):
        RESIDUALS["exact"].prepare(network, pixels, 2)
        network(pixels)
        totals.append(float(penalties.added_to(torch.zeros(())).detach()))
    price = totals[-1] - totals[0]
    assert price > 0
    assert totals[0] > 0
    assert np.subtract(totals, totals[0]) == pytest.approx([0, price / 4, price / 2, price, price], rel=1e-4)
    assert Recipe(epochs=10, spike_price=2.0).spike_price_at(0) == 2


def test_a_run_follows_the_rise_of_the_price(tmp_path, monkeypatch):
    times = []
    monkeypatch.setattr(Recipe, "spike_price_at", lambda _, epoch: times.append(epoch) or 0.0)
    train(SPEC, Recipe(epochs=2, batch=16, spike_price=1.0, time_steps=(1,)), colours(60), tmp_path / "a")
    assert sorted(set(times)) == pytest.approx([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3])


def test_a_recipe_without_penalties_attaches_nothing(network):
    recipe = Recipe(epochs=1)
    network, pixels = network
    loss = torch.ones(())
    penalties = penalties_of(network, SPEC, recipe)
    network(pixels)
    assert penalties.added_to(loss) is loss
    both = penalties_of(network, SPEC, replace(recipe, spike_price=1.0, residual_penalty=1.0))
    RESIDUALS["exact"].prepare(network, pixels, 2)
    network(pixels)
    assert float(both.added_to(loss).detach()) > 1
