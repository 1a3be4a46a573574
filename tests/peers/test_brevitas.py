"""Brevitas networks: the outputs of their quantisers, and the converted bundle."""

import numpy as np
import pytest
import torch
from torch import nn

from peers_support import SAMPLES, need
from spikelet.data import ImageSet
from spikelet.errors import ConversionError
from spikelet.verify import verify
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.conversion.check import check_graph, source_neuron
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module

SHAPE = (3, 6, 6)


def pixels(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (SAMPLES, *SHAPE)).astype(np.uint8)


def network(bits, weight_quant="Int8WeightPerTensorFloat", tensors=False, quantised_input=False):
    """Return a network of convolution, batch norm, pool and two linear layers, with scales from a few training steps."""
    qnn, quant = need("brevitas.nn"), need("brevitas.quant")
    weights = {"weight_bit_width": 4, "weight_quant": getattr(quant, weight_quant), "bias": True}
    torch.manual_seed(0)
    parts = [
        qnn.QuantConv2d(3, 4, 3, padding=1, **weights),
        nn.BatchNorm2d(4),
        qnn.QuantReLU(bit_width=bits, return_quant_tensor=tensors),
        *([] if tensors else [nn.AvgPool2d(2)]),
        nn.Flatten(),
        qnn.QuantLinear(144 if tensors else 36, 8, **weights),
        qnn.QuantReLU(bit_width=bits, return_quant_tensor=tensors),
        qnn.QuantLinear(8, 3, **weights),
    ]
    if quantised_input:
        parts.insert(0, qnn.QuantIdentity(bit_width=8, return_quant_tensor=tensors))
    net = nn.Sequential(*parts).train()
    optimiser = torch.optim.SGD(net.parameters(), 0.05)
    x = torch.from_numpy(pixels(1) / np.float32(255))
    y = (x[:, 0].mean((1, 2)) * 20 - 8.5).round().clamp(0, 2).long()
    for _ in range(20):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    return net.eval()


@pytest.mark.parametrize("weight_quant", ["Int8WeightPerTensorFloat", "Int8WeightPerChannelFloat"])
@pytest.mark.parametrize("tensors", [False, True], ids=["floats", "QuantTensors"])
@pytest.mark.parametrize("bits", [2, 4])
def test_every_activation_has_the_levels_of_brevitas(bits, tensors, weight_quant):
    """Level by level on 100 inputs; and theta is scale times levels."""
    net = network(bits, weight_quant, tensors)
    source = from_module(net, SHAPE)
    assert list(source.levels.values()) == [2**bits - 1] * 2
    quantisers = [m for m in net.modules() if type(m).__name__ == "QuantReLU"]
    seen = []
    for m in quantisers:
        m.register_forward_hook(
            lambda m, _, out: seen.append((getattr(out, "value", out) / m.act_quant.scale()).round())
        )
    analog = Analog(source.graph)
    neuron, ours = source_neuron(analog, {}, source.levels), []

    def watch(layer, current):
        ours.append(neuron(layer, current) * source.levels[layer])
        return ours[-1] / source.levels[layer]

    x = pixels().astype(np.float32)
    logits = analog(torch.from_numpy(x), watch).numpy()
    with torch.no_grad():
        expected = source.predict(Preprocessing().apply(x))
    for m, name, a, b in zip(quantisers, source.graph.spiking, seen, ours, strict=True):
        theta = source.graph.nodes[name].theta
        assert np.allclose(theta, m.act_quant.scale().item() * (2**bits - 1))
        assert len(a.unique()) > 1
        assert (a != b.round()).sum() == 0
    assert np.allclose(logits, expected, atol=1e-5)


def test_it_converts_without_calibration():
    source = from_module(network(4), SHAPE)
    bundle = convert_source(source, "brevitas", data=[ImageSet(pixels(), None, None, "noise")])
    assert bundle.manifest.bits == 8
    assert bundle.manifest.conversion["layers"][0]["by_step"][-1]["correlation"] > 0.9
    assert verify(bundle, "onnx").ok


