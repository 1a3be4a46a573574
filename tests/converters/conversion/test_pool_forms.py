"""Forms of max pools other than an OR of spikes: maxima of pairs, average pools, copies at T = 1, and the advice."""

import numpy as np
import pytest
import torch
from torch import nn

from converters_support import SHAPE
from source_networks.pools import MAX_POOLS
from source_networks.relu import smooth_pixels
from spikelet.data import ImageSet
from spikelet.engines import create, run
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.conversion.copied_bundle import convert_copies
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.frontends.open import open_source
from spikelet_converters.frontends.torch import from_module
from spikelet_converters.maxima import maxima

pytestmark = pytest.mark.usefixtures("nothing_compiled")

POOLS = MAX_POOLS | {
    "one axis": nn.MaxPool2d((1, 3), (2, 1)),
    "global": nn.AdaptiveMaxPool2d(1),
}


def network(*layers):
    """Return an initialised network of these layers and a linear one."""
    built = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(4)).eval()
    with torch.no_grad():
        built(torch.zeros(1, *SHAPE))
    torch.manual_seed(1)
    for layer in built.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.reset_parameters()
    return built


def conv():
    return nn.Conv2d(3, 4, 3, padding=1)


@pytest.fixture(scope="module")
def images():
    return ImageSet(smooth_pixels(), None, None, "smooth")


def after(kind, act=nn.ReLU):
    """Return a network whose pool takes rectified values."""
    return network(conv(), act(), POOLS[kind])


def agreement(bundle, built, images, steps):
    """Return the share of images with the prediction of the source."""
    pixels = images.images.astype(np.float32)
    logits = sum(output for _, output in run(create(bundle.graph, "numpy"), pixels[None], steps))
    with torch.no_grad():
        expected = built(torch.from_numpy(pixels) / 255).argmax(1).numpy()
    return float((np.asarray(logits).argmax(1) == expected).mean())


