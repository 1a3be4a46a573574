"""What `robustness` found, as a table, as figures and as a section of the report.

All take the JSON object that `spikelet robustness -o` writes, so that the page can be made long after the runs.
"""

from __future__ import annotations

from typing import Any

from spikelet.errors import UsageError
from spikelet.metrics.faults import KINDS
from spikelet.report.charts import Curve, curves
from spikelet.report.figures import Figure
from spikelet.report.page import Section, paragraph, table

Facts = dict[str, Any]


def check(facts: Any) -> Facts:
    """The object, if it is what `robustness` writes. Raises UsageError."""
    try:
        points = [facts["sound"], *facts["faults"]]
        texts = [facts[key] for key in ("bundle", "bundle_digest", "data", "measure", "interval")]
        sound = all(isinstance(text, str) for text in texts) and all(each["fault"] in KINDS for each in points[1:])
        sound = sound and type(facts["images"]) is int and len(facts["seeds"]) >= 1 and facts["steps"] >= 1
        for each in points:
            for key in ("accuracy", "low", "high"):
                shares = [0 <= share <= 1 for share in each[key]]
                sound = sound and all(shares) and len(shares) == facts["steps"]
            sound = sound and 0 <= each["level"] <= 1
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise UsageError("expected what `spikelet robustness -o FILE.json` writes")
    checked: Facts = facts
    return checked


def fault_table(facts: Facts) -> tuple[list[str], list[list[str]]]:
    """(head, rows): each fault and level at T = 1, 2, 4, … and T."""
    steps = _shown(facts["steps"])
    head = ["fault", "level", *(f"T = {t}" for t in steps), f"95 % at T = {steps[-1]}"]
    rows = []
    for title, each in _points(facts):
        level = "" if each["fault"] is None else f"{each['level']:g}"
        shares = [f"{each['accuracy'][t - 1]:.1%}" for t in steps]
        rows.append([title, level, *shares, f"{each['low'][-1]:.1%} – {each['high'][-1]:.1%}"])
    return head, rows


def fault_figures(facts: Facts) -> list[Figure]:
    """For each kind of fault, the accuracy after each time-step, a curve a level."""
    found = []
    for kind, about in KINDS.items():
        points = sorted((each for each in facts["faults"] if each["fault"] == kind), key=lambda each: each["level"])
        if not points:
            continue
        series, numbers = [], []
        for each in [facts["sound"], *points]:
            name = "no fault" if each["fault"] is None else f"{each['level']:g}"
            shares = [(t + 1, share) for t, share in enumerate(each["accuracy"])]
            band = [(t + 1, *ends) for t, ends in enumerate(zip(each["low"], each["high"], strict=True))]
            series.append(Curve(name, shares, band if each["fault"] else ()))
            numbers += [
                (kind, each["level"], t, share, low, high)
                for (t, share), (_, low, high) in zip(shares, band, strict=True)
            ]
        title = f"{about.title}: {facts['measure']} by level ({about.unit})"
        svg = curves(title, series, "time-steps T", facts["measure"])
        head = ("fault", "level", "time_steps", facts["measure"], "low_95", "high_95")
        found.append(Figure(f"faults-{kind}", title, svg, head, numbers))
    return found


def fault_section(facts: Facts, art: dict[str, str]) -> Section:
    """A section of the report. art: a figure's name to its HTML."""
    lead = (
        f"{facts['bundle']}: {facts['data']}, {facts['images']:,} images; {len(facts['seeds'])} faulty devices for "
        f"each level. Shown is the {facts['measure']}; interval: {facts['interval']}."
    )
    pictures = "".join(html for name, html in art.items() if name.startswith("faults-"))
    return Section("faults", "Device faults", paragraph(lead) + pictures + table(*fault_table(facts)))


def _points(facts: Facts) -> list[tuple[str, Facts]]:
    found = [("no fault", facts["sound"])]
    for kind, about in KINDS.items():
        points = [each for each in facts["faults"] if each["fault"] == kind]
        found += [(about.title, each) for each in sorted(points, key=lambda each: each["level"])]
    return found


def _shown(steps: int) -> list[int]:
    return sorted({t for t in (1, 2, 4, 8, 16, 32) if t <= steps} | {steps})
