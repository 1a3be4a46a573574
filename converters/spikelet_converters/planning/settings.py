"""Settings of a run with their accuracy and costs, and budgets."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Literal

from spikelet.options import real

Cost = Literal["steps", "neurons", "operations", "energy", "time"]
COSTS: tuple[Cost, ...] = ("steps", "neurons", "operations", "energy", "time")
COUNTED: dict[Cost, str] = {"steps": "time-step", "neurons": "neuron", "operations": "synaptic operation"}
UNITS: dict[Cost, str] = {"energy": "µJ", "time": "ms"}


def amount(cost: Cost, value: float) -> str:
    """Return a cost with its unit, such as "4 time-steps"."""
    unit = UNITS[cost] if cost in UNITS else COUNTED[cost] + "s" * (value != 1)
    return f"{value:,.10g} {unit}"


@dataclass(frozen=True)
class Setting:
    """A setting of a run.

    Attributes:
        copies: Number of copies k of each neuron.
        steps: Largest number of time-steps T.
        margin: Margin of early exit, in logits of the source network; None: every image takes T time-steps.
    """

    copies: int
    steps: int
    margin: float | None = None

    def __str__(self) -> str:
        exit_rule = "" if self.margin is None else f", early exit at {self.margin:g}"
        return f"k = {self.copies}, T = {self.steps}{exit_rule}"


@dataclass(frozen=True)
class Point:
    """A setting with its accuracy and its costs, which are means over the images.

    Attributes:
        setting: The setting.
        accuracy: Share of correct predictions.
        low, high: Wilson's 95% interval of the accuracy.
        steps: Time-steps of an image; T without early exit.
        neurons: Neurons of the network, all copies counted.
        operations: Synaptic operations of an image: accumulates of spikes, and the operations on pixels, counted once.
        energy: Estimated energy of an image in µJ, the upper bound; None without a hardware profile.
        time: Milliseconds for an image on this machine, one image at a time; None if it was not measured.
    """

    setting: Setting
    accuracy: float
    low: float
    high: float
    steps: float
    neurons: int
    operations: float
    energy: float | None = None
    time: float | None = None

    def cost(self, cost: Cost) -> float:
        """Return a cost; infinity if it is not known."""
        value: float | None = getattr(self, cost)
        return math.inf if value is None else float(value)

    def as_json(self) -> dict[str, object]:
        """Convert to a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Budget:
    """Upper limits of the mean costs of an image; None: no limit.

    Attributes:
        steps: Time-steps.
        neurons: Neurons of the network, all copies counted.
        operations: Synaptic operations.
        energy: µJ, with the hardware profile of the plan.
        time: Milliseconds on this machine.

    Raises:
        UsageError: A limit is not a number above 0.

    Examples:
        >>> Budget(steps=2, operations=3e7).limited
        ('steps', 'operations')
    """

    steps: float | None = None
    neurons: float | None = None
    operations: float | None = None
    energy: float | None = None
    time: float | None = None

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if value is not None:
                object.__setattr__(self, limit.name, real(f"Budget.{limit.name}", value, math.ulp(0.0)))

    @property
    def limited(self) -> tuple[Cost, ...]:
        """Costs that have a limit."""
        return tuple(cost for cost in COSTS if getattr(self, cost) is not None)

    def permits(self, point: Point) -> bool:
        """Return whether a point is within all limits."""
        return all(point.cost(cost) <= getattr(self, cost) for cost in self.limited)

    def as_json(self) -> dict[str, float | None]:
        """Convert to a JSON object."""
        return asdict(self)

    def __str__(self) -> str:
        limits = [amount(cost, getattr(self, cost)) for cost in self.limited]
        return "at most " + " and ".join(limits) if limits else "no limit"
