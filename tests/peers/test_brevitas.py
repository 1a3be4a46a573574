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
from spikelet_converters.conversion.check import source_neuron
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
    assert source.notes[0] == "module 0 (QuantIdentity): quantises no rectified activation, and was left out"
    with pytest.raises(ConversionError, match="name images of the training data with --calibration"):
        convert_source(source, "brevitas")
    bundle = convert_source(source, "brevitas", calibration=Calibration(images, steps=32))
    assert bundle.manifest.conversion["layers"][-1]["agreement_through"] > 0.7


def test_refusals():
    qnn = need("brevitas.nn")
    parts = [nn.Flatten(), qnn.QuantLinear(108, 4, bias=True)]
    signed = nn.Sequential(*parts, qnn.QuantHardTanh(min_val=-1.0, max_val=1.0, bit_width=4), nn.Linear(4, 2))
    with pytest.raises(
        ConversionError,
        match=r"module 2 \(QuantHardTanh\): is signed; expected an unsigned quantiser with zero point 0, as in QuantReLU",
    ):
        from_module(signed, SHAPE)
    sigmoid = nn.Sequential(*parts, qnn.QuantSigmoid(bit_width=4), nn.Linear(4, 2))
    with pytest.raises(ConversionError, match=r"module 2 \(QuantSigmoid\): .*QuantReLU"):
        from_module(sigmoid, SHAPE)
