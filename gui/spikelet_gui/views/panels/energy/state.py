"""State shared by the energy cards: the estimate and the level."""

from __future__ import annotations

from dataclasses import dataclass

from spikelet.metrics.energy import LEVELS
from spikelet_gui.models.analysis.costs import Costs


@dataclass
class EnergyState:
    """The estimate and the selected level.

    Attributes:
        costs: The estimate, or None before it is computed.
        level: One of LEVELS.
    """

    costs: Costs | None = None
    level: str = LEVELS[0]
