"""The contract of an engine: one graph, one way to run it, the same spikes as every other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from spikelet.engines.count import Count, Spikes
from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.ranges import exact_steps

Float = npt.NDArray[np.float32]

__all__ = ["Engine", "Float", "Spikes"]


class Engine(ABC):
    """Runs a validated graph one time-step at a time, for a batch of samples.

    Use: `reset(n)`, then `step(pixels)` for each time-step; `step()` goes on with the input it has.
    After a step, `spikes` and `potentials` give what each recorded layer did in it.
    Where an image stays and T is known, `reset(n, T)` lets an engine run layer by layer instead, which is faster;
    what it shows after each step is the same.

    graph: the network. record: names of IF and LIF nodes whose spikes and potentials are kept.
    """

    name: ClassVar[str]
    step_limit: int | None  # time-steps after which arithmetic may no longer be exact; None: no such limit

    def __init__(self, graph: Graph, record: Sequence[str] = ()) -> None:
        for layer in record:
            if layer not in graph.spiking:
                raise EngineError(
                    f"{layer!r} is not a spiking layer of this network; its layers: {', '.join(graph.spiking)}"
                )
        self.graph = graph
        self.record = tuple(record)
        self.step_limit = exact_steps(graph) if graph.exact else None
        self.time = 0
        self.batch = 0
        self.window: int | None = None
        self._count: Count | None = None

    def reset(self, batch: int, window: int | None = None) -> None:
        """Forget everything; the next step is time-step 1 of `batch` samples.

        window: T, if so many steps follow, not more, and all of them on the first one's input.
        """
        if batch < 1:
            raise EngineError(f"engine {self.name}: a batch holds 1 sample or more, got {batch}")
        if window is not None and window < 1:
            raise EngineError(f"engine {self.name}: a window holds 1 time-step or more, got {window}")
        if window is not None and self.step_limit is not None and window > self.step_limit:
            raise EngineError(
                f"engine {self.name}: a window of {window} time-steps, but this network is proven exact for "
                f"{self.step_limit}"
            )
        self.time = 0
        self.batch = batch
        self.window = window
        self._reset(batch)

    def step(self, pixels: Float | None = None) -> Float:
        """One time-step.

        pixels: (N, *input shape) float32, before the mean is taken off; None keeps the input of the last step.
        Returns the logits of this step, (N, K) float32, in the units of the Output node.

        Raises:
            EngineError: no input yet, a wrong shape, another input or more steps than the window has, or a step beyond
                the engine's exact range.
        """
        if self.step_limit is not None and self.time >= self.step_limit:
            raise EngineError(
                f"engine {self.name}: time-step {self.time + 1} is beyond the {self.step_limit} steps within which "
                "this network is proven exact; reset, or ask for fewer steps"
            )
        if pixels is None and self.time == 0:
            raise EngineError(f"engine {self.name}: the first step needs an input")
        if self.window is not None and self.time > 0 and (pixels is not None or self.time >= self.window):
            what = "a new input" if pixels is not None else f"time-step {self.time + 1}"
            raise EngineError(
                f"engine {self.name}: {what} in a window of {self.window} time-steps of one input; "
                "reset without a window to go on freely"
            )
        if pixels is not None and pixels.shape != (self.batch, *self.graph.input.shape):
            raise EngineError(
                f"engine {self.name}: expected an input of shape {(self.batch, *self.graph.input.shape)}, "
                f"found {pixels.shape}"
            )
        logits = self._step(pixels)
        self.time += 1
        if self._count is not None:
            self._count_step(self._count)
        return logits

    def count_spikes(self, costs: Mapping[str, npt.NDArray[np.int64]]) -> None:
        """Count spikes from now on, in every layer; what was recorded until now may be so no longer.

        costs: by layer, (*shape), 0 or more: what a spike of each neuron adds to `events`.
        """
        self.record = self.graph.spiking
        self._count = Count(costs)

    def events(self) -> npt.NDArray[np.int64]:
        """(N,): what the spikes of the last step cost, for each sample."""
        return self._counting().events

    def counted(self) -> dict[str, npt.NDArray[np.int64]]:
        """By layer, (*shape): spikes of each neuron since `count_spikes`, over all samples and time-steps."""
        return dict(self._counting().spikes)

    @abstractmethod
    def keep(self, rows: npt.NDArray[np.intp]) -> None:
        """Go on with these rows of the batch alone: the others have their answer."""

    @abstractmethod
    def spike_counts(self) -> dict[str, npt.NDArray[np.int64]]:
        """Spikes that each layer fired in the last step, (N,), by layer, for every layer."""

    @abstractmethod
    def spikes(self, layer: str) -> Spikes:
        """Spikes of a recorded layer in the last step, (N, *shape) bool."""

    @abstractmethod
    def potentials(self, layer: str) -> Float:
        """Potentials of a recorded layer after the last step's reset, (N, *shape) float32."""

    def _counting(self) -> Count:
        if self._count is None:
            raise EngineError(f"engine {self.name}: nothing was counted; ask for it before the first step")
        return self._count

    def _count_step(self, count: Count) -> None:
        """Take the last step into the count."""
        count.events = np.zeros(self.batch, np.int64)
        for layer in self.graph.spiking:
            count.add(layer, self.spikes(layer))

    def _check_recorded(self, layer: str) -> None:
        if layer not in self.record:
            raise EngineError(f"layer {layer!r} is not recorded; recorded: {', '.join(self.record) or 'none'}")
        if self.time == 0:
            raise EngineError(f"layer {layer!r}: no time-step was made since the last reset")

    @abstractmethod
    def _reset(self, batch: int) -> None: ...

    @abstractmethod
    def _step(self, pixels: Float | None) -> Float: ...
