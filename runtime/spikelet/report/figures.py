"""The figures of a report: each one picture and the numbers in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet.metrics.energy import LEVELS, Estimate
from spikelet.metrics.measurement import Measurement
from spikelet.report.charts import Bar, Curve, bars, curves, percent, ranges, raster
from spikelet.report.wording import LEVEL_NAMES, short

RASTER_NEURONS = 24  # of a layer


def as_csv(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


@dataclass(frozen=True)
class Figure:
    """name: of its files. head, rows: the numbers in it."""

    name: str
    title: str
    svg: str
    head: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def csv(self) -> str:
        """The numbers as CSV."""
        return as_csv(self.head, self.rows)


def files(figures: Sequence[Figure]) -> dict[str, str]:
    """Names and contents of the files of figures: each a picture (SVG) and its numbers (CSV)."""
    pictures = {f"{each.name}.svg": each.svg for each in figures}
    return pictures | {f"{each.name}.csv": each.csv() for each in figures}


def accuracy_figure(measured: Sequence[Measurement], names: Sequence[str]) -> Figure | None:
    """Accuracy after each time-step with its interval, and the float network; None without labels."""
    series, rows = [], []
    for name, each in zip(names, measured, strict=True):
        if each.accuracy is None:
            continue
        points = [(e["time_steps"], e["accuracy"]) for e in each.accuracy]
        band = [(e["time_steps"], e["low"], e["high"]) for e in each.accuracy]
        series.append(Curve(name, points, band))
        rows += [(name, t, share, low, high) for (t, share), (_, low, high) in zip(points, band, strict=True)]
    floats = {name: each.float_network["accuracy"] for name, each in zip(names, measured, strict=True)}
    for name, level in floats.items():
        if level is not None:
            series.append(Curve(f"{name}: float network" if len(names) > 1 else "float network", level=level))
            rows.append((f"{name}: float network", "", level, "", ""))
    if not rows:
        return None
    title = "Accuracy after each time-step"
    svg = curves(title, series, "time-steps T", "accuracy")
    return Figure("accuracy", title, svg, ("network", "time_steps", "accuracy", "low_95", "high_95"), rows)


def exit_figures(measured: Sequence[Measurement], names: Sequence[str]) -> list[Figure]:
    """Mean time-step and accuracy against the threshold, and against each other."""
    rows = [
        (name, e.threshold, e.steps, "" if e.accuracy is None else e.accuracy, e.events)
        for name, each in zip(names, measured, strict=True)
        for e in each.exits
    ]
    head = ("network", "threshold", "mean_exit_step", "accuracy", "accumulates")
    by_threshold = [
        Curve(name, [(e.threshold, e.steps) for e in each.exits]) for name, each in zip(names, measured, strict=True)
    ]
    titles = "Early exit: mean time-step by threshold", "Early exit: accuracy by mean time-step"
    axis = "margin at which an image leaves (logit)"
    found = [
        Figure(
            "early-exit-threshold",
            titles[0],
            curves(titles[0], by_threshold, axis, "mean time-step", form=lambda v: f"{v:g}"),
            head,
            rows,
        )
    ]
    right = [
        Curve(name, [(e.steps, e.accuracy) for e in each.exits if e.accuracy is not None])
        for name, each in zip(names, measured, strict=True)
        if each.accuracy is not None
    ]
    if right:
        svg = curves(titles[1], right, "mean time-step at exit", "accuracy")
        found.append(Figure("early-exit-accuracy", titles[1], svg, head, rows))
    return found


def rate_figure(each: Measurement) -> Figure:
    """Spike rate by layer, with the spread over its neurons."""
    title = "Spike rate by layer (bar: mean; line: 5 % to 95 % of the neurons)"
    rows = [
        Bar(r.layer, r.rate, r.low, r.high, f"{percent(round(r.rate, 3))}, {short(r.dead)} dead") for r in each.rates
    ]
    numbers: list[tuple[Any, ...]] = [
        (r.layer, r.neurons, r.rate, r.low, r.median, r.high, r.dead, r.saturated) for r in each.rates
    ]
    head = ("layer", "neurons", "rate", "neurons_5", "neurons_50", "neurons_95", "dead", "saturated")
    return Figure("spike-rates", title, bars(title, rows, "spikes for each neuron and time-step"), head, numbers)


def operations_figure(each: Measurement) -> Figure:
    """Operations of one image, by node."""
    title = "Operations of one image, by node"
    rows, numbers = [], []
    for r in each.operations.rows:
        macs = r.macs + r.static_macs
        rows.append(Bar(r.node, r.acs + macs, note=f"{short(macs)} MAC" if macs else f"{short(r.acs)} AC"))
        numbers.append((r.node, r.kind, r.acs, r.macs, r.static_macs, r.adds + r.static_adds, r.dense))
    head = ("node", "input", "accumulates", "macs", "macs_once", "sums", "dense_connections")
    return Figure("operations", title, bars(title, rows, "operations", form=short), head, numbers)


def raster_figure(each: Measurement) -> Figure:
    """Spikes of the first image: some neurons of each layer, evenly taken."""
    layers, numbers = [], []
    for name, spikes in each.counted.raster.items():
        flat = spikes.reshape(len(spikes), -1)
        chosen = np.unique(np.linspace(0, flat.shape[1] - 1, RASTER_NEURONS).astype(int))
        layers.append((name, flat[:, chosen]))
        numbers += [(name, int(chosen[n]), int(t) + 1) for t, n in np.argwhere(flat[:, chosen])]
    title = f"Spikes of the first image: up to {RASTER_NEURONS} neurons of each layer"
    return Figure("raster", title, raster(title, layers), ("layer", "neuron", "time_step"), numbers)


def energy_figure(estimates: Sequence[Estimate]) -> Figure:
    """Energy of one image on every machine, three levels."""
    title = "Estimated energy of one image, by machine"
    rows = [(each.profile.title, [_microjoules(each.levels[level]) for level in LEVELS]) for each in estimates]
    svg = ranges(title, rows, LEVEL_NAMES, "µJ, low to high (estimate)")
    return Figure("energy", title, svg, *_energy_numbers([(each.profile.name, each.levels) for each in estimates]))


def rivals_figure(estimates: Sequence[Estimate], names: Sequence[str]) -> Figure:
    """One machine: spiking networks beside float, int8 and as many bits as T can tell apart."""
    first = estimates[0]
    found = [(name, each.levels) for name, each in zip(names, estimates, strict=True)]
    for name, each in zip(names, estimates, strict=True):
        of = f" ({name})" if len(names) > 1 else ""
        found += [(f"{rival.name}{of}", rival.levels) for rival in each.baselines]
    title = f"Estimated energy of one image on {first.profile.title}, beside networks that do not spike"
    rows = [(name, [_microjoules(levels[level]) for level in LEVELS]) for name, levels in found]
    svg = ranges(title, rows, LEVEL_NAMES, "µJ, low to high (estimate)")
    return Figure(f"energy-{first.profile.name}", title, svg, *_energy_numbers(found))


def latency_figure(found: dict[str, Any]) -> Figure:
    """Milliseconds of a time-step on this machine. found: of `spikelet.benchmark.measure`."""
    title = f"Time of one time-step on this machine (engine {found['engine']}; bar: median; line: to 95 %)"
    batches = [(int(key.partition("_")[2]), value) for key, value in found.items() if key.startswith("batch_")]
    rows = [
        Bar(f"batch {size}", e["ms_per_step_p50"], e["ms_per_step_p50"], e["ms_per_step_p95"]) for size, e in batches
    ]
    numbers: list[tuple[Any, ...]] = [
        (size, e["ms_per_step_p50"], e["ms_per_step_p95"], e["steps_timed"]) for size, e in batches
    ]
    svg = bars(title, rows, "ms a time-step", form=lambda v: f"{v:.4g}")
    return Figure("latency", title, svg, ("batch", "ms_p50", "ms_p95", "steps_timed"), numbers)


def _energy_numbers(found: Sequence[tuple[str, Any]]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    rows = []
    for name, levels in found:
        for level in LEVELS:
            each = levels[level]
            rows.append((name, level, "" if each is None else each.low / 1e6, "" if each is None else each.high / 1e6))
    return ("network_or_machine", "level", "low_uJ", "high_uJ"), rows


def _microjoules(energy: Any) -> tuple[float, float] | None:
    return None if energy is None else (energy.low / 1e6, energy.high / 1e6)
