"""State shared by the cards of the plan: results, the cost on the axis, its limit, and the selected setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet_gui.models.analysis.planning import COSTS, Cost, Planned
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.signal import Signal

if TYPE_CHECKING:
    from spikelet_converters.planning.settings import Point


class PlanState:
    """Results, the cost on the axis, its limit, and the selected setting.

    Attributes:
        inspector: The models.
        cost: Cost on the axis.
        limit: Limit of this cost; None: no limit.
        changed: Emitted when the cost, the limit or the selected setting changes.
    """

    def __init__(self, inspector: Inspector) -> None:
        self.inspector = inspector
        self.cost: Cost = next(iter(COSTS))
        self.limit: float | None = None
        self.changed = Signal[[]]()
        self._selected: Point | None = None
        self._front: tuple[tuple[int, Cost], tuple[Point, ...]] = ((0, self.cost), ())

    @property
    def planned(self) -> Planned | None:
        """The measured settings; None before the first measurement."""
        return self.inspector.results.planned

    @property
    def front(self) -> tuple[Point, ...]:
        """The Pareto front for the cost on the axis."""
        key = id(self.planned), self.cost
        if self._front[0] != key:
            self._front = key, () if self.planned is None else self.planned.front(self.cost)
        return self._front[1]

    @property
    def chosen(self) -> Point | None:
        """The recommended setting within the limit, or None."""
        return None if self.planned is None else self.planned.choice(self.cost, self.limit)

    @property
    def selected(self) -> Point | None:
        """The selected setting, or the recommended one."""
        if self.planned is not None and self._selected in self.planned.plan.points:
            return self._selected
        return self.chosen

    def select(self, point: Point) -> None:
        """Select a setting."""
        if point != self.selected:
            self._selected = point
            self.changed.emit()

    def set_cost(self, cost: Cost) -> None:
        """Show another cost, without a limit."""
        if cost != self.cost:
            self.cost, self.limit, self._selected = cost, None, None
            self.changed.emit()

    def set_limit(self, limit: float | None) -> None:
        """Set the limit and select the recommended setting."""
        if limit is not None and limit <= 0:
            limit = None
        if limit != self.limit:
            self.limit, self._selected = limit, None
            self.changed.emit()
