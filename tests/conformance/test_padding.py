"""Convolutions whose windows can lie in the padding alone, on every engine."""

import numpy as np
import pytest

from joined_libraries import compile_together
from networks import Builder
from runners import RUNNERS, assert_same, on_engine

WINDOWS = [((3, 1), (2, 2)), ((1, 3), (2, 2)), ((1, 1), (3, 1)), ((2, 2), (4, 4))]


def network(kernel, padding):
    net = Builder((3, 5, 3), np.random.default_rng(0))
    net.neuron("if1", leaky=True, copies=3)
    net.conv("conv", 2, kernel=kernel, padding=padding)
    net.neuron("if2", leaky=True, copies=3)
    return net.graph()


@pytest.fixture(scope="module", autouse=True)
def compiled():
    compile_together(network(*window) for window in WINDOWS)


@pytest.mark.parametrize(("kernel", "padding"), WINDOWS)
def test_windows_that_lie_in_the_padding(kernel, padding):
    graph = network(kernel, padding)
    inputs = np.random.default_rng(1).integers(0, 256, (5, 2, 3, 5, 3)).astype(np.float32)
    expected = on_engine("numpy", graph, inputs, 5)
    for name in RUNNERS:
        assert_same(graph, name, inputs, 5, expected=expected)
