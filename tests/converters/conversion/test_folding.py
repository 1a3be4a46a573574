"""Layers of weights in a chain become one layer before the conversion."""

import numpy as np
import pytest
import torch
from torch import nn

from converters_support import PATTERN_SHAPE as SHAPE
from converters_support import patterns
from spikelet.bounds.ranges import INT32_LIMIT, exact_steps
from spikelet.data import ImageSet
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.conversion.folding import folded
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.frontends.torch import from_module

pytestmark = pytest.mark.usefixtures("nothing_compiled")


@pytest.mark.parametrize(
    "second", [nn.Conv2d(6, 8, 1, stride=(1, 2)), nn.Conv2d(6, 6, 1, groups=6)], ids=["dense", "by channel"]
)
def test_a_convolution_of_pixels_behind_a_convolution_is_folded(second):
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 6, 3, stride=(2, 1), padding=1), second, nn.ReLU(), nn.Flatten()]
    network = nn.Sequential(*layers, nn.LazyLinear(4)).eval()
    images = patterns(24)
    with torch.no_grad():
        network[-1].bias -= network(torch.from_numpy(images.images).float() / 255).mean(0)
    source = from_module(network, SHAPE)
    assert sum(node.kind == "Conv2d" for node in source.graph.nodes.values()) == 2
    one = folded(source.graph)
    assert sum(node.kind == "Conv2d" for node in one.nodes.values()) == 1
    pixels = torch.from_numpy(images.images).float()
    logits = [Analog(graph)(pixels, Analog(graph).rectifier(source.relus)).numpy() for graph in (source.graph, one)]
    assert np.allclose(*logits, atol=1e-5)
    bundle = convert_source(source, "a", calibration=Calibration(images, steps=8), data=[images])
    assert bundle.manifest.conversion["layers"][0]["by_step"][-1]["correlation"] > 0.98


def test_layers_that_would_have_many_more_weights_are_not_folded():
    """A pointwise convolution to many channels repeats the weights of the convolution before it for each of them."""
    torch.manual_seed(0)
    for channels, count in ((8, 1), (200, 2)):
        layers = [nn.Conv2d(1, 2, 3), nn.Conv2d(2, channels, 1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4)]
        network = nn.Sequential(*layers).eval()
        network(torch.zeros(1, *SHAPE))
        graph = folded(from_module(network, SHAPE).graph)
        assert sum(node.kind == "Conv2d" for node in graph.nodes.values()) == count, channels


def test_weights_after_sums_are_not_rounded_to_zero():
    """A layer whose inputs are sums of weighted values has small weights relative to its threshold."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3), nn.Conv2d(2, 4, 3), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(),
        nn.Linear(100, 4),
    )  # fmt: skip
    images = patterns(24)
    with torch.no_grad():
        network[-1].bias -= network(torch.from_numpy(images.images).float() / 255).mean(0)
    bundle = convert_source(from_module(network, SHAPE), "a", calibration=Calibration(images, steps=4), data=[images])
    assert np.abs(bundle.graph.synapse("n3").weight).max() > 7
    assert bundle.manifest.results[0]["agreement_with_float"] > 0.8


def test_a_chain_of_convolutions_is_exact_for_one_time_step_in_float32():
    """Its potentials leave ±2^24 within one time-step if only their range of 32-bit integers is considered."""
    torch.manual_seed(0)
    chain = nn.Sequential(nn.Conv2d(1, 10, 3), nn.Conv2d(10, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 4))
    images = ImageSet(np.random.default_rng(0).integers(0, 256, (4, 1, 6, 6), np.uint8), None, None, "noise")
    bundle = convert_source(
        from_module(chain, (1, 6, 6)), "a", calibration=Calibration(images, steps=4, correct=False), data=[images]
    )
    assert 1 <= bundle.manifest.exact_steps < 4 <= exact_steps(bundle.graph, INT32_LIMIT)


class TestFolding:
    def test_chains_of_linear_layers_become_one(self):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 12), nn.Linear(12, 12), nn.Linear(12, 20), nn.ReLU(), nn.Linear(20, 8),
            nn.Linear(8, 4),
        ).eval()  # fmt: skip
        source = from_module(network, SHAPE)
        graph = folded(source.graph)
        kinds = [node.kind for node in graph.nodes.values()]
        assert kinds.count("Linear") == 2
        data = patterns()
        bundle = convert_source(source, "mlp", calibration=Calibration(data, steps=8), data=[data])
        assert bundle.manifest.exact_steps >= 8
        x = torch.from_numpy(patterns(5).images).float()
        first = next(node for node in graph.nodes.values() if node.kind == "Linear")
        expected = network[3](network[2](network[1](x.flatten(1) / 255))).detach().numpy()
        assert np.allclose(x.flatten(1).numpy() @ first.weight.T + first.bias, expected, atol=1e-4)

    def test_layers_that_others_read_stay(self):
        class Fork(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b, self.c = nn.Linear(784, 6), nn.Linear(6, 6), nn.Linear(6, 4)

            def forward(self, x):
                x = self.a(x.flatten(1))
                return self.c(torch.relu(self.b(x) + x))

        graph = from_module(Fork().eval(), SHAPE).graph
        assert folded(graph) == graph
