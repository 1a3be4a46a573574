"""The Pareto front as a plot."""

from __future__ import annotations

from spikelet.display import number_of
from spikelet.report.charts import Curve, curves
from spikelet_converters.planning.plan import Plan
from spikelet_converters.planning.settings import Cost

AXES: dict[Cost, str] = {
    "steps": "time-steps of an image (mean)",
    "neurons": "neurons",
    "operations": "synaptic operations of an image (mean)",
    "energy": "estimated energy of an image, µJ (mean)",
    "time": "milliseconds of an image (mean)",
}


def chart(result: Plan) -> str:
    """Draw the accuracy of the front over the first of its costs as SVG, one curve for each number of copies."""
    cost = result.costs[0]
    series = []
    for copies in sorted({point.setting.copies for point in result.front}):
        points = sorted(
            (point for point in result.front if point.setting.copies == copies), key=lambda point: point.cost(cost)
        )
        series.append(
            Curve(
                f"k = {copies}",
                [(point.cost(cost), point.accuracy) for point in points],
                [(point.cost(cost), point.low, point.high) for point in points],
            )
        )
    if result.chosen is not None:
        series.append(
            Curve(f"recommended: {result.chosen.setting}", [(result.chosen.cost(cost), result.chosen.accuracy)])
        )
    title = f"Settings of {result.bundle} on {result.data}, {number_of(result.images, 'image')}"
    return curves(title, series, AXES[cost], "accuracy, 95% interval")
