"""Optimiser of a recipe: stochastic gradient descent, with separate rates for thresholds and initial potentials.

A threshold is softplus of the trained parameter, so it stays above 0 for any learning rate and weight decay.
"""

from __future__ import annotations

import torch
from torch import nn

from spikelet_converters.training.recipe import Recipe


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Create the optimiser. Thresholds and potentials get their own parameter groups if their options differ."""
    groups: dict[str, list[nn.Parameter]] = {"weights": [], "lambda": [], "potential": []}
    separate = recipe.lambda_rate != 1 or recipe.lambda_decay is not None or recipe.lambda_hold > 0
    for name, parameter in network.named_parameters():
        kind = {"rho": "lambda" if separate else "weights", "shift": "potential"}.get(
            name.rpartition(".")[2], "weights"
        )
        groups[kind].append(parameter)
    decay = recipe.weight_decay if recipe.lambda_decay is None else recipe.lambda_decay
    options: list[dict[str, object]] = [
        {"params": groups["weights"], "kind": "weights"},
        {"params": groups["lambda"], "kind": "lambda", "weight_decay": decay},
        {
            "params": groups["potential"],
            "kind": "potential",
            "weight_decay": 0.0,
        },  # its origin is 1/2, not 0
    ]
    return torch.optim.SGD(
        [group for group in options if group["params"]],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )


def set_rates(optimiser: torch.optim.Optimizer, recipe: Recipe, epoch: float) -> None:
    """Set the learning rates for a time of the run, in epochs."""
    rates = {"lambda": 0.0 if recipe.holds_lambda(epoch) else recipe.lambda_rate, "potential": recipe.potential_rate}
    for group in optimiser.param_groups:
        group["lr"] = recipe.learning_rate_at(epoch) * rates.get(group.get("kind", "weights"), 1.0)
