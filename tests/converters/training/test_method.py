"""Activations of the methods: values, gradients, and their form in the bundle."""

import numpy as np
import pytest
import torch

from spikelet.nodes import IF
from spikelet_converters.conversion.quantise import quantise
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.source_model.activation import Mode, Simulation, SpikingActivation, spiking_layers
from spikelet_converters.source_model.firing import integrate_and_fire
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.quantiser import ClipFloor, Form
from spikelet_converters.source_model.residuals import RESIDUALS, NoResidual
from spikelet_converters.source_model.simulation import float_logits, layer_rates, noisy_logits, spiking_logits


def trained_like(model="vgg9", residual="none", levels=4):
    """Return a network with batch norm statistics, in evaluation mode, and pixels."""
    torch.manual_seed(0)
    network = NetworkSpec(model, (3, 8, 8), 5, (125, 123, 114), (63.0, 62.0, 67.0), levels, residual, 1.0).build()
    pixels = torch.randint(0, 256, (8, 3, 8, 8)).float()
    for _ in range(3):
        network(pixels)
    return network.eval(), pixels


@pytest.mark.parametrize("levels", [1, 2, 4, 8])
@pytest.mark.parametrize("model", ["vgg9", "resnet20"])
def test_the_first_layers_sigma_is_exactly_zero_at_t_equal_l(model, levels):
    network, pixels = trained_like(model, "gaussian", levels=levels)
    sigmas = RESIDUALS["gaussian"].refresh(network, [pixels, pixels.flip(0)], levels)
    first = next(iter(spiking_layers(network)))
    assert sigmas[first] == 0.0
    assert max(sigmas.values()) > 0 or levels == 1, "with one level this network is silent"
    other = RESIDUALS["gaussian"].refresh(network, [pixels], levels + 1)
    assert other[first] > 0, "at another T the quantisation differs"


def straight_through(z, lam, levels, slope, shift):
    """Return a(z); autograd computes its gradient, with that of the floor set to one."""
    scaled = levels * torch.clamp(z / lam, 0, 1) + shift
    floored = scaled + (torch.floor(scaled) - scaled).detach()
    q = lam / levels * floored.clamp(0, levels)
    return slope * lam * torch.clamp(z / lam, 0, 1) + (1 - slope) * q


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_slip_relu_and_its_gradient(slope):
    """SlipReLU (Jiang et al., ICML 2023): c clip(z) + (1 - c) q(z); c = 0 is QCFS, c = 1 the clipped identity."""
    torch.manual_seed(0)
    z = (torch.randn(50, 3, dtype=torch.float64) * 2 + 0.5).requires_grad_()
    lam = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(50, 3, dtype=torch.float64)
    expected = straight_through(z, lam, 4, slope, 0.5)
    value = ClipFloor.apply(z, lam, Form(4, slope))
    torch.testing.assert_close(value, expected)
    gradients = torch.autograd.grad(expected, (z, lam), grad)
    torch.testing.assert_close(torch.autograd.grad(value, (z, lam), grad), gradients)


def test_a_trained_potential_is_the_shift_of_the_quantiser_and_of_the_neuron():
    """v(0) = shift theta: with a constant input the neuron fires floor(T z / theta + shift) times."""
    z = torch.arange(-64, 192, dtype=torch.float32).reshape(-1, 1) / 64
    for shift in (0.0, 0.25, 0.75, 1.0):
        p = torch.tensor([shift])
        one = torch.tensor(1.0)
        rate = ClipFloor.apply(z, one, Form(4), p)
        spikes = integrate_and_fire(z, one, 4, shift=p, constant=True).reshape(4, -1, 1).mean(0)
        assert torch.equal(rate, spikes)
        assert torch.equal(spikes, (torch.floor(4 * z + shift) / 4).clamp(0, 1))


def test_the_gradient_of_a_potential_is_lambda_over_t():
    z = torch.tensor([[0.3, -1.0], [2.0, 0.6]])
    lam, shift = torch.tensor(1.0), torch.full((2,), 0.5, requires_grad=True)
    for steps in (None, 1, 8):
        a = ClipFloor.apply(z, lam, Form(4, steps=None if steps is None else torch.tensor(steps)), shift)
        (gradient,) = torch.autograd.grad(a.sum(), shift)
        assert gradient.tolist() == pytest.approx([1 / (steps or 4)] * 2), "one element of each channel is inside"


def spec(**options):
    return NetworkSpec("vgg9", (3, 8, 8), 5, (125, 123, 114), (63.0, 62.0, 67.0), 4, "exact", 1.0, **options)


