"""Accuracy under faults, arranged in rows and text.

All numbers are computed by `spikelet.metrics.robustness`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.display import number_of
from spikelet.metrics.fault_results import Point, Robustness
from spikelet.metrics.faults import KINDS
from spikelet.metrics.robustness import all_faults, robustness
from spikelet_gui.models.jobs import PartialProgress
from spikelet_gui.models.numbers import short_percent

IMAGES = (50, 100, 200, 500)
DEVICES = (1, 3, 5, 10)  # per level; one, the default, shows which faults matter
NOTABLE = 0.05  # loss of accuracy from which a fault is mentioned in the summary


def faulty_devices(
    bundle: Bundle, data: ImageSet, steps: int, images: int, devices: int
) -> Callable[[PartialProgress[Robustness]], Robustness]:
    """Return a task that measures every fault at each of its levels, with partial results.

    Args:
        bundle: The bundle.
        data: Images; a subset is drawn with a fixed seed.
        steps: T.
        images: Number of images.
        devices: Number of faulty devices per level.
    """

    def work(progress: PartialProgress[Robustness]) -> Robustness:
        _ = data.digest  # computed in the background: whether results are out of date depends on it
        part = data.subset(images)
        return robustness(bundle, part, steps, None, range(devices), progress, progress.partial)

    return work


@dataclass(frozen=True)
class Row:
    """A type of fault.

    Attributes:
        kind: Key of KINDS.
        title: Title of the fault.
        unit: Unit of the level.
        points: Measured levels, in order.
    """

    kind: str
    title: str
    unit: str
    points: tuple[Point, ...]


def rows(result: Robustness) -> list[Row]:
    """Return a row for every type of fault, whether it is measured or not."""
    return [
        Row(name, kind.title, kind.unit, tuple(point for point in result.points if point.fault.kind == name))
        for name, kind in KINDS.items()
    ]


def complete(result: Robustness) -> bool:
    """Return whether every fault is measured."""
    return len(result.points) == len(all_faults())


def lost(result: Robustness, point: Point, time: int) -> float:
    """Return the loss of accuracy after time-step `time`, relative to the fault-free network."""
    fault_free = result.fault_free.accuracy[time - 1]
    return max(0.0, 1 - point.accuracy[time - 1] / fault_free) if fault_free else 0.0


def notable_loss(result: Robustness, point: Point, time: int) -> bool:
    """Return whether a fault costs NOTABLE or more, and its interval does not reach the accuracy without faults."""
    fault_free = result.fault_free.accuracy[time - 1]
    return fault_free - point.accuracy[time - 1] >= NOTABLE and point.high[time - 1] < fault_free


def ends(point: Point, time: int) -> str:
    """Format the 95% interval after time-step `time`."""
    return f"{point.low[time - 1]:.1%} – {point.high[time - 1]:.1%}"


def verdict(result: Robustness, time: int) -> str:
    """Summarise the sweep in two sentences."""
    fault_free = result.fault_free
    text = f"Without faults: {fault_free.accuracy[time - 1]:.1%} ({ends(fault_free, time)})."
    notable = []
    for row in rows(result):
        first = next((point for point in row.points if notable_loss(result, point, time)), None)
        if first is not None:
            notable.append(f"{row.title.lower()} from {short_percent(first.fault.level)}")
    note = f"Smaller losses are within the intervals of {number_of(result.images, 'image')}."
    if notable:
        return f"{text} Faults that cost {NOTABLE * 100:g} points or more: {'; '.join(notable)}. {note}"
    return f"{text} No measured fault certainly costs {NOTABLE * 100:g} points. {note}" if result.points else text


def table(result: Robustness) -> tuple[list[str], list[list[object]]]:
    """Return (head, rows) of all results, one row per fault, level and time-step."""
    head = ["fault", "level", "time_step", result.measure, "low_95", "high_95"]
    points = [("none", result.fault_free), *((point.fault.kind, point) for point in result.points)]
    return head, [
        [kind, point.fault.level, t + 1, point.accuracy[t], point.low[t], point.high[t]]
        for kind, point in points
        for t in range(result.steps)
    ]
