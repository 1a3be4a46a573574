"""The panels of the window, in their order."""

from __future__ import annotations

from collections.abc import Callable

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
    """Panels by name, each built on first access: the window opens sooner."""

    def __init__(self, build: Callable[[str], Panel]) -> None:
        super().__init__()
        self._build = build

    def __missing__(self, name: str) -> Panel:
        self[name] = self._build(name)
        return self[name]
