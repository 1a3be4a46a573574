"""Faulty devices: how much accuracy is left, fault by fault and level by level.

Every number comes from `metrics.robustness`; this module arranges them in rows and text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.metrics.faults import KINDS
from spikelet.metrics.robustness import Point, Robustness, all_faults, robustness
from spikelet_gui.models.jobs import Progress

IMAGES = (50, 100, 200, 500)
DEVICES = (1, 3, 5, 10)  # for each level; the first is usual: enough to see which faults hurt
NOTABLE = 0.05  # a loss of accuracy worth a word


def faulty_devices(
    bundle: Bundle, data: ImageSet, steps: int, images: int, devices: int
) -> Callable[[Progress], Robustness]:
    """The work: every fault at each of its levels, on as many images and devices; shows what it has on its way."""

    def work(progress: Progress) -> Robustness:
        part = data.subset(images)
        return robustness(bundle, part, steps, None, range(devices), progress, progress.partial)

    return work


@dataclass(frozen=True)
class Row:
    """A kind of fault. points: those that are known, by level."""

    kind: str
    title: str
    unit: str
    points: tuple[Point, ...]


def rows(found: Robustness) -> list[Row]:
    """Every kind of fault, known or not."""
    return [
        Row(kind, about.title, about.unit, tuple(point for point in found.points if point.fault.kind == kind))
        for kind, about in KINDS.items()
    ]


def complete(found: Robustness) -> bool:
    """Whether every fault was tried."""
    return len(found.points) == len(all_faults())


def lost(found: Robustness, point: Point, time: int) -> float:
    """Share of the sound network's accuracy that a fault takes, after time-step `time`."""
    sound = found.sound.accuracy[time - 1]
    return max(0.0, 1 - point.accuracy[time - 1] / sound) if sound else 0.0


def level_text(level: float) -> str:
    """0.001 is 0.1%."""
    return f"{100 * level:.3g}%"


def ends(point: Point, time: int) -> str:
    """The interval."""
    return f"{point.low[time - 1]:.1%} – {point.high[time - 1]:.1%}"


def verdict(found: Robustness, time: int) -> str:
    """Summarise the sweep in two sentences."""
    sound = found.sound
    text = f"Without a fault: {sound.accuracy[time - 1]:.1%} ({ends(sound, time)})."
    notable = []
    for row in rows(found):
        first = next(
            (point for point in row.points if sound.accuracy[time - 1] - point.accuracy[time - 1] >= NOTABLE), None
        )
        if first is not None:
            notable.append(f"{row.title.lower()} from {level_text(first.fault.level)}")
    if notable:
        return f"{text} {NOTABLE * 100:g} points or more are lost to {'; '.join(notable)}."
    return f"{text} No fault that was tried takes {NOTABLE * 100:g} points." if found.points else text


def numbers(found: Robustness) -> tuple[list[str], list[list[object]]]:
    """(head, rows): everything, a row for each fault, level and time-step."""
    head = ["fault", "level", "time_step", found.measure, "low_95", "high_95"]
    every = [("none", found.sound), *((point.fault.kind, point) for point in found.points)]
    return head, [
        [kind, point.fault.level, t + 1, point.accuracy[t], point.low[t], point.high[t]]
        for kind, point in every
        for t in range(found.steps)
    ]
