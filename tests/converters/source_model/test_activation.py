"""The source activation against its formula, its gradient and the IF neuron."""

from dataclasses import replace

import pytest
import torch

from spikelet.errors import UsageError
from spikelet.metrics.tally import tally
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.source_model import quantiser
from spikelet_converters.source_model.activation import Mode, Simulation, SpikingActivation, spiking_layers
from spikelet_converters.source_model.firing import integrate_and_fire
from spikelet_converters.source_model.networks import NETWORKS, NetworkSpec
from spikelet_converters.source_model.quantiser import ClipFloor, Form
from spikelet_converters.source_model.residuals import RESIDUALS, GaussianResidual, NoResidual
from spikelet_converters.source_model.simulation import Mode as SameMode
from spikelet_converters.source_model.simulation import float_logits, layer_rates, residual_errors, spiking_logits
from spikelet_converters.training.begin import take_weights
from spikelet_converters.training.checkpoint import Checkpoint

assert SameMode is Mode


def spec(model="vgg9", residual="none", levels=4, size=8):
    return NetworkSpec(model, (3, size, size), 5, (125, 123, 114), (63.0, 62.0, 67.0), levels, residual, 1.0)


def trained_like(model="vgg9", residual="none", size=8, seed=0, levels=4):
    """Return a network with batch norm statistics, in evaluation mode, and pixels."""
    torch.manual_seed(seed)
    network = spec(model, residual, levels, size).build()
    pixels = torch.randint(0, 256, (8, 3, size, size)).float()
    for _ in range(3):
        network(pixels)
    return network.eval(), pixels


def reference(z, lam, levels):
    """Return q(z); autograd computes its gradient, with that of the floor set to one."""
    scaled = levels * torch.clamp(z / lam, 0, 1) + 0.5
    return lam / levels * (scaled + (torch.floor(scaled) - scaled).detach())


@pytest.mark.parametrize("levels", [1, 2, 4, 8, 16])
def test_value_and_gradient_are_those_of_the_formula(levels):
    torch.manual_seed(levels)
    z = (torch.randn(40, 7, dtype=torch.float64) * 3).requires_grad_()
    lam = torch.tensor(2.3, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(40, 7, dtype=torch.float64)
    expected = torch.autograd.grad(reference(z, lam, levels), (z, lam), grad)
    value = ClipFloor.apply(z, lam, Form(levels))
    gradients = torch.autograd.grad(value, (z, lam), grad)
    torch.testing.assert_close(value, reference(z, lam, levels))
    torch.testing.assert_close(gradients, expected)


def test_gradients_at_both_ends():
    """Below 0 both are 0. At or above lambda: 0 for z, 1 for lambda."""
    lam = torch.tensor(1.0, requires_grad=True)
    for z_value, dz, dlam in ((-0.5, 0.0, 0.0), (1.5, 0.0, 1.0), (0.6, 1.0, -0.1)):
        z = torch.tensor([z_value], requires_grad=True)
        gradients = torch.autograd.grad(ClipFloor.apply(z, lam, Form(4)).sum(), (z, lam))
        assert gradients[0].item() == pytest.approx(dz)
        assert gradients[1].item() == pytest.approx(dlam, abs=1e-6)


@pytest.mark.parametrize("start", [0.01, 0.5, 1.0, 8.0])
def test_lambda_stays_positive_for_any_update(start):
    layer = SpikingActivation(4, NoResidual(), start)
    assert layer.lam.item() == pytest.approx(start, rel=1e-4)
    with torch.no_grad():
        layer.rho -= 30
    assert layer.lam.item() > 0
    assert torch.isfinite(layer(torch.randn(5))).all()


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_constant_input_makes_a_neuron_fire_the_quantised_rate(steps):
    """T = L, v(0) = theta/2: the rate is q(z). Dyadic numbers, so that nothing rounds."""
    z = torch.arange(-64, 192, dtype=torch.float32) / 64
    spikes = integrate_and_fire(z.repeat(steps), torch.tensor(1.0), steps).reshape(steps, -1)
    assert torch.equal(spikes.mean(0), reference(z, torch.tensor(1.0), steps))
    assert set(spikes.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("shift", [False, True])
def test_neither_the_order_of_memory_nor_blocks_change_anything(shift, monkeypatch):
    """Channels-last tensors are processed in memory order, and in blocks of images."""
    generator = torch.Generator().manual_seed(0)
    z, grad = (torch.randn((6 * 3, 5, 4, 3), generator=generator) for _ in range(2))
    start = torch.rand(5, generator=generator) if shift else None
    theta = torch.tensor(0.7)
    results = []
    for block, form in ((1 << 18, torch.contiguous_format), (100, torch.channels_last), (1, torch.channels_last)):
        monkeypatch.setattr("spikelet_converters.source_model.firing._BLOCK", block)
        x = z.clone(memory_format=form).requires_grad_()
        lam = theta.clone().requires_grad_()
        ClipFloor.apply(x, lam, Form(4), start).backward(grad.contiguous(memory_format=form))
        spikes = integrate_and_fire(x.detach(), theta, 3, shift=start)
        assert spikes.is_contiguous(memory_format=form)
        held = integrate_and_fire(x.detach(), theta, 3, shift=start, constant=True)
        results.append((x.grad, lam.grad, spikes, held))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    assert 0 < results[0][2].mean() < 0.7
    layer = SpikingActivation(4, NoResidual(), 0.7)
    layer.simulation = Simulation(Mode.SPIKES, 3, record=True)
    with torch.no_grad():
        layer(z.clone(memory_format=torch.channels_last))
    assert layer.recorded.is_contiguous(memory_format=torch.channels_last)


def test_images_need_not_be_square():
    for model, shape in [("vgg5", (3, 8, 24)), ("resnet20", (1, 9, 14)), ("line5", (7, 1, 21))]:
        network = replace(spec(model), shape=shape, mean=(128,) * shape[0], std=(64.0,) * shape[0]).build().eval()
        assert network(torch.zeros(2, *shape)).shape == (2, 5)


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 1, 7)])
def test_a_network_of_lines_refuses_images(shape):
    with pytest.raises(UsageError, match="line5 takes lines"):
        replace(spec("line5"), shape=shape).build()


