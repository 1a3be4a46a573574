"""A run of one or two phases: the main one, then last epochs with another residual strategy.

The second phase starts from the best checkpoint of the first, with a learning-rate schedule of its own. A run of two
phases is a folder whose subfolder `start` is the first; each is resumed where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from spikelet.data.images import ImageSet
from spikelet.errors import UsageError
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint
from spikelet_converters.training.loop import train
from spikelet_converters.training.recipe import RECIPE_FIELDS, Recipe

SPEC_FIELDS = tuple(field.name for field in fields(NetworkSpec))


@dataclass(frozen=True)
class Phase:
    """What is trained, and how."""

    spec: NetworkSpec
    recipe: Recipe

    def followed_by(self, options: Mapping[str, Any]) -> Phase:
        """A phase like this one, but for what `options` say; warm-up and held thresholds do not carry over.

        Raises:
            UsageError: an option that neither a network nor a recipe has.
        """
        unknown = [key for key in options if key not in (*RECIPE_FIELDS, *SPEC_FIELDS)]
        if unknown:
            raise UsageError(f"unknown option {unknown[0]!r} of the last epochs")
        recipe = {key: value for key, value in options.items() if key in RECIPE_FIELDS}
        if "time_steps" in recipe:
            recipe["time_steps"] = tuple(recipe["time_steps"])
        spec = {key: value for key, value in options.items() if key in SPEC_FIELDS}
        fresh = {"warmup": 0.0, "lambda_hold": 0.0, "time_steps": ()}
        return Phase(replace(self.spec, **spec), replace(self.recipe, **{**fresh, **recipe}))

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"network": self.spec.as_dict(), "recipe": asdict(self.recipe)}


def run_phases(
    phases: list[Phase],
    data: ImageSet,
    out: Path,
    *,
    start: Checkpoint | None = None,
    resume: bool = False,
    **options: Any,
) -> Checkpoint:
    """Train one phase after another; returns the checkpoint of the last, which lies in `out`.

    options: as `spikelet_converters.training.loop.train` takes them.
    """
    folders = [out / "start", out] if len(phases) == 2 else [out]
    for phase, folder in zip(phases, folders, strict=True):
        begun = (folder / "last.pt").exists()
        if len(phases) == 2 and folder == out and not begun:
            start = load_checkpoint(out / "start" / "best.pt")
        only = len(phases) == 1
        goes_on = resume and (begun or only)
        start = train(phase.spec, phase.recipe, data, folder, start=start, resume=goes_on, **options)
    assert start is not None  # there is one phase or two
    return start
