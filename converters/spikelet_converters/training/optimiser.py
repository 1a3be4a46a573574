"""Optimiser of a recipe: stochastic gradient descent, with separate rates for thresholds and initial potentials.

A threshold is softplus of the trained parameter, so it stays above 0 for any learning rate and weight decay.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import nn

from spikelet_converters.training.recipe import Recipe


class PlainSGD(torch.optim.SGD):
    """torch's SGD without the decorators and profiling hooks of its methods.

    The decorators exclude the methods from compilation, and import torch's compiler, which takes over a second in each
    process. The hooks import a monitor of GPUs; if memory is short, torch logs the failure of the import. The optimiser
    is never compiled or profiled; the training pass is compiled on request.
    """

    add_param_group = inspect.unwrap(torch.optim.SGD.add_param_group)
    state_dict = inspect.unwrap(torch.optim.SGD.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.SGD.load_state_dict)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Remove the gradients, or set them to zero."""
        if not set_to_none:
            super().zero_grad(set_to_none=False)
            return
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update the parameters by their gradients."""
        with torch.no_grad():
            loss: float | None = _step(self, closure)
        return loss

    step.hooked = True  # type: ignore[attr-defined]  # torch adds its profiling hook to a method without this attribute


_step = inspect.unwrap(torch.optim.SGD.step)


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
        # no weight decay towards 0, since initial potentials start at 1/2
        {"params": groups["potential"], "kind": "potential", "weight_decay": 0.0},
    ]
    return PlainSGD(
        [group for group in options if group["params"]],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov and recipe.momentum > 0,  # torch refuses it; it has no effect without momentum
        weight_decay=recipe.weight_decay,
    )


def set_rates(optimiser: torch.optim.Optimizer, recipe: Recipe, epoch: float) -> None:
    """Set the learning rates for a time of the run, in epochs."""
    rates = {"lambda": 0.0 if recipe.holds_lambda(epoch) else recipe.lambda_rate, "potential": recipe.potential_rate}
    for group in optimiser.param_groups:
        group["lr"] = recipe.learning_rate_at(epoch) * rates.get(group.get("kind", "weights"), 1.0)