class TestPairs:
    @pytest.mark.parametrize("kind", POOLS)
    def test_the_graph_computes_the_maximum(self, kind, images):
        source = from_module(after(kind), SHAPE, max_pools="pairs")
        assert maxima(source.graph) == {}
        assert check_graph(source, images) < 1e-5

    @pytest.mark.parametrize("kind", ["plain", "overlapping", "one axis", "global"])
    @pytest.mark.parametrize("place", ["of the input", "of a sum", "of channels of several layers"])
    def test_also_of_values_that_may_be_negative(self, kind, place, images):
        class Joined(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = conv(), conv()

            def forward(self, x):
                return torch.cat([self.a(x), torch.relu(self.b(x))], 1)

        layers = {
            "of the input": [POOLS[kind], conv(), nn.ReLU()], "of a sum": [conv(), POOLS[kind], nn.Flatten(),
                nn.LazyLinear(3), nn.ReLU()], "of channels of several layers": [Joined(), POOLS[kind]],
        }[place]  # fmt: skip
        source = from_module(network(*layers), SHAPE, max_pools="pairs")
        assert check_graph(source, images) < 1e-5

    def test_zeros_around_values_that_may_be_negative_are_refused(self):
        with pytest.raises(ConversionError, match=r"module 1 \(MaxPool2d\).*at the border.*put a ReLU"):
            from_module(network(conv(), POOLS["padded"], conv_of(4)), SHAPE, max_pools="pairs")
        assert from_module(network(conv(), POOLS["padded"], nn.ReLU()), SHAPE, max_pools="pairs").graph.spiking

    @pytest.mark.parametrize("pool", [POOLS["padded"], nn.MaxPool2d(2, 2, ceil_mode=True)], ids=["padded", "ceil_mode"])
    @pytest.mark.parametrize("act", [nn.Hardtanh(), nn.Hardtanh(0.2, 0.7)], ids=["from -1", "from 0.2"])
    def test_zeros_around_values_with_a_lowest_value_are_that_value(self, act, pool, images):
        source = from_module(network(conv(), act, pool), SHAPE, max_pools="pairs")
        assert check_graph(source, images) < 1e-5

    def test_zeros_around_channels_of_several_layers(self, images):
        class Joined(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = conv()

            def forward(self, x):
                return torch.cat([torch.relu(self.conv(x)), torch.relu(-self.conv(x))], 1)

        source = from_module(network(Joined(), POOLS["padded"]), SHAPE, max_pools="pairs")
        assert check_graph(source, images) < 1e-5

    def test_the_error_decreases_with_the_number_of_time_steps(self, images):
        """Rates of 1/2 at 0 make an OR of spikes fire too often at any T."""
        built = after("plain", nn.Hardtanh)
        shares = {}
        for form in ("or", "pairs"):
            source = from_module(built, SHAPE, max_pools=form)
            for steps in (4, 32):
                bundle = convert_source(source, "small", calibration=Calibration(images, steps=steps))
                shares[form, steps] = agreement(bundle, built, images, steps)
        assert shares["pairs", 32] >= max(shares["pairs", 4], 0.9)
        assert shares["or", 32] < shares["pairs", 32] - 0.05


def conv_of(channels):
    return nn.Conv2d(channels, 4, 3)


class TestAdvice:
    """Other forms are tried where spikes of a window are too many, and what the advice promises holds."""

    def file(self, tmp_path, built):
        torch.export.save(torch.export.export(built, (torch.zeros(2, *SHAPE),)), tmp_path / "a.pt2")
        return open_source(str(tmp_path / "a.pt2"))

    def tried(self, source, images, monkeypatch, steps):
        attempts = []
        monkeypatch.setattr("spikelet_converters.conversion.advice.POINT", -1.0)
        monkeypatch.setattr("spikelet_converters.conversion.advice.advice", lambda *a: attempts.extend(a[2]) or ["-"])
        convert_source(source, "small", calibration=Calibration(images, steps=steps))
        return dict(attempts)

    def test_each_form_is_tried_on_the_calibration_images(self, images, tmp_path, monkeypatch):
        built = after("overlapping", nn.Hardtanh)
        source = self.file(tmp_path, built)
        attempts = self.tried(source, images, monkeypatch, 8)
        for form in ("pairs", "average"):
            bundle = convert_source(
                source.other_pools[form](), "other", calibration=Calibration(images, steps=8), bits=None
            )
            assert attempts[f"--max-pool {form}"] == pytest.approx(agreement(bundle, built, images, 8), abs=0.02)
        copied = convert_copies(
            convert_source(source, "small", calibration=Calibration(images, steps=8, copies=True), bits=None), 8
        )
        assert attempts["--steps 8 --copies 8"] == pytest.approx(agreement(copied, built, images, 1), abs=0.02)

    def test_the_best_one_is_recommended(self, images, tmp_path):
        source = self.file(tmp_path, after("plain", nn.Hardtanh))
        bundle = convert_source(source, "small", calibration=Calibration(images, steps=16))
        assert bundle.manifest.conversion["advice"][1].startswith(("try --max-pool pairs: ", "try --steps 16 --copies"))

    def test_no_average_pool_replaces_one_with_padding(self, images, tmp_path, monkeypatch):
        attempts = self.tried(self.file(tmp_path, after("padded")), images, monkeypatch, 2)
        assert "--max-pool average" not in attempts
        assert "--max-pool pairs" in attempts

    def test_a_network_without_max_pools_has_no_other_form(self, tmp_path):
        assert self.file(tmp_path, network(conv(), nn.ReLU())).other_pools == {}

    def test_images_without_loss_are_named(self, images, monkeypatch):
        """Where predictions agree on all calibration images, no layer and no option is named."""
        monkeypatch.setattr("spikelet_converters.conversion.advice.POINT", -1.0)
        monkeypatch.setattr("spikelet_converters.conversion.advice.agreement", lambda *arguments: 1.0)
        source = from_module(after("plain"), SHAPE)
        (sentence,) = convert_source(source, "a", calibration=Calibration(images)).manifest.conversion["advice"]
        assert sentence.startswith("predictions agree on all calibration images")
