"""The public interface: load a bundle, run it on inputs, and read the result of every time-step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from spikelet import bundle as bundles
from spikelet.bundle import Bundle
from spikelet.early_exit import ExitRule
from spikelet.engines import Engine, choose, create, run
from spikelet.errors import UsageError
from spikelet.graph import Graph
from spikelet.inputs import DEFAULT_STEPS, Layout, Values, as_sequence, beyond_exact_steps, resolve_steps

OnLimit = Literal["refuse", "reset"]
BATCH = 32  # samples per call of an engine
Number = TypeVar("Number", bound=np.generic)

__all__ = ["DEFAULT_STEPS", "Model", "Result", "Step", "load"]


@dataclass(frozen=True)
class Result:
    """Output of a run of N samples for T time-steps, with K classes.

    Attributes:
        sums: (T, N, K) float64, cumulative sum over time of the Output node, of which the predictions are taken.
            Constant after the early exit of a sample.
        scale: Logits of the source network per unit of `sums`.
        exit_steps: (N,) int64, time-step of the early exit of each sample; T without early exit.
        spike_counts: by layer, (T, N) int64, number of spikes at each time-step; 0 after an early exit.
        spikes: by recorded layer, (T, N, *shape) bool.
        potentials: by recorded layer, (T, N, *shape) float32, after the reset of the time-step.
        neurons: by layer, number of neurons.

    Example:
        >>> import numpy as np, spikelet
        >>> from spikelet import shipped
        >>> model = spikelet.load(shipped.demo(), engine="numpy")
        >>> result = model.run(np.zeros((2, 3, 32, 32)), steps=4)
        >>> result.logits.shape, result.predictions.shape
        ((4, 2, 10), (4, 2))
    """

    sums: npt.NDArray[np.float64]
    scale: float
    exit_steps: npt.NDArray[np.int64]
    spike_counts: Mapping[str, npt.NDArray[np.int64]]
    spikes: Mapping[str, npt.NDArray[np.bool_]]
    potentials: Mapping[str, npt.NDArray[np.float32]]
    neurons: Mapping[str, int]

    @cached_property
    def logits(self) -> npt.NDArray[np.float64]:
        """(T, N, K) float64, `sums` in the units of the source network's logits."""
        logits: npt.NDArray[np.float64] = self.sums * self.scale
        return logits

    @property
    def predictions(self) -> npt.NDArray[np.int64]:
        """(T, N) int64, predicted class after each time-step: the largest sum, the first one in a tie."""
        predictions: npt.NDArray[np.int64] = self.sums.argmax(axis=2)
        return predictions

    @property
    def spike_rates(self) -> dict[str, float]:
        """By layer, spikes per neuron and time-step, over the time-steps before early exit."""
        time_steps = max(int(self.exit_steps.sum()), 1)
        return {
            name: float(count.sum()) / (time_steps * self.neurons[name]) for name, count in self.spike_counts.items()
        }

    def accuracy(self, labels: npt.NDArray[np.int64]) -> list[float]:
        """Return the share of correct predictions after each time-step, a list of T numbers.

        Args:
            labels: (N,) int64 class indices.
        """
        return [float(share) for share in (self.predictions == labels).mean(axis=1)]


@dataclass(frozen=True)
class Step:
    """One time-step of a stream over a single sample.

    Attributes:
        time: index of the time-step, from 1.
        age: time-steps since the last reset; equal to `time` unless the stream was reset at `exact_steps`.
        sums: (K,) float64, cumulative sum of the Output node since the last reset.
        scale: Logits of the source network per unit of `sums`.
        spike_counts: by layer, number of spikes in this time-step.
        spikes: by recorded layer, (*shape) bool.
        potentials: by recorded layer, (*shape) float32, after the reset of the time-step.

    Example:
        >>> import numpy as np, spikelet
        >>> from spikelet import shipped
        >>> model = spikelet.load(shipped.demo(), engine="numpy")
        >>> [step.time for step in model.stream(np.zeros((3, 32, 32)), steps=3)]
        [1, 2, 3]
    """

    time: int
    age: int
    sums: npt.NDArray[np.float64]
    scale: float
    spike_counts: Mapping[str, int]
    spikes: Mapping[str, npt.NDArray[np.bool_]]
    potentials: Mapping[str, npt.NDArray[np.float32]]

    @property
    def logits(self) -> npt.NDArray[np.float64]:
        """(K,) float64, `sums` in the units of the source network's logits."""
        return self.sums * self.scale

    @property
    def prediction(self) -> int:
        """Predicted class after this time-step: the largest sum, the first one in a tie."""
        return int(self.sums.argmax())