def test_wrong_levels_are_refused():
    with pytest.raises(UsageError, match="levels: expected a whole number of 1…4096, found 0"):
        SpikingActivation(0, NoResidual())


@pytest.mark.parametrize(
    ("model", "layers", "size"), [("vgg9", 8, 8), ("vgg16", 15, 32), ("resnet20", 19, 8), ("resnet18", 17, 8)]
)
def test_reference_networks(model, layers, size):
    network = spec(model, size=size).build().eval()
    assert len(spiking_layers(network)) == layers
    assert network(torch.zeros(2, 3, size, size)).shape == (2, 5)
    assert not any("Max" in type(m).__name__ for m in network.modules())
    assert model in NETWORKS


@pytest.mark.parametrize("change", [{"model": "vgg7"}, {"residual": "magic"}, {"mean": (0.5,) * 3}])
def test_a_specification_that_cannot_be_built_is_refused(change):
    with pytest.raises(UsageError, match="unknown|whole numbers"):
        NetworkSpec(**(spec().as_dict() | change)).build()


class TestGaussian:
    def test_sigma_is_the_root_of_the_mean_variance_of_the_gaps(self):
        network, pixels = trained_like(residual="gaussian")
        batches = [pixels[:4], pixels[4:]]
        sigmas = RESIDUALS["gaussian"].refresh(network, batches, 4)
        gaps = [residual_errors(network, batch, 4) for batch in batches]
        for name, sigma in sigmas.items():
            variance = sum(float(((g[name] - g[name].mean()) ** 2).mean()) for g in gaps) / 2
            assert sigma == pytest.approx(variance**0.5, rel=1e-5)
            assert float(network.get_submodule(name).residual.sigma) == pytest.approx(sigma)
        assert sum(sigma > 0 for sigma in sigmas.values()) >= 6

    def test_the_first_layer_has_none_where_t_is_l(self):
        """With constant input the spike rate equals the quantised activation."""
        network, pixels = trained_like(residual="gaussian")
        sigmas = RESIDUALS["gaussian"].refresh(network, [pixels], 4)
        assert sigmas["if1"] == 0.0
        assert RESIDUALS["gaussian"].refresh(network, [pixels], 3)["if1"] > 0

    def test_noise_has_that_deviation_and_is_not_clipped(self):
        torch.manual_seed(0)
        residual = GaussianResidual()
        a = torch.zeros(200_000)
        assert residual.perturb(a) is a, "no noise before it is measured"
        residual.sigma.fill_(0.3)
        noisy = residual.perturb(a)
        assert noisy.std().item() == pytest.approx(0.3, rel=0.01)
        assert noisy.mean().item() == pytest.approx(0, abs=0.005)
        assert noisy.min() < 0

    def test_noise_is_added_in_training_only(self):
        network, pixels = trained_like(residual="gaussian")
        RESIDUALS["gaussian"].refresh(network, [pixels], 4)
        assert torch.equal(network(pixels), network(pixels))
        assert torch.equal(float_logits(network, pixels), network(pixels))
        network.train()
        assert not torch.equal(network(pixels), network(pixels))

    def test_sigma_travels_with_the_weights_and_has_no_gradient(self):
        network, pixels = trained_like(residual="gaussian")
        RESIDUALS["gaussian"].refresh(network, [pixels], 4)
        other = spec(residual="gaussian").build()
        other.load_state_dict(network.state_dict())
        assert other.get_submodule("if3").residual.sigma == network.get_submodule("if3").residual.sigma
        assert not any("sigma" in name for name, _ in network.named_parameters())


