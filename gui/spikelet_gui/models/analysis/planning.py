"""Settings of a bundle: copies, time-steps and early exit, with their accuracy and costs.

All numbers are computed by `spikelet_converters.planning`, which is loaded when the task is started.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.display import compact, number_of, significant
from spikelet.metrics.hardware import Profile
from spikelet_gui.models.jobs import PartialProgress

if TYPE_CHECKING:
    from spikelet_converters.planning.plan import Plan
    from spikelet_converters.planning.settings import Point

IMAGES = (100, 200, 500, 2000)
Cost = Literal["steps", "neurons", "operations", "energy", "time"]
# by cost: name in a list, label of an axis
COSTS: dict[Cost, tuple[str, str]] = {
    "steps": ("time-steps", "time-steps of an image (mean)"),
    "operations": ("synaptic operations", "synaptic operations of an image (mean)"),
    "energy": ("energy", "estimated energy of an image, µJ (mean, upper bound)"),
    "time": ("time", "milliseconds of an image on this machine (mean)"),
    "neurons": ("neurons", "neurons"),
}


@dataclass(frozen=True)
class Planned:
    """The settings of a bundle.

    Attributes:
        bundle: The bundle from which networks with copies are derived.
        path: File of the bundle.
        plan: The measured settings.
    """

    bundle: Bundle
    path: Path
    plan: Plan

    def front(self, cost: Cost) -> tuple[Point, ...]:
        """Return the Pareto front of the accuracy, a cost, time-steps and neurons, in the order of the cost."""
        from spikelet_converters.planning.front import compared_costs, pareto
        from spikelet_converters.planning.settings import Budget

        return pareto(self.plan.points, compared_costs(Budget(**{cost: 1.0})))

    def choice(self, cost: Cost, limit: float | None) -> Point | None:
        """Return the recommended setting with a limit of a cost, or None if none is within it."""
        from spikelet_converters.planning.front import choose
        from spikelet_converters.planning.settings import Budget

        return choose(self.plan.points, Budget(**{cost: limit}))

    def origin(self) -> str:
        """Describe the images on which settings are chosen, and the bias of the accuracy of a chosen one."""
        plan = self.plan
        test = " They are test images: choose on others before you publish." if "test" in plan.data.split() else ""
        settings, images = number_of(len(plan.points), "setting"), number_of(plan.images, "image")
        return f"Chosen from {settings} on {images} of {plan.data}, so that its accuracy is optimistic.{test}"

    def refusals(self) -> str:
        """State which numbers of copies this network cannot have, and why; "" if there are none."""
        reasons = self.plan.refusals
        texts = [
            f"Not possible: {', '.join(f'k = {k}' for k, text in reasons.items() if text == reason)}: {reason}."
            for reason in dict.fromkeys(reasons.values())
        ]
        return " ".join(texts)


def measure_settings(
    bundle: Bundle, path: Path, data: ImageSet, images: int, profile: Profile, engine: str
) -> Callable[[PartialProgress[Planned]], Planned]:
    """Return a task that measures all settings of a bundle.

    Args:
        bundle: The bundle.
        path: File of the bundle.
        data: Images; a subset is drawn with a fixed seed.
        images: Number of images.
        profile: Hardware profile of the energy; one without figures is not used.
        engine: Name of the engine.
    """

    def work(progress: PartialProgress[Planned]) -> Planned:
        from spikelet_converters.planning.plan import plan

        priced = profile if profile.priced else None
        part = data.subset(images)
        result = plan(bundle, part, profile=priced, engine=engine, timed=True, on_progress=progress)
        return Planned(bundle, path, result)

    return work


def known_costs(planned: Planned | None) -> list[Cost]:
    """Return the costs that were measured."""
    if planned is None or not planned.plan.points:
        return list(COSTS)
    first = planned.plan.points[0]
    return [cost for cost in COSTS if getattr(first, cost) is not None]


def facts(point: Point) -> list[tuple[str, str]]:
    """Return names and values of a setting."""
    setting = point.setting
    rows = [
        ("copies k of each neuron", str(setting.copies)),
        ("time-steps T", str(setting.steps)),
        ("early exit", "none" if setting.margin is None else f"at a margin of {setting.margin:g}"),
        ("accuracy", f"{point.accuracy:.2%}"),
        ("95% interval", f"{point.low:.2%} – {point.high:.2%}"),
        ("mean time-step", f"{point.steps:.2f}"),
        ("neurons", f"{point.neurons:,}"),
        ("synaptic operations", compact(point.operations)),
    ]
    rows += [("energy, upper bound", f"{cost_text(point.energy, 'energy')} µJ")] if point.energy is not None else []
    rows += [("time on this machine", f"{cost_text(point.time, 'time')} ms")] if point.time is not None else []
    return rows


def cost_text(value: float, cost: Cost) -> str:
    """Format a value of a cost, without its unit."""
    if cost in ("neurons", "operations"):
        return compact(value)
    if cost == "energy":
        return significant(value)
    return f"{value:.2f}"


def table(points: Sequence[Point]) -> tuple[list[str], list[list[object]]]:
    """Return (head, rows) of settings for CSV."""
    head = ["copies", "time_steps", "margin", "accuracy", "low_95", "high_95", "mean_time_step", "neurons"]
    head += ["synaptic_operations", "energy_uj", "ms"]
    rows: list[list[object]] = []
    for point in points:
        setting = point.setting
        row: list[object] = [setting.copies, setting.steps, "" if setting.margin is None else setting.margin]
        row += [point.accuracy, point.low, point.high, point.steps, point.neurons, point.operations]
        rows.append([*row, *("" if value is None else value for value in (point.energy, point.time))])
    return head, rows
