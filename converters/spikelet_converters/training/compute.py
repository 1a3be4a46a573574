"""Compute of a training, in forward passes per training image, so that methods can be compared at equal compute."""

from __future__ import annotations

from spikelet.files.decoded import ReadOnlyDocument
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.training.recipe import RECIPE_FIELDS, Recipe, with_tuples

BACKWARD = 2  # a backward pass computes gradients of inputs and weights


def forward_passes(residual: str, recipe: Recipe) -> float:
    """Return the forward passes per training image of a whole run.

    An epoch has a forward and a backward pass, the simulation of the residual strategy (T passes for a draw of T; the
    largest T if it is drawn for each image), the pass of a teacher, and the measurement on the validation split.
    Simulations cost less in practice, since the layers before the first neurons are computed once.
    """
    strategy = RESIDUALS[residual]
    drawn = [strategy.passes(draw) for draw in recipe.draws]
    simulated = max(drawn) if strategy.by_image else sum(drawn) / len(drawn)
    measured = strategy.measured_passes(recipe.steps) * recipe.validation / (1 - recipe.validation)
    return recipe.epochs * (1 + BACKWARD + simulated + (recipe.distil > 0) + measured)


def compute_of(provenance: ReadOnlyDocument) -> dict[str, float]:
    """Return the forward passes per training image of a network: of its own run, and of the run it started from."""
    start = provenance.get("start")
    return {"run": _passes(provenance), "start": 0.0 if not start else sum(compute_of(start).values())}


def _passes(provenance: ReadOnlyDocument) -> float:
    recipe = {key: value for key, value in provenance.get("recipe", {}).items() if key in RECIPE_FIELDS}
    return forward_passes(provenance.get("residual", "none"), Recipe(**with_tuples(recipe))) if recipe else 0.0
