"""The text of a plan: the Pareto front as a table, the recommended setting and its commands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from spikelet.display import number_of, significant
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.data import ImageSet
    from spikelet_converters.planning.plan import Plan
    from spikelet_converters.planning.settings import Point

LISTED_SETTINGS = 40  # rows of the front in the text


def plan_text(
    result: Plan,
    images: ImageSet,
    split: str | None,
    commands: list[str],
    confirmed: tuple[ImageSet, Point] | None,
    show_all: bool,
) -> list[str]:
    """Return the lines that describe a plan.

    Args:
        result: The plan.
        images: Images on which the setting was chosen.
        split: Split of these images, or None.
        commands: Command lines of the chosen setting.
        confirmed: Other images and the chosen setting measured on them, or None.
        show_all: List all settings, not only the front.
    """
    from spikelet.report import wording

    listed = result.points if show_all else result.front
    within = [point for point in listed if result.budget.permits(point)]
    lines = [
        f"{result.bundle}, engine {result.engine}: chosen on {result.data}, {number_of(result.images, 'image')}",
        "",
    ]
    if within:
        rows = [_row(point, result) for point in _shown(within, result.chosen)]
        lines += [table(_head(result), rows), ""]
    hidden = len(within) - min(len(within), LISTED_SETTINGS)
    lines += [f"… and {hidden} more (--json has them all)", ""] if hidden else []
    beyond = len(listed) - len(within)
    lines += [f"{beyond} more are beyond the budget (--json has them all)", ""] if beyond else []
    if result.chosen is None:
        lines.append(f"No setting is within the budget, {result.budget}. {_smallest_costs(result)}")
    else:
        point = result.chosen
        lines += [f"Recommended, with {result.budget}: {point.setting}: {_accuracy(point)}", ""]
        lines += [*(f"  {command}" for command in commands), ""]
        lines.append(_origin(result, images, split))
    if confirmed is not None:
        others, measured = confirmed
        lines.append(f"Confirmed on {others.name}, {number_of(len(others), 'image')}: {_accuracy(measured)}")
    if result.profile is not None:
        lines.append(f"Energy on {result.profile}, upper bound. {wording.ESTIMATE}")
    for reason in dict.fromkeys(result.refusals.values()):
        numbers = ", ".join(f"k = {k}" for k, text in result.refusals.items() if text == reason)
        lines.append(f"Not possible: {numbers}: {reason}")
    return lines


def _origin(result: Plan, images: ImageSet, split: str | None) -> str:
    """Return a note on the bias of the accuracy of the chosen setting."""
    chosen_from = number_of(len(result.points), "setting")
    text = f"Chosen from {chosen_from} on {result.data}, so that its accuracy is optimistic"
    if is_test_data(images, split):
        return f"{text}. These are test images: choose on others (DATA with --split valid or train) before you publish"
    return f"{text}; --confirm DATA measures it on other images"


def _shown(front: list[Point], chosen: Point | None) -> list[Point]:
    """Return at most LISTED_SETTINGS points, the chosen one among them."""
    if len(front) <= LISTED_SETTINGS or chosen is None:
        return front[:LISTED_SETTINGS]
    end = max(LISTED_SETTINGS, front.index(chosen) + 1)
    return front[end - LISTED_SETTINGS : end]


def _smallest_costs(result: Plan) -> str:
    """Return the smallest value of every limited cost over all settings."""
    from spikelet_converters.planning.settings import amount

    least = [
        amount(cost, _rounded_up(min(point.cost(cost) for point in result.points))) for cost in result.budget.limited
    ]
    return f"The least over all settings: {'; '.join(least)}."


def _rounded_up(value: float, digits: int = 4) -> float:
    """Return a number rounded up to significant digits, so that it suffices as a limit; whole numbers as they are."""
    if not math.isfinite(value) or value.is_integer():
        return value
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return math.ceil(value * 10**decimals) / 10**decimals


def _head(result: Plan) -> list[str]:
    head = ["", "k", "T", "early exit", "time-steps", "neurons", "synaptic operations"]
    head += ["µJ"] if result.profile is not None else []
    head += ["ms"] if _timed(result) else []
    return [*head, "accuracy", "95% interval (Wilson)"]


def _row(point: Point, result: Plan) -> list[str]:
    from spikelet.report import wording

    setting = point.setting
    cells = ["→" if point == result.chosen else "", str(setting.copies), str(setting.steps)]
    cells += ["" if setting.margin is None else f"{setting.margin:g}", f"{point.steps:.2f}", f"{point.neurons:,}"]
    cells.append(wording.count(point.operations))
    if point.energy is not None:
        cells.append(significant(point.energy))
    cells += [f"{point.time:.2f}"] if point.time is not None else []
    return [*cells, f"{point.accuracy:.2%}", f"{point.low:.2%} – {point.high:.2%}"]


def _timed(result: Plan) -> bool:
    return any(point.time is not None for point in result.points)


def _accuracy(point: Point) -> str:
    return f"{point.accuracy:.2%} ({point.low:.2%} – {point.high:.2%})"


def is_test_data(images: ImageSet, split: str | None) -> bool:
    """Return whether the images are those of a test split, by their split or their name."""
    return split == "test" or (split is None and "test" in images.name.casefold().split())
