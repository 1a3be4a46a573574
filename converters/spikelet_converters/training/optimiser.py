"""The optimiser of a recipe: stochastic gradient descent, with rates of their own for thresholds and potentials.

A threshold is softplus of what is trained, so that no learning rate and no weight decay bring it to 0 or below.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikelet_converters.training.recipe import Recipe


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """One group of parameters; thresholds and potentials have groups of their own where their options differ."""
    groups: dict[str, list[nn.Parameter]] = {"weights": [], "lambda": [], "potential": []}
    apart = recipe.lambda_rate != 1 or recipe.lambda_decay is not None or recipe.lambda_hold > 0
    for name, parameter in network.named_parameters():
        kind = {"rho": "lambda" if apart else "weights", "shift": "potential"}.get(name.rpartition(".")[2], "weights")
        groups[kind].append(parameter)
    decay = recipe.weight_decay if recipe.lambda_decay is None else recipe.lambda_decay
    options: list[dict[str, Any]] = [
        {"params": groups["weights"], "kind": "weights"},
        {"params": groups["lambda"], "kind": "lambda", "weight_decay": decay},
        {"params": groups["potential"], "kind": "potential", "weight_decay": 0.0},  # its rest is 1/2, not 0
    ]
    return torch.optim.SGD(
        [group for group in options if group["params"]],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )


def set_rates(optimiser: torch.optim.Optimizer, recipe: Recipe, epoch: float) -> None:
    """Learning rates at a moment of the run, in epochs."""
    rates = {"lambda": 0.0 if recipe.holds_lambda(epoch) else recipe.lambda_rate, "potential": recipe.potential_rate}
    for group in optimiser.param_groups:
        group["lr"] = recipe.learning_rate_at(epoch) * rates.get(group.get("kind", "weights"), 1.0)
