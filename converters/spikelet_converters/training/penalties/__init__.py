"""Terms that are added to the loss and computed from the inputs and outputs of the spiking layers."""

from __future__ import annotations

from torch import nn

from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.training.penalties.base import Penalties, Penalty, Weight
from spikelet_converters.training.penalties.operations import OperationsPrice
from spikelet_converters.training.penalties.residual import ResidualPenalty
from spikelet_converters.training.recipe import Recipe


def penalties_of(network: nn.Module, spec: NetworkSpec, recipe: Recipe) -> Penalties:
    """Return the penalties of a recipe, attached to the layers of a network."""
    terms: list[tuple[Weight, Penalty]] = []
    if recipe.residual_penalty:
        terms.append((lambda _: recipe.residual_penalty, ResidualPenalty()))
    if recipe.spike_price:
        terms.append((recipe.spike_price_at, OperationsPrice(network, spec.shape)))
    return Penalties(network, terms)


__all__ = ["OperationsPrice", "Penalties", "Penalty", "ResidualPenalty", "penalties_of"]
