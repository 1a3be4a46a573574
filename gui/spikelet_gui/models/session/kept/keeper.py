"""Store results of all analyses in files, and find those of a bundle and a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.metrics.fault_results import Robustness
from spikelet_gui.models.analysis.planning import Planned
from spikelet_gui.models.analysis.residuals import Residuals, reach
from spikelet_gui.models.analysis.sweep import Sweep
from spikelet_gui.models.session.document import Document
from spikelet_gui.models.session.kept import accuracy
from spikelet_gui.models.session.kept.plan import restore_plan, store_plan
from spikelet_gui.models.session.kept.residuals import restore_residuals, store_residuals
from spikelet_gui.models.session.kept.robustness import restore_robustness, store_robustness


@dataclass(frozen=True)
class Restored:
    """Results of earlier sessions; None for those that are not kept.

    Attributes:
        sweep: Accuracy, spike rates and operations.
        residuals: Residuals of all layers.
        robustness: Accuracy under faults.
        planned: Settings of the bundle.
    """

    sweep: Sweep | None = None
    residuals: Residuals | None = None
    robustness: Robustness | None = None
    planned: Planned | None = None


class Keeper:
    """Files of results. Its methods read and write files and are called in the background.

    Args:
        folder: The folder; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def sweep(self, bundle: Bundle, data: ImageSet, result: Sweep) -> Sweep:
        """Keep accuracy, spike rates and operations, and return them."""
        if self._folder is not None:
            accuracy.store(self._folder, bundle, data, result)
        return result

    def residuals(self, bundle: Bundle, data: ImageSet, result: Residuals) -> Residuals:
        """Keep the residuals, and return them."""
        if self._folder is not None:
            store_residuals(self._folder, bundle, data, result)
        return result

    def robustness(self, bundle: Bundle, data: ImageSet, result: Robustness) -> Robustness:
        """Keep the accuracy under faults, and return it."""
        if self._folder is not None:
            store_robustness(self._folder, bundle, data, result)
        return result

    def planned(self, data: ImageSet, result: Planned) -> Planned:
        """Keep the settings of a bundle, and return them."""
        if self._folder is not None:
            store_plan(self._folder, data, result)
        return result

    def restore_sweep(self, bundle: Bundle, data: ImageSet, steps: int, engine: str) -> Sweep | None:
        """Return accuracy, spike rates and operations, or None."""
        return None if self._folder is None else accuracy.restore(self._folder, bundle, data, steps, engine)

    def restore(self, document: Document, data: ImageSet, steps: int, engine: str) -> Restored:
        """Return all results of a bundle on a data set.

        Args:
            document: The bundle.
            data: The images.
            steps: T. A plan is kept for all T.
            engine: Name of the engine.
        """
        folder, bundle = self._folder, document.bundle
        if folder is None:
            return Restored()
        return Restored(
            accuracy.restore(folder, bundle, data, steps, engine),
            restore_residuals(folder, bundle, data, reach(steps, document.most_steps)[-1]),
            restore_robustness(folder, bundle, data, steps),
            restore_plan(folder, bundle, document.path, data) if document.origin is None else None,
        )
