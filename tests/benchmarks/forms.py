"""Compare the forms of a layer, lists of spikes and counts of spikes or tables, by spike rate.

.venv/bin/python tests/benchmarks/forms.py [--seconds N]

Each network has one convolution that is evaluated in either form; the rest is the same. Ratios below 1 mean that
counts or tables are faster. They cross 1 at `LEAST_ROWS` of `spikelet.lowering.c.layer_forms`; for tables, at their size
divided by `TABLES_BYTES`.
"""

import argparse
import time

import numpy as np
from contenders import shapes

from spikelet.bundle.golden import Activity
from spikelet.engines import create
from spikelet.lowering.c import HostProgram
from spikelet.verify import record_golden

PLANS = {
    "16 to 16 channels, 32 x 32": (16, 16),
    "16 to 32 channels, 32 x 32": (16, 32),
    "16 to 64 channels, 32 x 32": (16, 64),
    "32 to 16 channels, 32 x 32": (32, 16),
    "32 to 32 channels, 32 x 32": (32, 32),
    "32 to 64 channels, 32 x 32": (32, 64),
    "64 to 64 channels, 16 x 16": (32, "P", 64, 64),
    "64 to 128 channels, 16 x 16": (64, "P", 128),
}
RATES = (0.03, 0.1, 0.2, 0.3, 0.4, 0.5)
STEPS = 4


def measured(graph, images, steps=STEPS):
    """Return the network with its activity measured on images, (N, *shape)."""
    golden = record_golden(graph, images.astype(np.float32), steps)
    return graph.with_activity(Activity(graph, golden.spikes))


def forced(graph, counts):
    """Return the network with the last convolution in the form of counts, or all layers in that of lists."""
    activity = dict.fromkeys(graph.spiking, (1.0, 0.0))
    last = [name for name in graph.spiking if graph.shapes[name][1:]][-2]
    return graph.with_activity(activity | ({last: (0.0, 1.0)} if counts else {}))


def lower_quartiles(engines, pixels, seconds):
    """Return the time of a run of each engine in ms; they run in turn."""
    times, until = [[] for _ in engines], time.perf_counter() + seconds
    while time.perf_counter() < until or len(times[0]) < 5:
        for engine, samples in zip(engines, times, strict=True):
            started = time.perf_counter()
            engine.reset(len(pixels), STEPS)
            engine.run_window(pixels, STEPS)
            samples.append((time.perf_counter() - started) * 1000)
    return [float(np.quantile(samples, 0.25)) for samples in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="duration for one row of the table")
    args = parser.parse_args()
    pixels = np.random.default_rng(1).integers(0, 256, (1, 3, 32, 32)).astype(np.uint8)
    print("| layer | spike rate | weights added by lists for each weight | form | time, divided by that of lists |")
    print("|---|---|---|---|---|")
    for title, plan in PLANS.items():
        shapes.HIDDEN.setdefault(plan, ())
        for rate in RATES:
            graph = measured(shapes.network(plan, rate), pixels)
            layers = HostProgram(graph).plan
            last = [name for name in graph.order if name.startswith("conv")][-1]
            lists, counts = (create(forced(graph, form), "native", (), 1) for form in (False, True))
            form = HostProgram(forced(graph, True)).plan.form(last)
            assert form in ("counts", "tables")
            slow, fast = lower_quartiles([lists, counts], pixels, args.seconds)
            neuron, _ = layers.counted(last)
            rows = layers.added_rows(last)
            print(
                f"| {title} | {graph.activity[neuron][1]:.2f} | {rows:.2f} | {form} | {fast / slow:.2f} |", flush=True
            )


if __name__ == "__main__":
    main()
