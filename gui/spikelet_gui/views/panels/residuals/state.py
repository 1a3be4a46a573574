"""State shared by the residual cards: the residuals and T."""

from __future__ import annotations

from spikelet_gui.models.analysis.residuals import LayerResidual, Residuals
from spikelet_gui.models.session.inspector import Inspector


class ResidualState:
    """Residuals of all layers, and the selected T.

    Attributes:
        inspector: The models.
        residuals: The residuals; None before the first run.
        index: Index of T in `residuals.steps`; -1 is the largest.
    """

    def __init__(self, inspector: Inspector) -> None:
        self.inspector = inspector
        self.residuals: Residuals | None = None
        self.index = -1

    @property
    def steps(self) -> int:
        """The selected T."""
        assert self.residuals is not None
        return self.residuals.steps[self.index]

    def layers(self) -> list[LayerResidual]:
        """Return all layers at T."""
        if self.residuals is None:
            return []
        return [by_steps[self.steps] for by_steps in self.residuals.layers.values()]

    def layer(self) -> LayerResidual | None:
        """Return the selected layer at T; None before the first run."""
        if self.residuals is None:
            return None
        return self.residuals.layers[self.inspector.selection.layer][self.steps]
