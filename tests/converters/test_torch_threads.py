"""Division of torch's calculations among threads by samples."""

import pytest
import torch
from torch.nn import functional as F

from source_networks.blocks import network
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.conversion.source import convert_source
from spikelet_converters.frontends.torch import from_module
from spikelet_converters.torch_threads import PART, by_samples, divided


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, PART, PART + 1, 3 * PART - 1])
def test_parts_give_the_result_of_the_batch(count, three_threads):
    generator = torch.Generator().manual_seed(count)
    samples, weight = torch.randn(count, 3, 5, 5, generator=generator), torch.randn(4, 3, 3, 3, generator=generator)
    with divided():
        parts = by_samples(lambda x: F.conv2d(x, weight), samples)
    assert torch.allclose(parts, F.conv2d(samples, weight), atol=1e-5)
    assert torch.equal(parts, by_samples(lambda x: F.conv2d(x, weight), samples)), "it depends on the threads"


def test_an_error_in_a_part_is_raised(three_threads):
    def fails(samples):
        if len(samples) < PART:
            raise ValueError("last part")
        return samples

    with pytest.raises(ValueError, match="last part"), divided():
        by_samples(fails, torch.zeros(2 * PART + 1))


def test_torch_has_its_threads_again_after_a_conversion(three_threads):
    with divided():
        with divided():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3
    with pytest.raises(Exception, match="source"):
        convert_source("no source", "a")
    assert torch.get_num_threads() == 3


def test_nodes_before_given_outputs_are_not_evaluated():
    graph = from_module(network("resnet18"), (3, 32, 32)).graph
    evaluated = []

    class Counted(Analog):
        def evaluate(self, name, inputs, pixels):
            evaluated.append(name)
            return super().evaluate(name, inputs, pixels)

    analog, rates = Counted(graph), {}
    rectify = analog.rectifier({})

    def neuron(name, current):
        rates[name] = rectify(name, current)
        return rates[name]

    pixels = torch.rand(2, *graph.input.shape) * 255
    expected = analog(pixels, neuron)
    assert set(evaluated) == set(graph.nodes) - set(graph.spiking)
    evaluated.clear()
    last = graph.spiking[-1]
    assert torch.equal(analog(pixels, rectify, rates), expected)
    assert set(evaluated) == set(graph.order[graph.order.index(last) + 1 :]), "only the nodes after the last layer"
