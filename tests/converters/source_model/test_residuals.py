"""Residual strategies: measured errors, training pass and gradient."""

import pytest
import torch
from torch import nn

from spikelet.errors import UsageError
from spikelet_converters.source_model.activation import Mode, spiking_layers
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS, EmpiricalResidual
from spikelet_converters.source_model.residuals.gaussian import normal_like
from spikelet_converters.source_model.residuals.strategy import neurons_and_steps
from spikelet_converters.source_model.simulation import (
    layer_rates,
    local_errors,
    local_pairs,
    residual_errors,
    spiking_logits,
)


def network_with(residual, levels=4):
    torch.manual_seed(0)
    spec = NetworkSpec("vgg9", (3, 8, 8), 5, (125, 123, 114), (63.0, 62.0, 67.0), levels, residual, 1.0)
    network = spec.build()
    pixels = torch.randint(0, 256, (8, 3, 8, 8)).float()
    with torch.no_grad():
        for _ in range(3):
            network(pixels)
    return network.eval(), pixels


def train_mode(network):
    """Set a network to training mode with frozen statistics of batch norm."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


class TestErrors:
    def test_a_local_error_is_for_the_same_input(self):
        """Computed by hand for one layer: its weights applied to the spike rates of the layer before."""
        network, pixels = network_with("none")
        rates = layer_rates(network, pixels, Mode.SPIKES, 4)
        by_name = dict(network.named_children())
        z = by_name["bn4"](by_name["conv4"](rates["if3"]))
        lam = by_name["if4"].lam
        q = lam / 4 * torch.floor(4 * (z / lam).clamp(0, 1) + 0.5)
        torch.testing.assert_close(local_errors(network, pixels, 4)["if4"], q - rates["if4"])

    def test_the_first_layers_error_is_local(self):
        network, pixels = network_with("none")
        assert torch.equal(local_errors(network, pixels, 3)["if1"], residual_errors(network, pixels, 3)["if1"])

    def test_local_errors_exclude_those_of_earlier_layers(self):
        network, pixels = network_with("none")
        local, accumulated = local_errors(network, pixels, 4), residual_errors(network, pixels, 4)
        assert float(local["if5"].var()) < float(accumulated["if5"].var())

    def test_they_are_whole_spikes_at_t_equal_l(self):
        network, pixels = network_with("none")
        for name, gap in local_errors(network, pixels, 4).items():
            spikes = gap / (network.get_submodule(name).lam / 4)
            torch.testing.assert_close(spikes, spikes.round(), atol=1e-4, rtol=0)

    def test_measuring_leaves_the_network_as_it_was(self):
        network, pixels = network_with("none")
        before = network(pixels)
        local_pairs(network, pixels, 4)
        assert torch.equal(network(pixels), before)
        assert all(layer.substitute is None for layer in spiking_layers(network).values())


@pytest.mark.parametrize(("name", "shape"), [("gaussian", ()), ("local", ()), ("channel", (64,))])
def test_gaussian_strategies(name, shape):
    network, pixels = network_with(name)
    figures = RESIDUALS[name].refresh(network, [pixels], 4)
    sigma = network.get_submodule("if4").residual.sigma
    assert sigma.shape == shape
    errors = (residual_errors if name == "gaussian" else local_errors)(network, pixels, 4)["if4"]
    expected = errors.var((0, 2, 3) if shape else None, correction=0).sqrt()
    torch.testing.assert_close(sigma, expected)
    assert figures["if4"] == pytest.approx(float(expected.square().mean().sqrt()), rel=1e-5)
    torch.manual_seed(1)
    noise = network.get_submodule("if4").residual.perturb(torch.zeros(4000, 64, 1, 1))
    torch.testing.assert_close(noise.std((0, 2, 3)), sigma.expand(64), rtol=0.1, atol=1e-6)


@pytest.mark.parametrize("name", ["gaussian", "channel", "empirical"])
def test_measured_errors_are_part_of_the_weights(name):
    network, pixels = network_with(name)
    RESIDUALS[name].refresh(network, [pixels], 4)
    other, _ = network_with(name)
    other.load_state_dict(network.state_dict())
    for key, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[key], value), key


class TestEmpirical:
    def test_draws_errors_that_were_seen_at_the_level(self):
        network, pixels = network_with("empirical")
        RESIDUALS["empirical"].refresh(network, [pixels] * 3, 4)
        layer = network.get_submodule("if3")
        quantum = layer.lam.item() / 4
        a, phi = local_pairs(network, pixels, 4)["if3"]
        for level in range(5):
            at_level = torch.full((2000,), level * quantum)
            drawn = ((at_level - layer.residual.perturb(at_level)) / quantum).round().int()
            seen = ((a - phi)[(a / quantum).round() == level] / quantum).round().int()
            if len(seen):
                assert set(drawn.tolist()) <= set(seen.tolist())
        silent = torch.zeros(5000)
        assert (layer.residual.perturb(silent) >= 0).all(), "a silent neuron can only fire too often"

    def test_has_the_mean_and_deviation_of_the_errors(self):
        network, pixels = network_with("empirical")
        RESIDUALS["empirical"].refresh(network, [pixels] * 8, 4)
        layer = network.get_submodule("if3")
        a, phi = local_pairs(network, pixels, 4)["if3"]
        torch.manual_seed(2)
        drawn = a - layer.residual.perturb(a)
        assert float(drawn.mean()) == pytest.approx(float((a - phi).mean()), abs=0.01)
        assert float(drawn.std()) == pytest.approx(float((a - phi).std()), rel=0.3)

    def test_there_is_no_perturbation_before_a_measurement(self):
        a = torch.rand(3)
        assert EmpiricalResidual().perturb(a) is a


class TestExact:
    @pytest.mark.parametrize("steps", [1, 2, 4])
    def test_the_training_pass_computes_the_spiking_network(self, steps):
        """Logits of the pass are the mean logits of the simulated spiking network after T steps."""
        network, pixels = network_with("exact")
        RESIDUALS["exact"].prepare(network, pixels, steps)
        train_mode(network)
        logits = network(pixels)
        expected = spiking_logits(network, pixels, steps)[-1] / steps
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)

    def test_the_gradient_is_the_quantisers(self):
        network, pixels = network_with("exact")
        RESIDUALS["exact"].prepare(network, pixels, 2)
        layer = network.get_submodule("if3")
        z = torch.randn_like(layer.residual.rate).requires_grad_()
        network.train()
        grad = torch.randn_like(z)
        (gradient,) = torch.autograd.grad(layer(z), z, grad)
        inside = (z > 0) & (z < layer.lam)
        torch.testing.assert_close(gradient, grad * inside)

    def test_evaluation_has_no_perturbation(self):
        network, pixels = network_with("exact")
        before = network(pixels)
        RESIDUALS["exact"].prepare(network, pixels, 1)
        assert torch.equal(network(pixels), before)


@pytest.mark.parametrize("name", ["gaussian", "channel", "empirical"])
def test_measured_errors_are_loaded_to_the_device_of_the_network(name):
    """A run that is resumed on a GPU loads its checkpoint to the CPU."""
    residual = RESIDUALS[name].layer()
    table = "table" if name == "empirical" else "sigma"
    saved = {
        key: torch.ones(3, *value.shape[1:]) if key == table else value for key, value in residual.state_dict().items()
    }
    residual.to("meta")
    with pytest.warns(UserWarning, match="no-op"):  # a tensor of the meta device takes no values
        residual.load_state_dict(saved)
    assert getattr(residual, table).device.type == "meta"
    assert len(getattr(residual, table)) == 3


class TestSampled:
    def test_every_image_has_the_rate_of_its_own_time_steps(self):
        """Compared with one simulation for each T, and with the limit and the quantiser."""
        network, pixels = network_with("exact-sample")
        draws = (1, 2, 4, "limit", "quantised", 4, 1, 2)
        train_mode(network)
        strategy = RESIDUALS["exact-sample"]
        strategy.prepare(network, pixels, draws)
        outputs = {}

        def keep(layer, inputs, out):
            if layer.training:
                outputs[layer] = (inputs[0].detach(), out.detach())

        for layer in spiking_layers(network).values():
            layer.register_forward_hook(keep)
        with torch.no_grad():
            network(pixels)
        for name, layer in spiking_layers(network).items():
            z, out = outputs[layer]
            for steps in (1, 2, 4):
                rate = layer_rates(network, pixels, Mode.SPIKES, steps)[name]
                rows = [i for i, draw in enumerate(draws) if draw == steps]
                torch.testing.assert_close(out[rows], rate[rows])
            torch.testing.assert_close(out[3], z[3].clamp(min=0).minimum(layer.lam.detach()))
            lam = layer.lam.detach()
            torch.testing.assert_close(out[4], lam / 4 * torch.floor(4 * (z[4] / lam).clamp(0, 1) + 0.5))

    def test_equal_draws_give_the_gradients_of_the_exact_residual(self):
        gradients = {}
        for name, steps in (("exact", 2), ("exact-sample", (2,) * 8)):
            torch.manual_seed(0)
            spec = NetworkSpec(
                "vgg9", (3, 8, 8), 5, (125, 123, 114), (63.0, 62.0, 67.0), 4, name, 1.0, train_potential=True
            )
            network = spec.build()
            pixels = torch.randint(0, 256, (8, 3, 8, 8)).float()
            with torch.no_grad():
                network(pixels)
            train_mode(network)
            RESIDUALS[name].prepare(network, pixels, steps)
            network(pixels).square().sum().backward()
            gradients[name] = {key: value.grad for key, value in network.named_parameters()}
        for key, gradient in gradients["exact"].items():
            torch.testing.assert_close(gradients["exact-sample"][key], gradient)

    def test_copies_are_refused(self):
        network, pixels = network_with("exact-sample")
        with pytest.raises(UsageError, match="exact-sample: draws T for one neuron per channel; use exact for kxT"):
            RESIDUALS["exact-sample"].prepare(network, pixels, (1, "2x2"))


class TestCopies:
    def test_at_t_1_they_are_the_quantiser(self):
        """k copies in one time-step send what the quantiser of k levels gives, in every layer."""
        network, pixels = network_with("none", levels=3)
        copies = layer_rates(network, pixels, Mode.SPIKES, 1, copies=3)
        for name, value in layer_rates(network, pixels, Mode.RATE, 1).items():
            torch.testing.assert_close(copies[name], value)

    def test_the_first_layer_has_the_rate_of_k_t_time_steps(self):
        network, pixels = network_with("none")
        together = layer_rates(network, pixels, Mode.SPIKES, 2, copies=3)["if1"]
        torch.testing.assert_close(together, layer_rates(network, pixels, Mode.SPIKES, 6)["if1"])

    def test_the_exact_residual_trains_on_them(self):
        network, pixels = network_with("exact")
        train_mode(network)
        RESIDUALS["exact"].prepare(network, pixels, "3x2")
        layer = spiking_layers(network)["if3"]
        assert layer.residual.steps == 6
        assert torch.equal(layer.residual.rate, layer_rates(network, pixels, Mode.SPIKES, 2, copies=3)["if3"])


def test_the_gradient_of_lambda_can_follow_the_spike_rate():
    """`exact` takes that of the quantiser with L levels, `exact-rate` that of the simulated rate: by hand."""
    expected = {}
    for name in ("exact", "exact-rate"):
        network, pixels = network_with(name)
        train_mode(network)
        RESIDUALS[name].prepare(network, pixels, 1)
        layer, z = spiking_layers(network)["if1"], torch.rand(8, 32, 8, 8) * 1.5 - 0.2
        layer.residual.rate = rate = layer.lam.detach() * (z > 0.3)
        if name == "exact-rate":
            layer.residual.lambda_rate = rate
        layer(z).sum().backward()
        lam = layer.lam.detach()
        a = rate if name == "exact-rate" else lam / 4 * torch.floor(4 * (z / lam) + 0.5).clamp(0, 4)
        inside = (z > 0) & (z < lam)
        slope = torch.sigmoid(layer.rho.detach())  # of softplus
        expected[name] = (a - z * inside).sum() / lam * slope
        torch.testing.assert_close(layer.rho.grad, expected[name], rtol=1e-4, atol=1e-4)
    assert not torch.isclose(expected["exact"], expected["exact-rate"], rtol=0.01)


@pytest.mark.parametrize(
    ("draw", "kind"), [(3, (1, 3)), ("2x4", (2, 4)), ("limit", (1, 0)), ("quantised", (1, 0)), ("10x1", (10, 1))]
)
def test_draws(draw, kind):
    assert neurons_and_steps(draw) == kind


@pytest.mark.parametrize("draw", [0, -1, "0x1", "2x0", "x", "2x", "2x2x2", "1.5", True + 0.5, "limits"])
def test_other_draws_are_refused(draw):
    with pytest.raises(ValueError, match='expected a number of 1 or more, "kxT", "limit" or "quantised", found'):
        neurons_and_steps(draw)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_noise_is_drawn_in_the_order_of_the_memory(memory_format):
    values = torch.empty(2, 3, 4, 5).contiguous(memory_format=memory_format)
    torch.manual_seed(0)
    noise = normal_like(values)
    torch.manual_seed(0)
    drawn = torch.randn(values.numel())
    assert noise.shape == values.shape
    assert noise.stride() == values.stride()
    assert torch.equal(torch.as_strided(noise, (values.numel(),), (1,)), drawn)
