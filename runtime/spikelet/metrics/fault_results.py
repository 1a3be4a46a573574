"""Results of a fault sweep, and their JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from spikelet.metrics.faults import KINDS, Fault
from spikelet.version import __version__

INTERVAL = "Wilson, 95%, over devices and images"


@dataclass(frozen=True)
class Point:
    """Result of one fault at one level.

    Attributes:
        fault: Type and level of the fault.
        accuracy, low, high: Mean over the devices and its interval, (T,).
        by_seed: Accuracy of each device, (S, T).
    """

    fault: Fault
    accuracy: list[float]
    low: list[float]
    high: list[float]
    by_seed: list[list[float]]


class FaultPoint(TypedDict):
    """A `Point` in JSON; `fault` is None for the network without faults."""

    fault: str | None
    level: float
    accuracy: list[float]
    low: list[float]
    high: list[float]
    by_seed: list[list[float]]


class FaultPointWithUnit(FaultPoint):
    """A `FaultPoint` with the unit of its level."""

    unit: str


class FaultFacts(TypedDict):
    """The result of a fault sweep in JSON."""

    bundle: str
    bundle_digest: str
    data: str
    data_digest: str
    images: int
    steps: int
    seeds: list[int]
    measure: str
    interval: str
    version: str
    sound: FaultPoint
    faults: list[FaultPointWithUnit]


@dataclass(frozen=True)
class Robustness:
    """The result of a fault sweep.

    Attributes:
        measure: "accuracy", or "agreement" with the fault-free network if the images have no labels.
        fault_free: The network without faults, on the same images.
        seeds: Seeds of the faulty devices.
        points: Results by fault and level.
    """

    bundle: str
    digest: str
    data: str
    data_digest: str
    images: int
    steps: int
    seeds: tuple[int, ...]
    measure: str
    fault_free: Point
    points: list[Point]

    def as_json(self) -> FaultFacts:
        """Convert to a JSON object, for `--json` and the report."""
        return {
            "bundle": self.bundle,
            "bundle_digest": self.digest,
            "data": self.data,
            "data_digest": self.data_digest,
            "images": self.images,
            "steps": self.steps,
            "seeds": list(self.seeds),
            "measure": self.measure,
            "interval": INTERVAL,
            "version": __version__,
            "sound": {**_as_json(self.fault_free), "fault": None},
            "faults": [{**_as_json(point), "unit": KINDS[point.fault.kind].unit} for point in self.points],
        }


def _as_json(point: Point) -> FaultPoint:
    return {
        "fault": point.fault.kind,
        "level": point.fault.level,
        "accuracy": point.accuracy,
        "low": point.low,
        "high": point.high,
        "by_seed": point.by_seed,
    }
