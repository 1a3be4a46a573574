"""Compute of a training in forward passes per image, counted by hand."""

import pytest
import torch

from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.training.compute import compute_of, forward_passes
from spikelet_converters.training.recipe import Recipe


@pytest.mark.parametrize(
    ("residual", "options", "passes"),
    [
        ("none", {}, 2 * 3),
        ("none", {"distil": 0.5}, 2 * 4),
        ("exact", {"time_steps": (1, 2, "limit", "4x2")}, 2 * (3 + 5 / 4)),
        ("exact-sample", {"time_steps": (1, 2, "limit")}, 2 * (3 + 2)),
        ("gaussian", {"validation": 0.2}, 2 * (3 + 5 * 0.25)),
        ("empirical", {"validation": 0.2, "steps": 1}, 2 * (3 + 2 * 0.25)),
    ],
)
def test_passes(residual, options, passes):
    assert forward_passes(residual, Recipe(epochs=2, **options)) == pytest.approx(passes)


def test_a_network_has_the_compute_of_all_its_starts():
    first = {"recipe": {"epochs": 4, "seed": 1, "batch": 16}, "start": None}
    second = {"recipe": {"epochs": 1, "time_steps": [2]}, "residual": "exact", "start": first}
    third = {"recipe": {"epochs": 2}, "residual": "none", "start": second}
    assert compute_of(third) == {"run": 6, "start": 4 * 3 + 5}


def test_the_passes_of_a_simulation_are_those_that_are_run():
    """Counted at the first convolution behind neurons, which sees every time-step."""
    for residual, draw in (("exact", 3), ("exact", "2x3"), ("exact-sample", (1, 3, "limit"))):
        network = NetworkSpec("vgg5", (3, 8, 8), 3, (125, 123, 114), (63.0, 62.0, 67.0), 4, residual, 1.0).build()
        images = []
        network.conv2.register_forward_pre_hook(lambda _, inputs, images=images: images.append(len(inputs[0])))
        RESIDUALS[residual].prepare(network, torch.zeros(3, 3, 8, 8), draw)
        assert sum(images) == 3 * (RESIDUALS[residual].passes(draw) if draw != (1, 3, "limit") else 3)