def test_strategies_are_found_by_name():
    assert all(strategy.name == name for name, strategy in RESIDUALS.items())
    a = torch.randn(3)
    assert NoResidual().perturb(a) is a


class TestSimulation:
    def test_leaves_the_network_as_it_was(self):
        network, pixels = trained_like()
        before = network(pixels)
        network.train()
        spiking_logits(network, pixels, 3)
        assert network.training
        assert all(layer.simulation == Simulation() for layer in spiking_layers(network).values())
        network.eval()
        assert torch.equal(network(pixels), before)

    def test_logits_are_summed_over_time(self):
        network, pixels = trained_like()
        assert spiking_logits(network, pixels, 5).shape == (5, 8, 5)
        torch.testing.assert_close(spiking_logits(network, pixels, 5)[:2], spiking_logits(network, pixels, 2))

    def test_rates_approach_the_activation_over_time(self):
        network, pixels = trained_like(levels=64)
        activations = layer_rates(network, pixels, Mode.RATE, 1)
        errors = []
        for steps in (1, 4, 64):
            rates = layer_rates(network, pixels, Mode.SPIKES, steps)
            errors.append(float((rates["if2"] - activations["if2"]).abs().mean()))
        assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_the_gradient_is_the_same_without_the_value_of_lambda():
    """On a GPU the window 0 < z < lambda is computed on the device, on a CPU by one operation with the value of lambda."""
    grad, lam = torch.arange(1.0, 7.0), torch.tensor(1.5)
    z = torch.tensor([-1.0, 0.0, 0.1, 1.4, 1.5, 3.0])
    expected = torch.tensor([0.0, 0.0, 3.0, 4.0, 0.0, 0.0])
    assert torch.equal(quantiser._inside(grad, z, lam), expected)
    assert torch.equal(torch.where((z > 0) & (z < lam), grad, 0.0), expected)
    assert quantiser._inside(grad.to("meta"), z.to("meta"), lam.to("meta")).shape == z.shape