def test_eight_bits_and_a_quantised_input():
    """More levels than spikes can represent: clipped ReLUs with calibrated thresholds."""
    images = ImageSet(pixels(), None, None, "noise")
    source = from_module(network(8, quantised_input=True), SHAPE)
    assert not source.levels
    assert source.roundings
    assert source.notes[0] == "module 0 (QuantIdentity): quantises the input, and was left out"
    with pytest.raises(ConversionError, match="name images of the training data with --calibration"):
        convert_source(source, "brevitas")
    bundle = convert_source(source, "brevitas", calibration=Calibration(images, steps=32))
    assert bundle.manifest.conversion["layers"][-1]["agreement_through"] > 0.7


def layers(kind):
    """Return the shape of one input, and a network that has a layer of Brevitas other than those of `network`."""
    qnn, quant = need("brevitas.nn"), need("brevitas.quant")
    pixels, line = SHAPE, (3, 12)
    conv, tensors = qnn.QuantConv2d(3, 4, 3), {"bit_width": 4, "return_quant_tensor": True}
    relu, quantised = qnn.QuantReLU(bit_width=3), [qnn.QuantIdentity(**tensors), conv, qnn.QuantReLU(**tensors)]
    own_scale = {"bias_quant": quant.Int8BiasPerTensorFloatInternalScaling, "bias_bit_width": 2}
    signed, unsigned = quant.Int8ActPerTensorFloat, quant.Uint8ActPerTensorFloat
    rounds = {"input_quant": signed, "input_bit_width": 3, "output_quant": signed, "output_bit_width": 4}
    return {
        "QuantConv1d": lambda: (line, [qnn.QuantConv1d(3, 4, 3, padding=1), relu]),
        "QuantConvTranspose1d": lambda: (line, [qnn.QuantConvTranspose1d(3, 4, 3, stride=2), relu]),
        "QuantConvTranspose2d": lambda: (
            pixels, [qnn.QuantConvTranspose2d(3, 4, 3, stride=2, output_padding=1), relu],
        ),
        "quantised bias": lambda: (pixels, [qnn.QuantConv2d(3, 4, 3, **own_scale), relu]),
        "bias of sums": lambda: (
            pixels, [quantised[0], qnn.QuantConv2d(3, 4, 3, bias_quant=quant.Int32Bias), relu],
        ),
        "quantisers of a layer": lambda: (pixels, [qnn.QuantConv2d(3, 4, 3, **rounds), relu]),
        "quantiser of an activation's input": lambda: (
            pixels, [conv, qnn.QuantReLU(bit_width=3, input_quant=signed, input_bit_width=4)],
        ),
        "quantiser of a rectified input": lambda: (
            pixels, [conv, nn.ReLU(), nn.Flatten(), qnn.QuantLinear(64, 6, bias=True, input_quant=unsigned,
                                                                    input_bit_width=2), relu],
        ),
        "TruncAvgPool2d": lambda: (pixels, [*quantised, qnn.TruncAvgPool2d(2)]),
        "TruncAdaptiveAvgPool2d": lambda: (pixels, [*quantised, qnn.TruncAdaptiveAvgPool2d(1)]),
        "QuantUpsample": lambda: (pixels, [*quantised, qnn.QuantUpsample(scale_factor=2)]),
        "QuantUpsamplingNearest2d": lambda: (pixels, [*quantised, qnn.QuantUpsamplingNearest2d(scale_factor=2)]),
        "QuantScaleBias": lambda: (pixels, [conv, qnn.QuantScaleBias(4, True), relu]),
        "BatchNorm2dToQuantScaleBias": lambda: (pixels, [conv, qnn.BatchNorm2dToQuantScaleBias(4), relu]),
        "activations without quantisers": lambda: (
            pixels, [qnn.QuantConv2d(3, 4, 3, weight_quant=None), qnn.QuantReLU(act_quant=None), qnn.QuantConv2d(4, 4, 1),
                     qnn.QuantHardTanh(act_quant=None, min_val=0.0, max_val=1.0), qnn.QuantIdentity(act_quant=None)],
        ),
        "QuantHardTanh of 2 bits": lambda: (pixels, [conv, qnn.QuantHardTanh(min_val=-1.0, max_val=1.0, bit_width=2), nn.MaxPool2d(2)]),
        "QuantHardTanh of 8 bits": lambda: (pixels, [conv, qnn.QuantHardTanh(min_val=-0.1, max_val=0.1, bit_width=8)]),
        "QuantIdentity of 2 bits": lambda: (
            pixels, [qnn.QuantIdentity(bit_width=2), conv, nn.BatchNorm2d(4), qnn.QuantIdentity(bit_width=2)],
        ),
        "QuantEltwiseAdd": lambda: (pixels, [conv, relu, Sum(qnn)]),
    }[kind]()  # fmt: skip


