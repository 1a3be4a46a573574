"""The kept plan of a bundle: the settings of the latest measurement, for each data set.

A file that does not fit the bundle and the data is ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.errors import SpikeletError
from spikelet_gui.models.analysis.planning import Planned
from spikelet_gui.models.session.kept.store import (
    amount,
    entries,
    file_of,
    read_json,
    share,
    table,
    whole,
    write_json,
)

if TYPE_CHECKING:
    from spikelet_converters.planning.plan import Plan
    from spikelet_converters.planning.settings import Point


def plan_path(folder: Path, bundle: Bundle, data: ImageSet) -> Path:
    """Return the file of a plan."""
    return file_of(folder, bundle, data, "plan.json")


def store_plan(folder: Path, data: ImageSet, planned: Planned) -> None:
    """Write the settings that were measured on images of `data`."""
    bundle = planned.bundle
    write_json(plan_path(folder, bundle, data), bundle, data, {"plan": planned.plan.as_json()})


def restore_plan(folder: Path, bundle: Bundle, path: Path, data: ImageSet) -> Planned | None:
    """Return the settings of a bundle that were measured on images of `data`, or None. path: file of the bundle."""
    value = read_json(plan_path(folder, bundle, data), bundle, data)
    if value is None:
        return None
    try:
        return Planned(bundle, path, _plan(table(value["plan"]), bundle, data))
    except (KeyError, ValueError, TypeError, SpikeletError):
        return None


def _plan(facts: dict[str, object], bundle: Bundle, data: ImageSet) -> Plan:
    """Return the plan. Raises KeyError, TypeError, ValueError or SpikeletError if it is invalid."""
    from spikelet_converters.conversion.copies import STARTS
    from spikelet_converters.planning.plan import Plan
    from spikelet_converters.planning.settings import COSTS, Budget

    chosen_on, points = table(facts["chosen_on"]), [table(entry) for entry in entries(facts["points"])]
    measured = tuple(_point(point) for point in points)
    images, profile, engine, chosen = whole(chosen_on["images"]), facts["profile"], facts["engine"], facts["chosen"]
    starts = [start for start in STARTS if start == facts["initial_potentials_of_copies"]]
    if (
        not measured
        or not starts
        or not 0 < images <= len(data)
        or not isinstance(profile, str | None)
        or not isinstance(engine, str)
    ):
        raise ValueError("expected another plan")
    return Plan(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        data=data.name,
        data_digest=str(chosen_on["data_digest"]),
        images=images,
        engine=engine,
        start=starts[0],
        budget=Budget(),
        tolerance=share(facts["tolerance"]),
        profile=profile,
        costs=tuple(cost for cost in COSTS if cost in entries(facts["compared"])),
        points=measured,
        front=tuple(point for point, entry in zip(measured, points, strict=True) if entry["front"] is True),
        chosen=None if chosen is None else _point(table(chosen)),
        refusals={int(copies): str(reason) for copies, reason in table(facts["refused"]).items()},
    )


def _point(entry: dict[str, object]) -> Point:
    from spikelet_converters.planning.settings import Point, Setting

    setting = table(entry["setting"])
    margin, energy, time = setting["margin"], entry["energy"], entry["time"]
    copies, steps = whole(setting["copies"]), whole(setting["steps"])
    if not copies or not steps:
        raise ValueError("expected at least one copy and one time-step")
    return Point(
        Setting(copies, steps, None if margin is None else amount(margin)),
        share(entry["accuracy"]),
        share(entry["low"]),
        share(entry["high"]),
        amount(entry["steps"]),
        whole(entry["neurons"]),
        amount(entry["operations"]),
        None if energy is None else amount(energy),
        None if time is None else amount(time),
    )
