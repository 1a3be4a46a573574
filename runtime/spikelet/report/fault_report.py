"""Table, figures and report section of a fault sweep.

All functions take the JSON object that `spikelet robustness -o` writes.
"""

from __future__ import annotations

from typing import Any, cast

from spikelet.display import number_of
from spikelet.errors import UsageError
from spikelet.metrics.fault_results import FaultFacts, FaultPoint
from spikelet.metrics.faults import KINDS
from spikelet.report.charts import Curve, curves
from spikelet.report.figures import Figure
from spikelet.report.page import Section, paragraph, table


def check(facts: Any) -> FaultFacts:
    """Validate a JSON object of `spikelet robustness`. Raises UsageError."""
    try:
        points = [facts["sound"], *facts["faults"]]
        texts = [facts[key] for key in ("bundle", "bundle_digest", "data", "measure", "interval")]
        valid = all(isinstance(text, str) for text in texts) and all(point["fault"] in KINDS for point in points[1:])
        valid = (
            valid and facts["sound"]["fault"] is None and isinstance(facts["seeds"], list) and len(facts["seeds"]) >= 1
        )
        valid = valid and type(facts["images"]) is int and type(facts["steps"]) is int and facts["steps"] >= 1
        for point in points:
            for key in ("accuracy", "low", "high"):
                shares = [0 <= share <= 1 for share in point[key]]
                valid = valid and all(shares) and len(shares) == facts["steps"]
            valid = valid and 0 <= point["level"] <= 1
    except (KeyError, TypeError, ValueError):
        valid = False
    if not valid:
        raise UsageError("expected a file that `spikelet robustness -o FILE.json` has written")
    return cast("FaultFacts", facts)


def fault_table(facts: FaultFacts) -> tuple[list[str], list[list[str]]]:
    """Return (head, rows): every fault and level at T = 1, 2, 4, … and T."""
    steps = _shown(facts["steps"])
    head = ["fault", "level", *(f"T = {t}" for t in steps), f"95% at T = {steps[-1]}"]
    rows = []
    for title, point in _points(facts):
        level = "" if point["fault"] is None else f"{point['level']:g}"
        shares = [f"{point['accuracy'][t - 1]:.1%}" for t in steps]
        rows.append([title, level, *shares, f"{point['low'][-1]:.1%} – {point['high'][-1]:.1%}"])
    return head, rows


def fault_figures(facts: FaultFacts) -> list[Figure]:
    """Return a plot for each kind of fault: accuracy after each time-step, with one curve per level."""
    figures = []
    for kind, about in KINDS.items():
        points = sorted(
            (point for point in facts["faults"] if point["fault"] == kind), key=lambda point: point["level"]
        )
        if not points:
            continue
        series, numbers = [], []
        for point in [facts["sound"], *points]:
            name = "no fault" if point["fault"] is None else f"{point['level']:g}"
            shares = [(t + 1, share) for t, share in enumerate(point["accuracy"])]
            band = [(t + 1, *ends) for t, ends in enumerate(zip(point["low"], point["high"], strict=True))]
            series.append(Curve(name, shares, band if point["fault"] else ()))
            numbers += [
                (kind, point["level"], t, share, low, high)
                for (t, share), (_, low, high) in zip(shares, band, strict=True)
            ]
        title = f"{about.title}: {facts['measure']} by level ({about.unit})"
        svg = curves(title, series, "time-steps T", facts["measure"])
        head = ("fault", "level", "time_steps", facts["measure"], "low_95", "high_95")
        figures.append(Figure(f"faults-{kind}", title, svg, head, numbers))
    return figures


def fault_section(facts: FaultFacts, art: dict[str, str]) -> Section:
    """Return the section of the report. art: HTML of the figures by name."""
    lead = (
        f"{facts['bundle']}: {facts['data']}, {number_of(facts['images'], 'image')}; "
        f"{number_of(len(facts['seeds']), 'faulty device')} for "
        f"each level. Shown is the {facts['measure']}; interval: {facts['interval']}."
    )
    pictures = "".join(html for name, html in art.items() if name.startswith("faults-"))
    return Section("faults", "Device faults", paragraph(lead) + pictures + table(*fault_table(facts)))


def _points(facts: FaultFacts) -> list[tuple[str, FaultPoint]]:
    titled: list[tuple[str, FaultPoint]] = [("no fault", facts["sound"])]
    for kind, about in KINDS.items():
        points = [point for point in facts["faults"] if point["fault"] == kind]
        titled += [(about.title, point) for point in sorted(points, key=lambda point: point["level"])]
    return titled


def _shown(steps: int) -> list[int]:
    return sorted({t for t in (1, 2, 4, 8, 16, 32) if t <= steps} | {steps})
