"""Figures of a validation: spikes of both simulators, potentials and f-I curves."""

from __future__ import annotations

from collections.abc import Sequence

from spikelet.display import number_of
from spikelet.report.charts import Curve, curves
from spikelet.report.figures import Figure
from spikelet.report.svg import COLOURS, WIDTH, Canvas
from spikelet_converters.brian2.differences import LayerReport, Sample
from spikelet_converters.brian2.dynamics import DynamicsReport, RateCurve
from spikelet_converters.brian2.report import ValidationReport

LEFT, RIGHT, TOP, ROW = 150, 20, 34, 18
ENGINE, BRIAN2 = COLOURS[0], COLOURS[1]
APART = "#f6c6c6"  # background of a time-step at which only one simulator fires


def overlays(report: ValidationReport) -> list[Figure]:
    """Return a figure per spiking layer: the neurons that diverge first, or some that fire."""
    return [_overlay(layer, report.engine) for layer in report.layers if layer.sample.theta is not None]


def potentials(report: ValidationReport) -> list[Figure]:
    """Return a figure of one neuron: the first that diverges, or one in the middle of the network."""
    spiking = [layer for layer in report.layers if layer.sample.theta is not None]
    first = report.first_divergence
    named = [layer for layer in report.layers if first is not None and layer.name == first.layer]
    layer = (named or [spiking[len(spiking) // 2]])[0]
    return [_potential(layer, report.engine)]


def rate_figures(report: DynamicsReport) -> list[Figure]:
    """Return f-I curves, one figure per type of neuron."""
    kinds = list(dict.fromkeys(curve.kind for curve in report.rates))
    return [_rates(kind, [curve for curve in report.rates if curve.kind == kind], report.engine) for kind in kinds]


def _overlay(layer: LayerReport, engine: str) -> Figure:
    sample = layer.sample
    engine_values, brian2_values = sample.spikes
    steps = len(engine_values)
    column = (WIDTH - RIGHT - LEFT) / steps
    bottom = TOP + ROW * len(sample.neurons)
    title = f"{layer.name}: {number_of(len(sample.neurons), 'neuron')} on image {sample.image}"
    title += ", those that diverge first" if layer.first_divergence is not None else ""
    canvas = Canvas(WIDTH, bottom + 40, title)
    _legend(canvas, engine)
    rows: list[tuple[object, ...]] = []
    for index, neuron in enumerate(sample.neurons):
        y = TOP + ROW * index
        canvas.text(LEFT - 8, y + ROW / 2 + 4, _name(neuron), "end", 11)
        canvas.box(LEFT, y + 1, WIDTH - RIGHT - LEFT, ROW - 2, "#f4f4f4")
        for t in range(steps):
            x = LEFT + t * column
            fired = bool(engine_values[t, index]), bool(brian2_values[t, index])
            rows.append((layer.name, _name(neuron), sample.image, t + 1, *map(int, fired)))
            if fired[0] != fired[1]:
                canvas.box(x, y + 1, column, ROW - 2, APART)
            if fired[0]:
                width = min(column - 2, 14)
                canvas.box(x + (column - width) / 2, y + 3, width, ROW - 6, ENGINE, _hint(neuron, t, engine))
            if fired[1]:
                middle = x + column / 2
                canvas.dot(middle, y + ROW / 2, BRIAN2, _hint(neuron, t, "Brian2"), min(3.4, column / 3), hollow=True)
    for t in range(steps):
        if steps <= 32 or (t + 1) % 8 == 0:
            canvas.text(LEFT + (t + 0.5) * column, bottom + 14, str(t + 1), "middle", 11)
    canvas.text((LEFT + WIDTH - RIGHT) / 2, bottom + 32, "time-step", "middle")
    head = ("layer", "neuron", "image", "time_step", "engine", "brian2")
    return Figure(f"overlay-{layer.name}", title, canvas.done(), head, rows)


def _legend(canvas: Canvas, engine: str) -> None:
    canvas.box(LEFT, 12, 12, 12, ENGINE)
    canvas.text(LEFT + 18, 22, f"engine {engine}")
    canvas.dot(LEFT + 146, 18, BRIAN2, hollow=True)
    canvas.text(LEFT + 156, 22, "Brian2")
    canvas.box(LEFT + 226, 12, 22, 12, APART)
    canvas.text(LEFT + 254, 22, "only one of them")


def _potential(layer: LayerReport, engine: str) -> Figure:
    sample = layer.sample
    index = _most_active(sample) if layer.first_divergence is None else 0
    engine_values, brian2_values = (values[:, index].astype(float) for values in sample.potentials)
    series = [
        Curve(f"engine {engine}", list(enumerate(engine_values.tolist(), 1))),
        Curve("Brian2", list(enumerate(brian2_values.tolist(), 1))),
    ]
    if sample.theta is not None:
        series.append(Curve("theta", level=float(sample.theta[index])))
    title = f"Potential after the reset: {layer.name}, neuron {_name(sample.neurons[index])}, image {sample.image}"
    svg = curves(title, series, "time-step", "potential", form=lambda value: f"{value:g}")
    rows = [(t, a, b) for t, (a, b) in enumerate(zip(engine_values.tolist(), brian2_values.tolist(), strict=True), 1)]
    return Figure("potential", title, svg, ("time_step", "engine", "brian2"), rows)


def _rates(kind: str, rates: Sequence[RateCurve], engine: str) -> Figure:
    series, rows = [], []
    for curve in rates:
        to = "by subtraction" if curve.reset == "subtract" else "to zero"
        series.append(Curve(f"reset {to}, engine {engine}", [(p[0], p[1]) for p in curve.points]))
        series.append(Curve(f"reset {to}, Brian2", [(p[0], p[2]) for p in curve.points]))
        rows += [
            (curve.kind, curve.reset, *("" if value is None else value for value in point)) for point in curve.points
        ]
    title = f"f-I curve: {kind}, constant current"
    svg = curves(title, series, "current (theta)", "spikes for each time-step")
    name = "f-i-" + "".join(letter for letter in kind.lower() if letter.isalnum())
    return Figure(name, title, svg, ("kind", "reset", "current", "engine", "brian2", "closed_form"), rows)


def _most_active(sample: Sample) -> int:
    """Return the index of the neuron with most spikes among those that do not fire at every time-step."""
    return int((sample.spikes[1].sum(0) * ~sample.spikes[1].all(0)).argmax())


def _name(neuron: Sequence[int]) -> str:
    return "·".join(map(str, neuron))


def _hint(neuron: Sequence[int], t: int, simulator: str) -> str:
    return f"{simulator}: neuron {_name(neuron)} fires at time-step {t + 1}"
