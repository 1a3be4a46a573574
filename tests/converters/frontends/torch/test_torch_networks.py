"""Networks with the blocks of torchvision's: read by tracing and from torch.export, and converted."""

import numpy as np
import pytest
import torch

from source_networks.blocks import NETWORKS, network
from spikelet.data import ImageSet
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.frontends.torch import from_module, from_program

pytestmark = pytest.mark.usefixtures("nothing_compiled")

SHAPE = (3, 32, 32)


def images(count, seed=0):
    """Return images that consist of a few large squares."""
    squares = np.random.default_rng(seed).integers(0, 256, (count, 3, 8, 8), np.uint8)
    return squares.repeat(4, 2).repeat(4, 3)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_read_as_torch_computes_it(name):
    built, pixels = network(name), torch.from_numpy(images(6)).float()
    with torch.no_grad():
        expected = built(pixels / 255).numpy()
    program = torch.export.export(built, (torch.zeros(2, *SHAPE),))
    assert np.ptp(expected, axis=0).max() > 1e-2, "the network must distinguish the images"
    for source in (from_module(built, SHAPE), from_program(program)):
        analog = Analog(source.graph)
        actual = analog(pixels, analog.rectifier(source.relus)).numpy()
        assert np.abs(actual - expected).max() < 1e-4 * np.abs(expected).max()
        assert check_graph(source, None) < 1e-3
        assert all(cap in (None, 6.0) for cap in source.relus.values())


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v2", "shufflenet_v2"])
def test_a_network_runs_as_integers(name):
    built, data = network(name), images(24)
    with torch.no_grad():
        logits = built(torch.from_numpy(data).float() / 255)
    last = [module for module in built.modules() if getattr(module, "bias", None) is not None][-1]
    with torch.no_grad():
        last.bias -= logits.mean(0)  # so that the answers differ
        labels = built(torch.from_numpy(data).float() / 255).argmax(1).numpy()
    labelled = ImageSet(data, labels, None, "squares")
    source = from_module(built, SHAPE)
    bundle = convert_source(source, name, calibration=Calibration(labelled, steps=16), data=[labelled])
    result = bundle.manifest.results[0]
    assert bundle.manifest.exact_steps >= 16
    assert result["float_accuracy"] == 1
    assert result["distinct_answers"] > 1