def test_trained_potentials_reach_the_bundle():
    torch.manual_seed(0)
    network = spec(train_potential=True).build()
    pixels = torch.randint(0, 256, (8, 3, 8, 8)).float()
    network(pixels)
    with torch.no_grad():
        for layer in spiking_layers(network).values():
            layer.shift += torch.rand_like(layer.shift) - 0.5
    graph = trace(network.eval(), (3, 8, 8))
    layer = network.get_submodule("if3")
    node = graph.nodes["if3"]
    np.testing.assert_allclose(node.v_init / node.theta, layer.shift.detach(), rtol=1e-5, atol=1e-7)
    exact = quantise(graph, 8).graph.nodes["if3"]
    assert isinstance(exact, IF)
    assert np.abs(exact.v_init - exact.theta * layer.shift.detach().numpy()).max() <= 1


class TestExact:
    def network(self, **options):
        torch.manual_seed(0)
        network = spec(**options).build()
        pixels = torch.randint(0, 256, (8, 3, 8, 8)).float()
        with torch.no_grad():
            for _ in range(3):
                network(pixels)
        network.train()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        return network, pixels

    def test_the_limit_is_the_clipped_identity(self):
        network, pixels = self.network()
        RESIDUALS["exact"].prepare(network, pixels, "limit")
        layer = network.get_submodule("if2")
        z = torch.randn(2, 32, 4, 4)
        torch.testing.assert_close(layer(z), z.clamp(min=0).minimum(layer.lam))

    def test_many_time_steps_approach_the_limit(self):
        network, pixels = self.network()
        RESIDUALS["exact"].prepare(network, pixels, "limit")
        limit = network(pixels).detach()
        errors = [float((spiking_logits(network, pixels, t)[-1] / t - limit).abs().mean()) for t in (2, 8, 64)]
        assert errors[0] > errors[1] > errors[2]

    def test_quantised_is_the_quantiser(self):
        network, pixels = self.network()
        RESIDUALS["exact"].prepare(network, pixels, 2)
        RESIDUALS["exact"].prepare(network, pixels, "quantised")
        torch.testing.assert_close(network(pixels), float_logits(network, pixels))

    def test_simulating_leaves_a_frozen_batch_norm_frozen(self):
        """Otherwise training pass and simulation compute different networks."""
        network, pixels = self.network()
        before = network.get_submodule("bn3").running_mean.clone()
        for _ in range(2):
            RESIDUALS["exact"].prepare(network, pixels, 2)
            network(pixels)
        assert network.training
        assert not network.get_submodule("bn3").training
        assert torch.equal(network.get_submodule("bn3").running_mean, before)

    @pytest.mark.parametrize("steps", [1, 3])
    def test_the_pass_with_trained_potentials_is_the_spiking_network_too(self, steps):
        network, pixels = self.network(train_potential=True)
        with torch.no_grad():
            for layer in spiking_layers(network).values():
                layer.shift += 0.3 * torch.rand_like(layer.shift)
        RESIDUALS["exact"].prepare(network, pixels, steps)
        logits = network(pixels)
        torch.testing.assert_close(logits, spiking_logits(network, pixels, steps)[-1] / steps, atol=1e-4, rtol=1e-4)
        logits.sum().backward()
        assert network.get_submodule("if1").shift.grad.abs().sum() > 0


def test_images_are_given_once_where_the_current_is_constant():
    """Evaluating constant currents once gives the same rates as repeating each image T times."""
    network, pixels = trained_like("resnet20")
    rates = layer_rates(network, pixels, Mode.SPIKES, 3)
    for layer in spiking_layers(network).values():
        layer.simulation = Simulation(Mode.SPIKES, 3, record=True)
    with torch.no_grad():
        network(pixels.repeat(3, 1, 1, 1))
    for name, layer in spiking_layers(network).items():
        torch.testing.assert_close(rates[name], layer.recorded)


def test_noise_on_is_the_residual_with_batch_norm_fixed():
    network, pixels = trained_like("vgg9", "gaussian")
    torch.testing.assert_close(noisy_logits(network, pixels), float_logits(network, pixels))
    for layer in spiking_layers(network).values():
        layer.residual.sigma = torch.tensor(0.3)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    noisy = noisy_logits(network, pixels)
    assert (noisy - float_logits(network, pixels)).abs().max() > 1e-3
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not any(layer.simulation.noisy for layer in spiking_layers(network).values())


def test_thresholds_are_not_rounded_under_mixed_precision():
    layer = SpikingActivation(4, NoResidual(), 1.0)
    z = torch.full((3,), 0.375, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        a = layer(z)
    assert a.dtype == torch.float32
    torch.testing.assert_close(a, torch.full((3,), 0.5))
