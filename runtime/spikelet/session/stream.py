"""Run one sample and yield the result of every time-step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal

import numpy as np

from spikelet import options
from spikelet.bundle import Bundle
from spikelet.engines import Engine
from spikelet.errors import UsageError
from spikelet.graph import Graph
from spikelet.inputs import (
    BATCH_LAYOUTS,
    MAX_STREAM,
    BatchLayout,
    Frame,
    Values,
    as_sequence,
    beyond_exact_steps,
    resolve_steps,
)
from spikelet.session.results import Step

OnLimit = Literal["refuse", "reset"]


def frames_of(
    bundle: Bundle, inputs: object, steps: int | None, on_limit: OnLimit, layout: BatchLayout
) -> Iterator[Frame | None]:
    """Return the input of each time-step, (1, *shape), or None where it does not change.

    The arguments, and the errors, are those of `Model.stream`.
    """
    graph = bundle.graph
    if isinstance(inputs, Iterator):
        options.choice("layout", layout, BATCH_LAYOUTS)
        count = MAX_STREAM if steps is None else options.whole("steps", steps, 1, MAX_STREAM)
        return (_frame(graph, frame, layout) for frame in itertools.islice(inputs, count))
    sequence = _single_sample(as_sequence(graph, inputs, layout))
    limit = bundle.manifest.exact_steps
    endless = on_limit == "reset"
    default = min(bundle.default_steps, limit or MAX_STREAM)
    count = resolve_steps(steps, len(sequence), limit, endless=endless, most=MAX_STREAM, default=default)
    return (sequence[t].astype(np.float32) if t < len(sequence) else None for t in range(count))


def run_frames(engine: Engine, bundle: Bundle, frames: Iterator[Frame | None], on_limit: OnLimit) -> Iterator[Step]:
    """Run the frames of one sample, and yield a `Step` after each of them.

    Args:
        engine: An engine of the bundle's network.
        bundle: The bundle.
        frames: The input of each time-step, see `frames_of`.
        on_limit: Behaviour after `exact_steps` time-steps, as for `Model.stream`.

    Raises:
        UsageError: A time-step is beyond `exact_steps`, and `on_limit` is "refuse".
    """
    graph, layers = bundle.graph, engine.record
    engine.reset(1)
    limit = bundle.manifest.exact_steps
    spiking, scale = graph.spiking, graph.output.scale
    total, age = np.zeros(graph.classes), 0
    pixels: Frame | None = None
    for t, frame in enumerate(frames):
        pixels = pixels if frame is None else frame
        if limit is not None and age == limit:
            if on_limit == "refuse":
                raise beyond_exact_steps(age + 1, limit)
            engine.reset(1)
            total, age, frame = np.zeros(graph.classes), 0, pixels
        total, age = total + engine.step(frame)[0], age + 1
        yield Step(
            time=t + 1,
            age=age,
            sums=total,
            scale=scale,
            spike_counts=dict(zip(spiking, engine.fired()[:, 0].tolist(), strict=True)),
            spikes={name: engine.spikes(name)[0] for name in layers},
            potentials={name: engine.potentials(name)[0] for name in layers},
        )


def _frame(graph: Graph, frame: object, layout: BatchLayout) -> Frame:
    pixels: Frame = _single_sample(as_sequence(graph, frame, layout))[0].astype(np.float32)
    return pixels


def _single_sample(sequence: Values) -> Values:
    if sequence.shape[1] != 1:
        raise UsageError(f"stream: takes one sample, found {sequence.shape[1]}; use run for a batch")
    return sequence
