"""Runs of one or two phases: the main phase, and last epochs with another residual strategy.

The second phase starts from the best checkpoint of the first and has its own learning-rate schedule. In the folder of a
run with two phases, the subfolder `start` contains the first. Each phase can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from spikelet.data.images import ImageSet
from spikelet.errors import UsageError
from spikelet.files.decoded import Document, ReadOnlyDocument
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint
from spikelet_converters.training.execution import DEFAULT_EXECUTION, Execution
from spikelet_converters.training.loop import train
from spikelet_converters.training.recipe import RECIPE_FIELDS, Recipe, with_tuples

SPEC_FIELDS = tuple(field.name for field in fields(NetworkSpec))


@dataclass(frozen=True)
class Phase:
    """One phase of a run: a network and the recipe that trains it."""

    spec: NetworkSpec
    recipe: Recipe

    def followed_by(self, options: ReadOnlyDocument) -> Phase:
        """Return the next phase, which is this one with `options` changed.

        Warm-up, held thresholds, a rising price of spikes and time-steps are not taken over.

        Raises:
            UsageError: An option is neither a field of a network nor of a recipe.
        """
        unknown = [key for key in options if key not in (*RECIPE_FIELDS, *SPEC_FIELDS)]
        if unknown:
            raise UsageError(f"unknown option {unknown[0]!r} of the last epochs")
        recipe = {key: value for key, value in with_tuples(options).items() if key in RECIPE_FIELDS}
        spec = {key: value for key, value in options.items() if key in SPEC_FIELDS}
        fresh = {"warmup": 0.0, "lambda_hold": 0.0, "price_rise": 0.0, "time_steps": ()}
        return Phase(replace(self.spec, **spec), replace(self.recipe, **{**fresh, **recipe}))

    def as_dict(self) -> Document:
        """Return the fields as plain values."""
        return {"network": self.spec.as_dict(), "recipe": asdict(self.recipe)}


def run_phases(
    phases: list[Phase],
    data: ImageSet,
    out: Path,
    *,
    start: Checkpoint | None = None,
    resume: bool = False,
    execution: Execution = DEFAULT_EXECUTION,
    on_phase: Callable[[int, int, Phase], None] | None = None,
) -> Checkpoint:
    """Train the phases one after another.

    Args:
        phases: One or two phases.
        data: Training split.
        out: Folder of the run, where the last phase is stored.
        start: Checkpoint whose weights the first phase starts from.
        resume: Continue an interrupted run.
        execution: Settings of `train`.
        on_phase: Called before each phase with its number from 1, the number of phases, and the phase.

    Returns:
        The best checkpoint of the last phase.
    """
    folders = [out / "start", out] if len(phases) == 2 else [out]
    for number, (phase, folder) in enumerate(zip(phases, folders, strict=True), start=1):
        if on_phase is not None:
            on_phase(number, len(phases), phase)
        begun = (folder / "last.pt").exists()
        if len(phases) == 2 and folder == out and not begun:
            start = load_checkpoint(out / "start" / "best.pt")
        resume_phase = resume and (begun or len(phases) == 1)
        start = train(phase.spec, phase.recipe, data, folder, start=start, resume=resume_phase, execution=execution)
    assert start is not None
    return start
