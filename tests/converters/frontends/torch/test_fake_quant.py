"""Quantisation-aware networks of torch.ao: quantisers become thresholds."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.ao.quantization import FakeQuantize, MinMaxObserver, QConfig

from spikelet.data import ImageSet
from spikelet.errors import ConversionError
from spikelet.nodes import IF
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.conversion.check import check_graph, source_neuron
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module

SHAPE = (3, 6, 6)
LEVELS = 7


def activation(levels=LEVELS, **options):
    return FakeQuantize.with_args(
        observer=MinMaxObserver, quant_min=0, quant_max=levels, dtype=torch.quint8, reduce_range=False, **options
    )


def weights():
    return FakeQuantize.with_args(
        observer=MinMaxObserver, quant_min=-127, quant_max=127, dtype=torch.qint8, qscheme=torch.per_tensor_symmetric
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant, self.dequant = torch.ao.quantization.QuantStub(), torch.ao.quantization.DeQuantStub()
        self.conv, self.bn, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()
        self.flat, self.fc1, self.relu1 = nn.Flatten(), nn.Linear(144, 8), nn.ReLU()
        self.fc2 = nn.Linear(8, 3)

    def forward(self, x):
        x = self.relu(self.bn(self.conv(self.quant(x))))
        return self.dequant(self.fc2(self.relu1(self.fc1(self.flat(x)))))


@pytest.fixture(scope="module")
def network():
    """Return a fused, prepared, observed and frozen network, as in the eager-mode tutorials of torch.ao."""
    torch.manual_seed(0)
    network = Net().train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao is said to move to a package of its own
        network = torch.ao.quantization.fuse_modules_qat(network, [["conv", "bn", "relu"], ["fc1", "relu1"]])
        network.qconfig = QConfig(activation=activation(), weight=weights())
        network.quant.qconfig = network.fc2.qconfig = None
        network = torch.ao.quantization.prepare_qat(network)
        for _ in range(3):
            network(torch.rand(32, *SHAPE))
        network.eval().apply(torch.ao.quantization.disable_observer)
    return network


def test_a_fused_network_becomes_thresholds(network):
    source = from_module(network, SHAPE)
    assert not source.relus
    assert set(source.levels.values()) == {LEVELS}
    scales = [m.scale.item() for m in network.modules() if isinstance(m, FakeQuantize) and m.quant_min == 0]
    thetas = sorted(float(node.theta[0]) for node in source.graph.nodes.values() if isinstance(node, IF))
    assert np.allclose(thetas, sorted(LEVELS * s for s in scales))
    pixels = np.random.default_rng(0).integers(0, 256, (20, *SHAPE)).astype(np.float32)
    analog = Analog(source.graph)
    logits = analog(torch.from_numpy(pixels), source_neuron(analog, {}, source.levels)).numpy()
    expected = source.predict(Preprocessing().apply(pixels))
    assert np.isclose(logits, expected, atol=1e-4).all(1).mean() > 0.8, "differences are quantisers at a tie"


def test_it_converts_without_calibration(network):
    rng = np.random.default_rng(0)
    images = ImageSet(rng.integers(0, 256, (20, *SHAPE)).astype(np.uint8), None, None, "noise")
    bundle = convert_source(from_module(network, SHAPE), "qat", data=[images])
    assert bundle.manifest.bits == 8
    first = bundle.manifest.conversion["layers"][0]["by_step"][-1]
    assert first["steps"] == 8
    assert first["correlation"] > 0.85


class OtherLayers(nn.Module):
    """Layers that torch.ao fuses in one dimension, and options of convolutions."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.relu = nn.Conv1d(2, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU()
        self.conv1, self.relu1 = nn.Conv1d(4, 4, 3, dilation=2, padding=1, padding_mode="reflect"), nn.ReLU()
        self.conv2, self.bn2 = nn.Conv1d(4, 3, 1), nn.BatchNorm1d(3)
        self.fc, self.bn3, self.fc2 = nn.Linear(24, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x):
        x = self.relu1(self.conv1(self.relu(self.bn(self.conv(x)))))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.fc2(torch.relu(self.bn3(self.fc(torch.flatten(x, 1)))))


def test_layers_in_one_dimension_and_batch_norm_of_linear_layers():
    torch.manual_seed(0)
    network = OtherLayers().train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        groups = [["conv", "bn", "relu"], ["conv1", "relu1"], ["conv2", "bn2"], ["fc", "bn3"]]
        network = torch.ao.quantization.fuse_modules_qat(network, groups)
        network.qconfig = QConfig(activation=nn.Identity, weight=weights())
        network = torch.ao.quantization.prepare_qat(network)
        for _ in range(3):
            network(torch.rand(8, 2, 10))
        network.eval().apply(torch.ao.quantization.disable_observer)
    kinds = {type(module).__name__ for module in network.modules()}
    assert kinds >= {"ConvBnReLU1d", "ConvReLU1d", "ConvBn1d", "LinearBn1d"}
    source = from_module(network, (2, 10))
    assert len(source.relus) == 4
    assert check_graph(source, None) < 1e-4


