"""Classify a recording of an event camera, one input per time-step.

EVENTS is a `.csv` or `.npz` file with columns t, x, y, p, binned into --steps equal intervals, or a `.npy` file with
frames (T, C, H, W), one per time-step.
"""

from __future__ import annotations

import argparse

from spikelet.cli.common import bundle_file, emit, existing, positive
from spikelet.data import events
from spikelet.engines import ENGINES
from spikelet.report.columns import table
from spikelet.session import load

HELP = "classify a recording of an event camera"
EXAMPLE = "spikelet events gestures.snnb recording.csv --steps 20"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("bundle", type=bundle_file, metavar="BUNDLE")
    parser.add_argument("events", type=existing, metavar="EVENTS")
    parser.add_argument(
        "--steps",
        type=positive,
        help="number of time-steps to bin the recording into (default: those that the bundle was made for, or 8)",
    )
    parser.add_argument("--engine", choices=["auto", *ENGINES], default="auto")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    model = load(args.bundle, args.engine)
    args.steps = args.steps or model.bundle.default_steps
    pixels = model.graph.neurons(model.graph.input_name)
    model.limits.check(f"frames of {args.steps} time-steps", 4 * args.steps * pixels)
    sequence = events.read(args.events, model.graph.input.shape, args.steps)
    result = model.run(sequence[:, None], len(sequence))
    names = model.labels or [str(k) for k in range(model.graph.classes)]
    answers = [names[k] for k in result.predictions[:, 0]]
    facts = {
        "bundle": model.bundle.manifest.name,
        "steps": len(sequence),
        "events": float(sequence.sum()),
        "engine": model.engine,
        "answers": answers,
        "logits": result.logits[-1, 0].tolist(),
        "spike_rate": result.spike_rates,
    }
    rows = [[str(t + 1), f"{sequence[t].sum():g}", answer] for t, answer in enumerate(answers)]
    rates = [[name, f"{rate:.1%}"] for name, rate in result.spike_rates.items()]
    text = "\n".join([table(["step", "events", "answer so far"], rows), "", table(["layer", "spike rate"], rates)])
    emit(args, facts, text)
    return 0
