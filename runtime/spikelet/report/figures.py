"""Figures of a report: a plot and its data."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikelet.benchmark.latency import Latency, batches
from spikelet.display import compact
from spikelet.escapes import table_cell
from spikelet.metrics.energy import LEVELS, Energy, Estimate, Levels
from spikelet.metrics.measurement import Measurement
from spikelet.report.charts import Bar, Curve, bars, curves, ranges, raster, tick
from spikelet.report.names import spiking_label
from spikelet.report.wording import LEVEL_NAMES

RASTER_NEURONS = 24  # per layer


def as_csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Format a table as CSV; no cell is a formula of a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([table_cell(cell) for cell in row] for row in (head, *rows))
    return text.getvalue()


@dataclass(frozen=True)
class Figure:
    """A plot as SVG, and its data.

    Attributes:
        name: Name of its files, without suffix.
        title: Title of the plot.
        svg: The plot.
        head: Names of the columns of the data.
        rows: The data.
    """

    name: str
    title: str
    svg: str
    head: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]

    def csv(self) -> str:
        """Format the data as CSV."""
        return as_csv(self.head, self.rows)


def files(figures: Sequence[Figure]) -> dict[str, str]:
    """Return the files of the figures by name: an SVG and a CSV file per figure."""
    plots = {f"{figure.name}.svg": figure.svg for figure in figures}
    return plots | {f"{figure.name}.csv": figure.csv() for figure in figures}


def accuracy_figure(measured: Sequence[Measurement], names: Sequence[str]) -> Figure | None:
    """Draw the accuracy after each time-step with its interval, and the source network; None without labels."""
    series: list[Curve] = []
    rows: list[tuple[object, ...]] = []
    source_labels = ["source network", *(f"{name}: source network" for name in names)]
    for name, measurement in zip(names, measured, strict=True):
        if measurement.accuracy is None:
            continue
        label = spiking_label(name, source_labels)
        points = [(point["time_steps"], point["accuracy"]) for point in measurement.accuracy]
        band = [(point["time_steps"], point["low"], point["high"]) for point in measurement.accuracy]
        series.append(Curve(label, points, band))
        rows += [(label, t, share, low, high) for (t, share), (_, low, high) in zip(points, band, strict=True)]
    for name, measurement in zip(names, measured, strict=True):
        level = measurement.source_results["accuracy"]
        if level is not None:
            series.append(Curve(f"{name}: source network" if len(names) > 1 else "source network", level=level))
            rows.append((f"{name}: source network", "", level, "", ""))
    if not rows:
        return None
    title = "Accuracy after each time-step"
    svg = curves(title, series, "time-steps T", "accuracy")
    return Figure("accuracy", title, svg, ("network", "time_steps", "accuracy", "low_95", "high_95"), rows)


def exit_figures(measured: Sequence[Measurement], names: Sequence[str]) -> list[Figure]:
    """Draw the early-exit trade-off: mean time-step by threshold, and accuracy by mean time-step."""
    rows = [
        (name, early.threshold, early.steps, "" if early.accuracy is None else early.accuracy, early.events)
        for name, measurement in zip(names, measured, strict=True)
        for early in measurement.exits
    ]
    head = ("network", "threshold", "mean_exit_step", "accuracy", "accumulates")
    by_threshold = [
        Curve(name, [(early.threshold, early.steps) for early in measurement.exits])
        for name, measurement in zip(names, measured, strict=True)
    ]
    titles = "Early exit: mean time-step by threshold", "Early exit: accuracy by mean time-step"
    axis = "margin at which an image exits (logit)"
    figures = [
        Figure(
            "early-exit-threshold",
            titles[0],
            curves(titles[0], by_threshold, axis, "mean time-step", form=tick),
            head,
            rows,
        )
    ]
    right = [
        Curve(name, [(early.steps, early.accuracy) for early in measurement.exits if early.accuracy is not None])
        for name, measurement in zip(names, measured, strict=True)
        if measurement.accuracy is not None
    ]
    if right:
        svg = curves(titles[1], right, "mean time-step at exit", "accuracy")
        figures.append(Figure("early-exit-accuracy", titles[1], svg, head, rows))
    return figures


def rate_figure(measurement: Measurement) -> Figure:
    """Draw the spike rate by layer, with the spread over its neurons."""
    title = "Spike rate by layer (bar: mean; line: 5% to 95% of the neurons)"
    rows = [
        Bar(layer.layer, layer.rate, layer.low, layer.high, f"{layer.rate:.1%}, {layer.dead:,} dead")
        for layer in measurement.rates
    ]
    numbers: list[tuple[object, ...]] = [
        (layer.layer, layer.neurons, layer.rate, layer.low, layer.median, layer.high, layer.dead, layer.saturated)
        for layer in measurement.rates
    ]
    head = ("layer", "neurons", "rate", "neurons_5", "neurons_50", "neurons_95", "dead", "saturated")
    return Figure("spike-rates", title, bars(title, rows, "spikes per neuron and time-step"), head, numbers)


def operations_figure(measurement: Measurement) -> Figure:
    """Draw the operations of one image by node."""
    title = "Operations of one image, by node"
    rows, numbers = [], []
    for row in measurement.operations.rows:
        macs = row.macs + row.static_macs
        rows.append(Bar(row.node, row.acs + macs, note=f"{compact(macs)} MAC" if macs else f"{compact(row.acs)} AC"))
        numbers.append((row.node, row.kind, row.acs, row.macs, row.static_macs, row.adds + row.static_adds, row.dense))
    head = ("node", "input", "accumulates", "macs", "macs_once", "sums", "dense_connections")
    return Figure("operations", title, bars(title, rows, "operations", form=tick), head, numbers)


def raster_figure(measurement: Measurement) -> Figure:
    """Draw the spikes of the first image, for evenly spaced neurons of each layer."""
    layers, numbers = [], []
    for name, spikes in measurement.counted.raster.items():
        flat = spikes.reshape(len(spikes), -1)
        chosen = np.unique(np.linspace(0, flat.shape[1] - 1, RASTER_NEURONS).astype(int))
        layers.append((name, flat[:, chosen]))
        numbers += [(name, int(chosen[n]), int(t) + 1) for t, n in np.argwhere(flat[:, chosen])]
    title = f"Spikes of the first image: up to {RASTER_NEURONS} neurons of each layer"
    return Figure("raster", title, raster(title, layers), ("layer", "neuron", "time_step"), numbers)


def energy_figure(estimates: Sequence[Estimate]) -> Figure:
    """Draw the energy of one image with every profile, at three levels."""
    title = "Estimated energy of one image, by machine"
    rows = [
        (estimate.profile.title, [_microjoules(estimate.levels[level]) for level in LEVELS]) for estimate in estimates
    ]
    svg = ranges(title, rows, LEVEL_NAMES, "µJ, low to high (estimate)")
    return Figure(
        "energy", title, svg, *_energy_numbers([(estimate.profile.name, estimate.levels) for estimate in estimates])
    )


def baselines_figure(estimates: Sequence[Estimate], names: Sequence[str]) -> Figure:
    """Draw the energy of spiking networks and their baselines, with one profile."""
    first = estimates[0]
    baselines = []
    for name, estimate in zip(names, estimates, strict=True):
        suffix = f" ({name})" if len(names) > 1 else ""
        baselines += [(f"{baseline.name}{suffix}", baseline.levels) for baseline in estimate.baselines]
    labels = [spiking_label(name, [label for label, _ in baselines]) for name in names]
    spiking = [(label, estimate.levels) for label, estimate in zip(labels, estimates, strict=True)]
    levels_by_name = [*spiking, *baselines]
    title = f"Estimated energy of one image on {first.profile.title}, compared with non-spiking baselines"
    rows = [(name, [_microjoules(levels[level]) for level in LEVELS]) for name, levels in levels_by_name]
    svg = ranges(title, rows, LEVEL_NAMES, "µJ, low to high (estimate)")
    return Figure(f"energy-{first.profile.name}", title, svg, *_energy_numbers(levels_by_name))


def latency_figure(latency: Latency) -> Figure:
    """Draw the time per time-step on this machine. latency: result of `spikelet.benchmark.measure.measure`."""
    title = f"Time of one time-step on this machine (engine {latency['engine']}; bar: median; line: to 95%)"
    by_size = batches(latency).items()
    rows = [
        Bar(f"batch {size}", times["ms_per_step_p50"], times["ms_per_step_p50"], times["ms_per_step_p95"])
        for size, times in by_size
    ]
    numbers: list[tuple[object, ...]] = [
        (size, times["ms_per_step_p50"], times["ms_per_step_p95"], times["steps_timed"]) for size, times in by_size
    ]
    svg = bars(title, rows, "ms per time-step", form=tick)
    return Figure("latency", title, svg, ("batch", "ms_p50", "ms_p95", "steps_timed"), numbers)


def _energy_numbers(
    levels_by_name: Sequence[tuple[str, Levels]],
) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    rows: list[tuple[object, ...]] = []
    for name, levels in levels_by_name:
        for level in LEVELS:
            energy = levels[level]
            low, high = ("", "") if energy is None else (energy.low / 1e6, energy.high / 1e6)
            rows.append((name, level, low, high))
    return ("network_or_machine", "level", "low_uJ", "high_uJ"), rows


def _microjoules(energy: Energy | None) -> tuple[float, float] | None:
    return None if energy is None else (energy.low / 1e6, energy.high / 1e6)
