"""Kept accuracy under faults: the latest for each bundle, data set and T.

A file that does not fit the bundle and the data is ignored.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.errors import UsageError
from spikelet.metrics.fault_results import Point, Robustness
from spikelet.metrics.faults import Fault
from spikelet_gui.models.session.kept.store import entries, file_of, read_json, share, table, whole, write_json

MEASURES = ("accuracy", "agreement")


def robustness_path(folder: Path, bundle: Bundle, data: ImageSet, steps: int) -> Path:
    """Return the file of the accuracy under faults."""
    return file_of(folder, bundle, data, f"{steps}-robustness.json")


def store_robustness(folder: Path, bundle: Bundle, data: ImageSet, result: Robustness) -> None:
    """Write the accuracy under faults on images of `data`."""
    write_json(robustness_path(folder, bundle, data, result.steps), bundle, data, {"result": result.as_json()})


def restore_robustness(folder: Path, bundle: Bundle, data: ImageSet, steps: int) -> Robustness | None:
    """Return the accuracy under faults of a bundle on images of `data` for T = `steps`, or None."""
    value = read_json(robustness_path(folder, bundle, data, steps), bundle, data)
    if value is None:
        return None
    try:
        return _robustness(table(value["result"]), bundle, data, steps)
    except (KeyError, ValueError, TypeError, UsageError):
        return None


def _robustness(facts: dict[str, object], bundle: Bundle, data: ImageSet, steps: int) -> Robustness:
    seeds = tuple(whole(seed) for seed in entries(facts["seeds"]))
    images, measure = whole(facts["images"]), facts["measure"]
    if not seeds or not 0 < images <= len(data) or measure not in MEASURES or facts["steps"] != steps:
        raise ValueError("expected another measurement")
    fault_free = _point(table(facts["sound"]), 1, steps)
    return Robustness(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        data=data.name,
        data_digest=str(facts["data_digest"]),
        images=images,
        steps=steps,
        seeds=seeds,
        measure=str(measure),
        fault_free=replace(fault_free, fault=Fault("dropped", 0.0)),
        points=[_point(table(entry), len(seeds), steps) for entry in entries(facts["faults"])],
    )


def _point(entry: dict[str, object], devices: int, steps: int) -> Point:
    """Return one fault at one level. Raises KeyError, TypeError, ValueError or UsageError if it is invalid."""
    rows = [_shares(row, steps) for row in entries(entry["by_seed"])]
    if len(rows) != devices:
        raise ValueError("by_seed: expected one row for each device")
    kind = entry["fault"]
    fault = Fault("dropped", 0.0) if kind is None else Fault(str(kind), share(entry["level"]))
    accuracy, low, high = (_shares(entry[name], steps) for name in ("accuracy", "low", "high"))
    return Point(fault, accuracy, low, high, rows)


def _shares(value: object, count: int) -> list[float]:
    shares = [share(entry) for entry in entries(value)]
    if len(shares) != count:
        raise ValueError(f"expected {count} values")
    return shares
