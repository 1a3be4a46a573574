"""What a user holds: a model that answers images, one time-step after another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikelet import bundle as bundles
from spikelet.bundle import Bundle
from spikelet.early_exit import ExitRule
from spikelet.engines import choose, create
from spikelet.engines.base import Engine
from spikelet.errors import UsageError
from spikelet.graph import Graph
from spikelet.inputs import Layout, as_sequence

OnLimit = Literal["refuse", "reset"]
DEFAULT_STEPS = 8
BATCH = 32  # samples that are run at once


@dataclass(frozen=True)
class Result:
    """Answers for N samples at every one of T time-steps.

    logits: (T, N, K) float64, summed over time so far, in the units of the source network's logits. After a
        sample's early exit they stay as they were.
    exit_steps: (N,) the time-step at which each sample had its answer; T without early exit.
    spike_counts: by layer, (T, N) spikes fired at each time-step; 0 after an early exit.
    spikes, potentials: by recorded layer, (T, N, *shape): bool, and float32 after the step's reset.
    neurons: by layer, how many neurons it has.
    """

    logits: npt.NDArray[np.float64]
    exit_steps: npt.NDArray[np.int64]
    spike_counts: Mapping[str, npt.NDArray[np.int64]]
    spikes: Mapping[str, npt.NDArray[np.bool_]]
    potentials: Mapping[str, npt.NDArray[np.float32]]
    neurons: Mapping[str, int]

    @property
    def predictions(self) -> npt.NDArray[np.int64]:
        """(T, N) the answer after each time-step: the class with the largest sum so far, the first of equals."""
        best: npt.NDArray[np.int64] = self.logits.argmax(axis=2)
        return best

    @property
    def spike_rates(self) -> dict[str, float]:
        """By layer: spikes per neuron and time-step, over the time-steps that were run."""
        ran = max(int(self.exit_steps.sum()), 1)
        return {name: float(count.sum()) / (ran * self.neurons[name]) for name, count in self.spike_counts.items()}

    def accuracy(self, labels: npt.NDArray[np.int64]) -> list[float]:
        """Share of right answers after each time-step. labels: (N,)."""
        return [float(share) for share in (self.predictions == labels).mean(axis=1)]


@dataclass(frozen=True)
class Step:
    """One time-step of a stream over a single sample.

    time: 1, 2, … age: time-steps since the network was last reset, which is `time` unless a stream goes on beyond
    what is proven exact. logits: (K,) summed over these. spikes, potentials: by recorded layer, (*shape).
    """

    time: int
    age: int
    logits: npt.NDArray[np.float64]
    spike_counts: Mapping[str, int]
    spikes: Mapping[str, npt.NDArray[np.bool_]]
    potentials: Mapping[str, npt.NDArray[np.float32]]

    @property
    def prediction(self) -> int:
        """The answer so far."""
        return int(self.logits.argmax())


class Model:
    """A converted network, ready to run.

    bundle: what was read. engine: "auto", or the name of one. threads: of one operator (numpy: 1 by
    default), or that share a batch (native).
    """

    def __init__(self, bundle: Bundle, engine: str = "auto", threads: int | None = None) -> None:
        self.bundle = bundle
        self.engine = choose(engine, bundle.graph)
        self.threads = threads
        self._idle: dict[tuple[str, ...], Any] = {}

    @property
    def graph(self) -> Graph:
        """The network."""
        return self.bundle.graph

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Names of the classes, if the bundle has them."""
        return self.bundle.manifest.labels

    def run(
        self,
        inputs: Any,
        steps: int | None = None,
        *,
        early_exit: ExitRule | None = None,
        record: str | Sequence[str] = (),
        layout: Layout = "auto",
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Result:
        """Answer a batch of any size.

        inputs: a sample, a batch or a sequence, as `spikelet.inputs.as_sequence` takes them; a sequence
            gives an input for every time-step, anything else is shown at every step.
        steps: T; by default 8, or the length of the sequence.
        early_exit: a rule by which samples leave before T.
        record: a layer, or several, whose spikes and potentials are kept: T·N·neurons of each.
        on_progress: called with (samples done, samples in all).

        Raises:
            DataError: the input does not fit. UsageError: `steps` is below 1 or beyond what is proven exact.
        """
        sequence = as_sequence(self.graph, inputs, layout)
        steps = self._steps(steps, len(sequence))
        samples = sequence.shape[1]
        parts = []
        for start in range(0, samples, BATCH):
            parts.append(self._run(sequence[:, start : start + BATCH], steps, early_exit, _layers(record)))
            on_progress(min(start + BATCH, samples), samples)
        return _joined(parts)

    def stream(
        self,
        inputs: Any,
        steps: int | None = None,
        *,
        on_limit: OnLimit = "refuse",
        record: str | Sequence[str] = (),
        layout: Layout = "auto",
    ) -> Iterator[Step]:
        """Answer one sample, one time-step after another; stop asking when the answer is good enough.

        inputs: a sample, a sequence, or an iterator that gives a sample for each time-step for as long as it lasts.
        on_limit: what happens where the time-steps that are proven exact (exact_steps) are used up: "refuse", or
            "reset", which begins anew from the initial potentials and a sum of 0; `Step.age` tells.

        Raises:
            DataError: an input does not fit. UsageError: more than one sample, or time-steps beyond the limit.
        """
        if on_limit not in ("refuse", "reset"):
            raise UsageError(f'on_limit: expected "refuse" or "reset", got {on_limit!r}')
        layers = _layers(record)
        # an engine of its own: the stream may be left open while others run
        engine = self._engine(layers)
        engine.reset(1)
        limit = self.bundle.manifest.exact_steps
        total, age = np.zeros(self.graph.classes), 0
        pixels: npt.NDArray[np.float32] | None = None
        for t, given in enumerate(self._frames(inputs, steps, on_limit, layout)):
            pixels = pixels if given is None else given
            if age == limit:
                if on_limit == "refuse":
                    raise self._beyond(age + 1)
                engine.reset(1)
                total, age, given = np.zeros(self.graph.classes), 0, pixels
            total, age = total + engine.step(given)[0], age + 1
            yield Step(
                time=t + 1,
                age=age,
                logits=total * self.graph.output.scale,
                spike_counts={name: int(count[0]) for name, count in engine.spike_counts().items()},
                spikes={name: engine.spikes(name)[0] for name in layers},
                potentials={name: engine.potentials(name)[0] for name in layers},
            )

    def _frames(
        self, inputs: Any, steps: int | None, on_limit: OnLimit, layout: Layout
    ) -> Iterator[npt.NDArray[np.float32] | None]:
        """The input of each time-step, (1, *shape); None where it stays as it is."""
        if isinstance(inputs, Iterator):
            for frame in itertools.islice(inputs, steps):
                yield self._one(as_sequence(self.graph, frame, layout))[0].astype(np.float32)
            return
        sequence = self._one(as_sequence(self.graph, inputs, layout))
        for t in range(self._steps(steps, len(sequence), endless=on_limit == "reset")):
            yield sequence[t].astype(np.float32) if t < len(sequence) else None

    def _one(self, sequence: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if sequence.shape[1] != 1:
            raise UsageError(f"stream: takes one sample, got {sequence.shape[1]}; use run for a batch")
        return sequence

    def _beyond(self, steps: int) -> UsageError:
        return UsageError(
            f"steps: {steps} asked for, but this bundle is proven exact for {self.bundle.manifest.exact_steps} "
            "time-steps (exact_steps); ask for fewer, or convert with fewer --bits"
        )

    def _steps(self, steps: int | None, length: int, endless: bool = False) -> int:
        if steps is None:
            steps = DEFAULT_STEPS if length == 1 else length
        if steps < 1:
            raise UsageError(f"steps: expected 1 or more, got {steps}")
        if 1 < length != steps:
            raise UsageError(f"steps: the sequence has {length} time-steps, {steps} were asked for")
        limit = self.bundle.manifest.exact_steps
        if limit is not None and steps > limit and not endless:
            raise self._beyond(steps)
        return steps

    def _engine(self, record: tuple[str, ...]) -> Engine:
        engine = create(self.graph, self.engine, record, self.threads)
        self.bundle.release()  # the engine has the weights in a form of its own
        return engine

    def _run(self, sequence: npt.NDArray[Any], steps: int, rule: ExitRule | None, record: tuple[str, ...]) -> Result:
        graph, n = self.graph, sequence.shape[1]
        engine = self._idle.pop(record, None) or self._engine(record)
        # a known number of time-steps of one image may be run layer by layer
        engine.reset(n, steps if rule is None and len(sequence) == 1 else None)
        shapes = {name: graph.shapes[name] for name in record}
        logits = np.empty((steps, n, graph.classes))
        counts = {name: np.zeros((steps, n), np.int64) for name in graph.spiking}
        spikes = {name: np.zeros((steps, n, *shape), np.bool_) for name, shape in shapes.items()}
        potentials = {name: np.zeros((steps, n, *shape), np.float32) for name, shape in shapes.items()}
        exits = np.full(n, steps, np.int64)
        running = np.arange(n)
        total = np.zeros((n, graph.classes))
        for t in range(steps):
            pixels = sequence[t][running].astype(np.float32) if t < len(sequence) else None
            total[running] += engine.step(pixels)
            logits[t] = total * graph.output.scale
            for name, count in engine.spike_counts().items():
                counts[name][t, running] = count
            for name in record:
                spikes[name][t, running] = engine.spikes(name)
                potentials[name][t, running] = engine.potentials(name)
            if rule is not None:
                done = rule.done(logits[t, running] / (t + 1))
                exits[running[done]] = t + 1
                if done.all():
                    logits[t + 1 :] = logits[t]
                    break
                if done.any():
                    engine.keep(np.flatnonzero(~done))
                    running = running[~done]
        self._idle[record] = engine
        return Result(logits, exits, counts, spikes, potentials, {name: graph.neurons(name) for name in graph.spiking})


def load(path: str | Path, engine: str = "auto", threads: int | None = None) -> Model:
    """Open a bundle.

    Raises:
        BundleError: the file breaks a rule of the format. EngineError: there is no such engine.
    """
    return Model(bundles.read(Path(path)), engine, threads)


def _layers(record: str | Sequence[str]) -> tuple[str, ...]:
    return (record,) if isinstance(record, str) else tuple(record)


def _joined(parts: list[Result]) -> Result:
    def join(values: list[Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
        return {name: np.concatenate([value[name] for value in values], axis=1) for name in values[0]}

    return Result(
        np.concatenate([part.logits for part in parts], axis=1),
        np.concatenate([part.exit_steps for part in parts]),
        join([part.spike_counts for part in parts]),
        join([part.spikes for part in parts]),
        join([part.potentials for part in parts]),
        parts[0].neurons,
    )
