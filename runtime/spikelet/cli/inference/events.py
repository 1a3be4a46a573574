"""Answer a recording of an event camera: an input for every time-step.

EVENTS is `.csv` or `.npz` with columns t, x, y, p, whose span is cut into --steps equal bins, or `.npy` with frames
(T, C, H, W), one a time-step.
"""

from __future__ import annotations

import argparse

from spikelet.cli.common import emit, existing, positive
from spikelet.data import events
from spikelet.engines import ENGINES
from spikelet.report.columns import table
from spikelet.session import load

HELP = "answer a recording of events"
EXAMPLE = "spikelet events gestures.snnb recording.csv --steps 20"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("events", type=existing, metavar="EVENTS")
    parser.add_argument("--steps", type=positive, default=8, help="bins of the recording (default %(default)s)")
    parser.add_argument("--engine", choices=["auto", *ENGINES], default="auto")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    model = load(args.bundle, args.engine)
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
