"""The panels of the window, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.accuracy.panel import AccuracyPanel
from spikelet_gui.views.panels.compare.panel import ComparePanel
from spikelet_gui.views.panels.energy.panel import EnergyPanel
from spikelet_gui.views.panels.layers.panel import LayersPanel
from spikelet_gui.views.panels.overview.panel import OverviewPanel
from spikelet_gui.views.panels.plan.panel import PlanPanel
from spikelet_gui.views.panels.residuals.panel import ResidualPanel
from spikelet_gui.views.panels.robustness.panel import RobustnessPanel
from spikelet_gui.views.panels.validate.panel import ValidatePanel
from spikelet_gui.views.widgets.base import Panel

# name: (title, class)
PANELS: dict[str, tuple[str, Callable[[Inspector], Panel]]] = {
    "overview": ("Overview", OverviewPanel),
    "layers": ("Layers", LayersPanel),
    "accuracy": ("Accuracy", AccuracyPanel),
    "energy": ("Energy", EnergyPanel),
    "plan": ("Plan", PlanPanel),
    "residuals": ("Residuals", ResidualPanel),
    "robustness": ("Robustness", RobustnessPanel),
    "compare": ("Compare", ComparePanel),
    "validate": ("Validate", ValidatePanel),
}


class Panels(dict[str, Panel]):
    """Panels by name. A panel is built in slices when it is first shown, or at once on first access.

    Args:
        inspector: The models.
        add: Called with the name of a panel and the panel before it is built.
        complete: Called with the name of a panel and the panel after it is built.
    """

    def __init__(
        self, inspector: Inspector, add: Callable[[str, Panel], object], complete: Callable[[str, Panel], object]
    ) -> None:
        super().__init__()
        self._inspector, self._add, self._complete = inspector, add, complete
        self._begun: dict[str, tuple[Panel, Iterator[None]]] = {}

    def build_slice(self, name: str) -> bool:
        """Build the next part of a panel, and return whether the panel is complete."""
        if name in self:
            return True
        if name not in self._begun:
            panel = PANELS[name][1](self._inspector)
            self._add(name, panel)
            self._begun[name] = panel, panel.build()
            return False
        panel, parts = self._begun[name]
        for _ in parts:
            return False
        del self._begun[name]
        self[name] = panel
        self._complete(name, panel)
        return True

    def __missing__(self, name: str) -> Panel:
        while not self.build_slice(name):
            pass
        return self[name]

    def finish(self) -> None:
        """Complete every panel that is partly built, so that all its cards are part of the window."""
        for name in list(self._begun):
            _ = self[name]