def test_a_rectifier_of_several_uses_is_not_quantised_for_all():
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.quantiser, self.fc2 = nn.Linear(6, 4), activation(3)(), nn.Linear(4, 2)

        def forward(self, x):
            rectified = torch.relu(self.fc(torch.flatten(x, 1)))
            return self.fc2(self.quantiser(rectified) + rectified)

    torch.manual_seed(0)
    network = Skip()
    network(torch.rand(20, 6))
    network.eval().apply(torch.ao.quantization.disable_observer)
    source = from_module(network, (6,))
    assert list(source.levels.values()) == [3]
    assert len(source.relus) == 1
    check_graph(source, None)


def test_modules_that_quantise():
    """A quantiser written as a layer, without a ReLU: its range already begins at zero."""
    quantiser = activation()()
    quantiser(torch.rand(10))
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 4), quantiser, nn.Linear(4, 2))
    assert list(from_module(network, SHAPE).levels.values()) == [LEVELS]
    many = activation(255)()
    many(torch.rand(10))
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 4), nn.ReLU(), many, nn.Linear(4, 2))
    source = from_module(network, SHAPE)
    assert not source.levels
    assert list(source.relus.values()) == pytest.approx([255 * many.scale.item()]), (
        "too many levels: calibrated as a clipped ReLU"
    )


def test_eight_bits_are_calibrated(network):
    """The usual setting of QAT: 255 levels and a quantised input, neither of which the imported graph rounds to."""
    torch.manual_seed(0)
    quantisers = [activation(255)() for _ in range(2)]
    parts = [nn.Flatten(), nn.Linear(108, 16), nn.ReLU(), quantisers[1], nn.Linear(16, 3)]
    network = nn.Sequential(quantisers[0], *parts)
    network(torch.rand(64, *SHAPE))
    network.eval().apply(torch.ao.quantization.disable_observer)
    pixels = np.random.default_rng(0).integers(0, 256, (40, *SHAPE)).astype(np.uint8)
    images = ImageSet(pixels, None, None, "noise")
    source = from_module(network, SHAPE)
    assert source.roundings
    assert source.notes == ("module 0 (FakeQuantize): quantises the input, and was left out",)
    bundle = convert_source(source, "qat", calibration=Calibration(images, steps=32), data=[images])
    assert 1e-5 < bundle.manifest.provenance["largest_logit_difference_to_source"] < 0.1
    assert bundle.manifest.conversion["layers"][-1]["agreement_through"] > 0.7


@pytest.mark.parametrize(
    ("rectifier", "least", "levels"),
    [(None, -2, 3), (nn.Hardtanh(-0.5, 0.5), -2, 2), (nn.ReLU6(), -2, 1), (nn.ReLU6(), 0, 7), (nn.ReLU(), 1, 5)],
    ids=["signed", "hardtanh", "signed, rectified", "wider than ReLU6", "a zero point"],
)
def test_quantisers_with_another_least_value_than_0(rectifier, least, levels):
    """They are one neuron with the rectifier before them, whose bounds they keep."""
    torch.manual_seed(0)
    quantiser = FakeQuantize(
        MinMaxObserver, quant_min=min(least, 0), quant_max=least + 3 if least < 0 else 15,
        dtype=torch.qint8 if least < 0 else torch.quint8, reduce_range=False,
    )  # fmt: skip
    quantiser.scale.fill_({7: 0.9, 2: 0.5}.get(levels, 0.3))
    quantiser.zero_point.fill_(10 if least > 0 else 0)
    quantiser.disable_observer()
    parts = [nn.Flatten(), nn.Linear(108, 8), *([rectifier] if rectifier else []), quantiser, nn.Linear(8, 3)]
    network = nn.Sequential(*parts).eval()
    network[1].weight.data.mul_(8)
    source = from_module(network, SHAPE)
    assert list(source.levels.values()) == [levels]
    assert not source.notes
    assert len(source.graph.spiking) == 1
    assert check_graph(source, None) < 1e-4


def test_quantisers_per_channel():
    torch.manual_seed(0)
    by_channel = FakeQuantize.with_args(
        observer=torch.ao.quantization.PerChannelMinMaxObserver, quant_min=0, quant_max=7, dtype=torch.quint8,
        qscheme=torch.per_channel_affine, ch_axis=1, reduce_range=False,
    )()  # fmt: skip
    by_channel(torch.rand(5, 4) * torch.arange(1, 5))
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 4), nn.ReLU(), by_channel, nn.Linear(4, 2)).eval()
    source = from_module(network.apply(torch.ao.quantization.disable_observer), SHAPE)
    assert list(source.levels.values()) == [7]
    assert check_graph(source, None) < 1e-4


def test_a_quantiser_of_one_value_is_refused():
    quantiser = activation()()
    quantiser(torch.linspace(-1, 0, 10))
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 4), nn.ReLU(), quantiser, nn.Linear(4, 2))
    expected = r"module 3 \(FakeQuantize\): all its values are 0; expected two levels or more"
    with pytest.raises(ConversionError, match=expected):
        from_module(network.apply(torch.ao.quantization.disable_observer), SHAPE)
