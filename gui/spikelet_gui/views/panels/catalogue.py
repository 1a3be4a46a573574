"""The panels of the window, in their order."""

from __future__ import annotations

from collections.abc import Callable

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.accuracy.panel import Accuracy
from spikelet_gui.views.panels.compare.panel import ComparePanel
from spikelet_gui.views.panels.energy.panel import EnergyPanel
from spikelet_gui.views.panels.layers.panel import Layers
from spikelet_gui.views.panels.overview.panel import Overview
from spikelet_gui.views.panels.residuals.panel import ResidualPanel
from spikelet_gui.views.panels.robustness.panel import RobustnessPanel
from spikelet_gui.views.panels.validate.panel import ValidatePanel
from spikelet_gui.views.widgets.base import View

# name: (title, class)
PANELS: dict[str, tuple[str, Callable[[Inspector], View]]] = {
    "overview": ("Overview", Overview),
    "layers": ("Layers", Layers),
    "accuracy": ("Accuracy", Accuracy),
    "energy": ("Energy", EnergyPanel),
    "residuals": ("Float / spiking", ResidualPanel),
    "robustness": ("Robustness", RobustnessPanel),
    "compare": ("Compare", ComparePanel),
    "validate": ("Validate", ValidatePanel),
}


class Panels(dict[str, View]):
    """Panels by name, each built on first access, so that the window opens sooner."""

    def __init__(self, build: Callable[[str], View]) -> None:
        super().__init__()
        self._build = build

    def __missing__(self, name: str) -> View:
        self[name] = self._build(name)
        return self[name]
