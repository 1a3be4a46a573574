"""Proof by others: the bundle's own record replayed on every engine, and Brian2, an independent simulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from spikelet.bundle import Bundle
from spikelet.errors import MissingDependency
from spikelet.gui.models.jobs import Progress
from spikelet.verify import Verification, verify

if TYPE_CHECKING:
    from spikelet.converters.brian2 import ValidationReport

NEURONS = (64, 256, 1024)  # sampled of each layer
IMAGES = 3


@dataclass
class Checks:
    """What is known so far. verified: by engine. report: of Brian2."""

    verified: dict[str, Verification] = field(default_factory=dict)
    report: ValidationReport | None = None


def replay(bundle: Bundle, engines: tuple[str, ...], progress: Progress) -> dict[str, Verification]:
    """The bundle's golden inputs on each engine."""
    found = {}
    for done, name in enumerate(engines):
        progress(done, len(engines))
        found[name] = verify(bundle, name)
    progress(len(engines), len(engines))
    return found


def brian2_missing() -> str | None:
    """Why there is no Brian2 here, in words; None if there is."""
    return None if find_spec("brian2") else str(MissingDependency("Brian2", "brian2"))


def validation(
    bundle: Bundle, images: np.ndarray[Any, Any], steps: int, neurons: int, engine: str
) -> Callable[[Progress], ValidationReport]:
    """The work of a validation. neurons: sampled of each layer; 0 takes all."""

    def work(progress: Progress) -> ValidationReport:
        from spikelet.converters.brian2 import validate

        return validate(
            bundle,
            images,
            steps=steps,
            neurons=neurons or "all",
            engine=engine,
            target="numpy",
            on_progress=progress,
            cancelled=progress.cancelled.is_set,
        )

    return work
