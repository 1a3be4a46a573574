"""State shared by the robustness cards: results and the selected fault."""

from __future__ import annotations

from spikelet.display import number_of
from spikelet.metrics.fault_results import Robustness
from spikelet.metrics.faults import KINDS
from spikelet.metrics.robustness import all_faults
from spikelet_gui.models.analysis.robustness import Row, complete, rows
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.signal import Signal


class RobustnessState:
    """Results and the selected fault.

    Attributes:
        inspector: The models.
        kind: Type of the selected fault, a key of KINDS.
        changed: Emitted when another fault is selected.
    """

    def __init__(self, inspector: Inspector) -> None:
        self.inspector = inspector
        self.kind = next(iter(KINDS))
        self.changed = Signal[[]]()

    @property
    def measured(self) -> Robustness | None:
        """Accuracy under each fault; None before the first measurement."""
        return self.inspector.results.robustness

    @property
    def time(self) -> int:
        """The time-step of the cursor, at most the last one that was measured."""
        return min(self.inspector.cursor.time, self.measured.steps) if self.measured is not None else 1

    @property
    def row(self) -> Row | None:
        """Accuracy by level of the selected fault."""
        measured = self.measured
        return None if measured is None else next(row for row in rows(measured) if row.kind == self.kind)

    def choose(self, kind: str) -> None:
        """Select a fault."""
        if kind != self.kind:
            self.kind = kind
            self.changed.emit()

    def described(self) -> str:
        """Describe data, numbers of images and devices, time-step and progress."""
        measured = self.measured
        if measured is None:
            return ""
        devices = number_of(len(measured.seeds), "device")
        progress = "" if complete(measured) else f"; {len(measured.points)} of {len(all_faults())} so far"
        return (
            f"{number_of(measured.images, 'image')} of {measured.data}; {devices} per level; t = {self.time}{progress}"
        )