KINDS = (
    "QuantConv1d", "QuantConvTranspose1d", "QuantConvTranspose2d", "quantised bias", "bias of sums",
    "quantisers of a layer", "quantiser of an activation's input", "quantiser of a rectified input", "TruncAvgPool2d",
    "TruncAdaptiveAvgPool2d", "QuantUpsample", "QuantUpsamplingNearest2d", "QuantScaleBias",
    "BatchNorm2dToQuantScaleBias", "activations without quantisers", "QuantHardTanh of 2 bits", "QuantHardTanh of 8 bits", "QuantIdentity of 2 bits",
    "QuantEltwiseAdd",
)  # fmt: skip


class Sum(nn.Module):
    """A residual block of Brevitas, whose sum quantises both inputs and the output."""

    def __init__(self, qnn):
        super().__init__()
        self.conv, self.relu = qnn.QuantConv2d(4, 4, 3, padding=1), qnn.QuantReLU(bit_width=3)
        self.sum = qnn.QuantEltwiseAdd()

    def forward(self, x):
        return self.sum(self.relu(self.conv(x)), x)


@pytest.mark.filterwarnings("ignore")  # those of Brevitas
@pytest.mark.parametrize("kind", KINDS)
def test_layers_compute_what_brevitas_computes(kind):
    torch.manual_seed(0)
    shape, parts = layers(kind)
    network = nn.Sequential(*parts, nn.Flatten(), nn.LazyLinear(3)).train()
    for _ in range(4):  # sets the scales of the quantisers
        network(torch.rand(16, *shape))
    for parameter in network.parameters():
        if parameter.ndim == 1:
            parameter.data.add_(0.2 * torch.randn(parameter.shape))
    check_graph(from_module(network.eval(), shape), None)


def test_refusals():
    qnn = need("brevitas.nn")
    parts = [nn.Flatten(), qnn.QuantLinear(108, 4, bias=True)]
    sigmoid = nn.Sequential(*parts, qnn.QuantSigmoid(bit_width=4), nn.Linear(4, 2))
    with pytest.raises(ConversionError, match=r"module 2 \(QuantSigmoid\): .*QuantReLU"):
        from_module(sigmoid, SHAPE)

    def refusal(*layers):
        with pytest.raises(ConversionError) as error:
            from_module(nn.Sequential(*layers, nn.Flatten()).eval(), SHAPE)
        return str(error.value)

    conv, tensors = qnn.QuantConv2d(3, 4, 3), {"bit_width": 4, "return_quant_tensor": True}
    same = qnn.QuantConv2d(3, 4, 3, stride=2, padding="same")
    assert "has a stride and padding='same'; expected a number of pixels as padding" in refusal(same, nn.ReLU())
    relu, pool = qnn.QuantReLU(**tensors), qnn.TruncAvgPool2d(2, bit_width=5)
    assert "rounds sums to 5 bits; expected a bit width that holds those of its window" in refusal(conv, relu, pool)
    bilinear = qnn.QuantUpsamplingBilinear2d(scale_factor=2)
    assert "rounds interpolated pixels; expected nn.Upsample" in refusal(conv, relu, bilinear)
    down = qnn.QuantReLU(bit_width=4, float_to_int_impl_type="floor")
    assert "rounds by floor; expected rounding to the nearest integer" in refusal(conv, down)
    floats = need("brevitas.quant.experimental.float").Fp8e4m3ActPerTensorFloat
    expected = "expected a quantiser to integers with a constant scale"
    assert expected in refusal(conv, qnn.QuantReLU(act_quant=floats))