class Model:
    """A converted network on one engine.

    Args:
        bundle: the bundle to run.
        engine: "auto", "numpy", "onnx" or "native".
        threads: number of threads, per operator (numpy, onnx) or per batch (native); None for the default.

    Attributes:
        bundle: the bundle.
        engine: name of the engine.
        threads: number of threads, or None for the default of the engine.

    Raises:
        EngineError: there is no engine of that name.

    Example:
        >>> import numpy as np, spikelet
        >>> from spikelet import shipped
        >>> model = spikelet.load(shipped.demo(), engine="numpy")
        >>> model.graph.input.shape, model.graph.classes
        ((3, 32, 32), 10)
    """

    def __init__(self, bundle: Bundle, engine: str = "auto", threads: int | None = None) -> None:
        self.bundle = bundle
        self.engine = choose(engine, bundle.graph)
        self.threads = threads
        self._idle: dict[tuple[str, ...], Engine] = {}

    @property
    def graph(self) -> Graph:
        """The graph of the network."""
        return self.bundle.graph

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Class names, or None if the bundle has none."""
        return self.bundle.manifest.labels

    def run(
        self,
        inputs: object,
        steps: int | None = None,
        *,
        early_exit: ExitRule | None = None,
        record: str | Sequence[str] = (),
        layout: Layout = "auto",
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Result:
        """Run a batch of any size.

        Args:
            inputs: one sample (*shape), a batch (N, *shape), both presented at every time-step, or a sequence
                (T, N, *shape). See `spikelet.inputs.as_sequence`.
            steps: number of time-steps T; by default 8, or the length of the sequence.
            early_exit: rule that stops samples before T, such as `Margin(2.0)`.
            record: layer or layers whose spikes and potentials are kept, T·N·neurons values of each.
            layout: "NCHW" or "NHWC" where images could be read either way.
            on_progress: called with (samples done, number of samples).

        Raises:
            DataError: the input does not match the network.
            UsageError: `steps` is below 1, above the proven number of time-steps, or not the length of the sequence.
            EngineError: a layer in `record` is not a spiking layer.

        Example:
            >>> import numpy as np, spikelet
            >>> from spikelet import shipped
            >>> model = spikelet.load(shipped.demo(), engine="numpy")
            >>> result = model.run(np.zeros((3, 32, 32)), early_exit=spikelet.Margin(0.0))
            >>> result.exit_steps
            array([1])
        """
        sequence = as_sequence(self.graph, inputs, layout)
        steps = resolve_steps(steps, len(sequence), self.bundle.manifest.exact_steps)
        samples = sequence.shape[1]
        parts = []
        for start in range(0, samples, BATCH):
            parts.append(self._run(sequence[:, start : start + BATCH], steps, early_exit, _layers(record)))
            on_progress(min(start + BATCH, samples), samples)
        return _joined(parts)

    def stream(
        self,
        inputs: object,
        steps: int | None = None,
        *,
        on_limit: OnLimit = "refuse",
        record: str | Sequence[str] = (),
        layout: Layout = "auto",
    ) -> Iterator[Step]:
        """Run one sample and yield a `Step` after every time-step; leave the loop to stop early.

        Args:
            inputs: one sample, a sequence (T, 1, *shape), or an iterator that yields one sample per time-step.
            steps: number of time-steps; by default 8, or the length of the sequence or iterator.
            on_limit: what to do after `exact_steps` time-steps: "refuse" raises, "reset" starts again from the
                initial potentials and logits of 0 (see `Step.age`).
            record: layer or layers whose spikes and potentials are kept.
            layout: "NCHW" or "NHWC" where images could be read either way.

        Raises:
            DataError: an input does not match the network.
            UsageError: more than one sample, or more time-steps than are proven.
        """
        if on_limit not in ("refuse", "reset"):
            raise UsageError(f'on_limit: expected "refuse" or "reset", got {on_limit!r}')
        layers = _layers(record)
        # a separate engine, since other runs may take place while the stream is open
        engine = self._engine(layers)
        engine.reset(1)
        limit = self.bundle.manifest.exact_steps
        total, age = np.zeros(self.graph.classes), 0
        pixels: npt.NDArray[np.float32] | None = None
        for t, frame in enumerate(self._frames(inputs, steps, on_limit, layout)):
            pixels = pixels if frame is None else frame
            if limit is not None and age == limit:
                if on_limit == "refuse":
                    raise beyond_exact_steps(age + 1, limit)
                engine.reset(1)
                total, age, frame = np.zeros(self.graph.classes), 0, pixels
            total, age = total + engine.step(frame)[0], age + 1
            yield Step(
                time=t + 1,
                age=age,
                sums=total,
                scale=self.graph.output.scale,
                spike_counts={name: int(count[0]) for name, count in engine.spike_counts().items()},
                spikes={name: engine.spikes(name)[0] for name in layers},
                potentials={name: engine.potentials(name)[0] for name in layers},
            )

    def _frames(
        self, inputs: object, steps: int | None, on_limit: OnLimit, layout: Layout
    ) -> Iterator[npt.NDArray[np.float32] | None]:
        """Yield the input of each time-step, (1, *shape), or None where it does not change."""
        if isinstance(inputs, Iterator):
            for frame in itertools.islice(inputs, steps):
                yield self._one(as_sequence(self.graph, frame, layout))[0].astype(np.float32)
            return
        sequence = self._one(as_sequence(self.graph, inputs, layout))
        limit = self.bundle.manifest.exact_steps
        for t in range(resolve_steps(steps, len(sequence), limit, endless=on_limit == "reset")):
            yield sequence[t].astype(np.float32) if t < len(sequence) else None

    def _one(self, sequence: Values) -> Values:
        if sequence.shape[1] != 1:
            raise UsageError(f"stream: takes one sample, got {sequence.shape[1]}; use run for a batch")
        return sequence

    def _engine(self, record: tuple[str, ...]) -> Engine:
        engine = create(self.graph, self.engine, record, self.threads)
        self.bundle.release()  # the engine holds its own copy of the weights
        return engine

    def _run(self, sequence: Values, steps: int, rule: ExitRule | None, record: tuple[str, ...]) -> Result:
        graph, n = self.graph, sequence.shape[1]
        engine = self._idle.pop(record, None) or self._engine(record)
        shapes = {name: graph.shapes[name] for name in record}
        sums = np.empty((steps, n, graph.classes))
        counts = {name: np.zeros((steps, n), np.int64) for name in graph.spiking}
        spikes = {name: np.zeros((steps, n, *shape), np.bool_) for name, shape in shapes.items()}
        potentials = {name: np.zeros((steps, n, *shape), np.float32) for name, shape in shapes.items()}
        exits = np.full(n, steps, np.int64)
        total = np.zeros((n, graph.classes))
        for t, output in run(engine, sequence, steps, window=rule is None):
            running = engine.rows
            total[running] += output
            sums[t] = total
            for name, count in engine.spike_counts().items():
                counts[name][t, running] = count
            for name in record:
                spikes[name][t, running] = engine.spikes(name)
                potentials[name][t, running] = engine.potentials(name)
            if rule is not None:
                done = rule.done(total[running] * graph.output.scale / (t + 1))
                exits[running[done]] = t + 1
                if done.all():
                    sums[t + 1 :] = total
                    break
                if done.any():
                    engine.keep(np.flatnonzero(~done))
        self._idle[record] = engine
        neurons = {name: graph.neurons(name) for name in graph.spiking}
        return Result(sums, graph.output.scale, exits, counts, spikes, potentials, neurons)


def load(path: str | Path, engine: str = "auto", threads: int | None = None) -> Model:
    """Load a bundle.

    Args:
        path: the bundle file (.snnb).
        engine: "auto", "numpy", "onnx" or "native".
        threads: number of threads, per operator (numpy, onnx) or per batch (native); None for the default.

    Raises:
        BundleError: the file violates the format.
        SignatureError: the signature policy requires a trusted signature that the file does not have.
        EngineError: there is no engine of that name.

    Example:
        >>> import spikelet
        >>> from spikelet import shipped
        >>> spikelet.load(shipped.demo(), engine="numpy").engine
        'numpy'
    """
    return Model(bundles.read(Path(path)), engine, threads)


def _layers(record: str | Sequence[str]) -> tuple[str, ...]:
    return (record,) if isinstance(record, str) else tuple(record)


def _joined(parts: list[Result]) -> Result:
    def join(values: list[Mapping[str, npt.NDArray[Number]]]) -> dict[str, npt.NDArray[Number]]:
        return {name: np.concatenate([value[name] for value in values], axis=1) for name in values[0]}

    return Result(
        np.concatenate([part.sums for part in parts], axis=1),
        parts[0].scale,
        np.concatenate([part.exit_steps for part in parts]),
        join([part.spike_counts for part in parts]),
        join([part.spikes for part in parts]),
        join([part.potentials for part in parts]),
        parts[0].neurons,
    )