class TestChannelThresholds:
    def test_every_channel_behaves_like_a_separate_layer(self):
        """Activation, gradients and spikes are those of one layer for each channel."""
        torch.manual_seed(0)
        z, lam = torch.rand(4, 3, 2, 2) * 3 - 1, torch.tensor([0.5, 1.0, 2.0])
        weight, shift = torch.rand(4, 3, 2, 2), torch.tensor([0.2, 0.5, 0.8])
        whole = [value.clone().requires_grad_() for value in (z, lam, shift)]
        a = ClipFloor.apply(whole[0], whole[1], Form(4, 0.3), whole[2])
        (a * weight).sum().backward()
        spikes = integrate_and_fire(z, lam, 2, shift=shift)
        for c in range(3):
            part = [z[:, c : c + 1].clone(), lam[c].clone(), shift[c : c + 1].clone()]
            parts = [value.requires_grad_() for value in part]
            single = ClipFloor.apply(parts[0], parts[1], Form(4, 0.3), parts[2])
            (single * weight[:, c : c + 1]).sum().backward()
            torch.testing.assert_close(a[:, c : c + 1], single)
            torch.testing.assert_close(whole[0].grad[:, c : c + 1], parts[0].grad)
            torch.testing.assert_close(whole[1].grad[c], parts[1].grad)
            torch.testing.assert_close(whole[2].grad[c : c + 1], parts[2].grad)
            expected = integrate_and_fire(z[:, c : c + 1], lam[c], 2, shift=shift[c : c + 1])
            assert torch.equal(spikes[:, c : c + 1], expected)

    def test_the_bundle_has_them(self):
        """The traced network has the thresholds as theta by channel, and the spikes of the simulation."""
        torch.manual_seed(0)
        network = NetworkSpec(
            "vgg5", (3, 8, 8), 3, (125, 123, 114), (63.0, 62.0, 67.0), lambda_init=1.0, channel_thresholds=True
        ).build()
        pixels = torch.randint(0, 256, (4, 3, 8, 8)).float()
        with torch.no_grad():
            network(pixels)
            for layer in spiking_layers(network).values():
                layer.rho += torch.randn(layer.rho.shape) * 0.3
        network.eval()
        graph = trace(network, (3, 8, 8))
        fired = tally(graph, (), pixels.numpy().astype("uint8"), 3, "numpy").spikes
        layers = spiking_layers(network)
        for name, rate in layer_rates(network, pixels, Mode.SPIKES, 3).items():
            theta = graph.neuron(name).theta / graph.neuron(name).theta[0]
            lam = layers[name].lam.detach().numpy()
            assert theta == pytest.approx(lam / lam[0], rel=1e-5)
            counts = 3 * layers[name].in_thresholds(rate).flatten(1).sum(1)
            assert fired[name].sum() == pytest.approx(float(counts.sum()), abs=3), "ties in float32"

    def test_they_start_with_the_threshold_of_the_layer(self, tmp_path):
        plain = spec("vgg5")
        start = Checkpoint(plain, plain.build().state_dict(), {})
        network = replace(plain, channel_thresholds=True).build()
        take_weights(network, start)
        for name, layer in spiking_layers(network).items():
            assert layer.lam.shape == (layer.rho.shape[0],)
            assert torch.equal(layer.rho, start.weights[f"{name}.rho"].expand(layer.rho.shape))


class TestSurrogate:
    def test_the_triangle_has_the_area_of_the_window(self):
        z = torch.linspace(-1, 3, 40_001, requires_grad=True)[:, None]
        leaf = z.detach().requires_grad_()
        ClipFloor.apply(leaf, torch.tensor(2.0), Form(1, surrogate="triangle")).sum().backward()
        step = 4 / 40_000
        assert float(leaf.grad.sum()) * step == pytest.approx(2.0, rel=1e-3)
        assert float(leaf.grad.max()) == pytest.approx(2.0, rel=1e-3)
        assert float(leaf.grad[(z <= 0) | (z >= 2)].abs().max()) == pytest.approx(0, abs=1e-6)

    def test_with_one_level_the_activation_is_the_spike_at_t_1(self):
        torch.manual_seed(0)
        network = replace(spec("vgg5"), levels=1, surrogate="triangle").build()
        pixels = torch.randint(0, 256, (4, 3, 8, 8)).float()
        rates = layer_rates(network, pixels, Mode.SPIKES, 1)
        for name, value in layer_rates(network, pixels, Mode.RATE, 1).items():
            assert torch.equal(value, rates[name])

    def test_an_unknown_one_is_refused(self):
        with pytest.raises(UsageError, match="unknown surrogate 'sigmoid'; known: straight, triangle"):
            replace(spec(), surrogate="sigmoid").build()
