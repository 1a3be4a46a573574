"""The contract of an engine. All engines fire identical spikes for the same graph and input."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from spikelet.bounds.ranges import EXACT_LIMIT, exact_steps
from spikelet.engines.arguments import MAX_BATCH, MAX_THREADS, batch_and_window, check_rows, check_shape
from spikelet.engines.count import Count, Spikes
from spikelet.engines.workload import Budget, Workload
from spikelet.errors import EngineError, SpikeletError, translated
from spikelet.graph import Graph
from spikelet.limits import Limits
from spikelet.options import instance, names, shown, whole

Float = npt.NDArray[np.float32]

__all__ = ["Engine", "Float", "Spikes", "Workload"]


class Engine(ABC):
    """Runs a validated graph one time-step at a time, for a batch of samples.

    Call `reset(n)`, then `step(pixels)` for each time-step; `step()` keeps the previous input. After a step, `spikes`
    and `potentials` return the values of the recorded layers. With `reset(n, T)`, a constant input for T time-steps
    may be evaluated layer by layer, which is faster and gives the same results.

    Args:
        graph: The network.
        record: Names of IF and LIF nodes whose spikes and potentials are kept.
        threads: Number of threads; None for the default of the engine.
        limits: Limits on memory and operations; None for those of the environment.

    Attributes:
        name: Name of the engine in `engines.ENGINES`.
        priority: "auto" selects the available engine with the highest priority.
        accumulators: Magnitude within which potentials and summed logits are exact.
        step_limit: Number of time-steps that are proven exact; None: no limit.
        time: Time-steps since the last reset.
        batch: Number of samples N.
        rows: (N,) indices of the current samples in the batch of the last reset; `keep` removes some.

    Raises:
        EngineError: A name in `record` is not a spiking layer.
        CostError: A batch of 1 needs more than the limits permit.
    """

    name: ClassVar[str]
    priority: ClassVar[int] = 0
    accumulators: ClassVar[int] = EXACT_LIMIT
    step_limit: int | None

    @classmethod
    def available(cls, graph: Graph) -> bool:
        """Return whether this engine can run a network on this machine."""
        return True

    @classmethod
    def proven(cls, graph: Graph) -> int:
        """Return the number of time-steps for which this engine's accumulators are exact, see `widen`."""
        return exact_steps(graph, cls.accumulators)

    @classmethod  # noqa: B027  # most engines need no preparation
    def prepare(cls, graph: Graph) -> None:
        """Do the work that is needed once per network, such as compiling. "auto" skips an engine that fails.

        Raises:
            EngineError: The work fails.
        """

    @classmethod
    @abstractmethod
    def memory(cls, graph: Graph, load: Workload) -> int:
        """Return an upper bound of the bytes that this engine uses at any time.

        It is computed from the graph, before anything is allocated. It includes the engine's own form of the weights,
        the states, and all values of a time-step, but not the arrays of the graph and the code of libraries.
        """

    @classmethod
    def check(cls, graph: Graph, limits: Limits, load: Workload) -> None:
        """Raise CostError if the work needs more than the limits permit."""
        Budget(cls.name, graph, cls.memory, limits).check(load)

    def __init__(
        self, graph: Graph, record: Sequence[str] = (), threads: int | None = None, limits: Limits | None = None
    ) -> None:
        for layer in names("record", record):
            if layer not in graph.spiking:
                raise EngineError(
                    f"{shown(layer)} is not a spiking layer of this network; its layers: {', '.join(graph.spiking)}"
                )
        self.graph = graph
        self.record = names("record", record)
        self.step_limit = exact_steps(graph) if graph.exact else None
        self.time = 0
        self.batch = 0
        self.rows = np.zeros(0, np.intp)
        self.threads = None if threads is None else whole("threads", threads, 1, MAX_THREADS)
        self.limits = Limits() if limits is None else limits
        self.window: int | None = None
        self.wide = False
        self._count: Count | None = None
        self._budget = Budget(self.name, graph, self.memory, self.limits)
        self._budget.check(self._load(1, None))

    def widen(self, steps: int) -> None:
        """Permit more time-steps than are exact in float32, if the accumulators of this engine are exact for them.

        Args:
            steps: Number of time-steps T of the next runs.

        Raises:
            EngineError: The accumulators are not proven exact for T time-steps.
        """
        steps = whole("steps", steps)
        if self.step_limit is None or steps <= self.step_limit:
            return
        proven = self.proven(self.graph)
        if steps > proven:
            raise EngineError(
                f"engine {self.name}: {steps} time-steps, but its accumulators are exact for {proven} with this "
                "network; use --engine numpy or native, or convert with fewer --steps or --bits"
            )
        self.step_limit, self.wide = proven, True
        self._budget.check(self._load(1, None))

    def fits(self, batch: int, window: int | None = None) -> bool:
        """Return whether the memory limit permits a batch. Arguments are those of `reset`."""
        batch, window = batch_and_window(batch, window)
        return self._budget.fits(self._load(batch, window))

    def fitting(self, most: int, window: int | None = None) -> int:
        """Return a number of samples that the memory limit permits: `most`, half of it, a quarter, …, at least 1.

        Args:
            most: Largest number of samples, 1 or more.
            window: T, as for `reset`; not used if a window of one sample does not fit.
        """
        if window is not None and not self.fits(1, window):
            window = None
        batch = whole("most", most, 1, MAX_BATCH)
        while batch > 1 and not self.fits(batch, window):
            batch //= 2
        return batch

    def reset(self, batch: int, window: int | None = None) -> None:
        """Return to the initial potentials; the next step is time-step 1.

        Args:
            batch: Number of samples N.
            window: T, if exactly T steps follow and all have the input of the first one.

        Raises:
            UsageError: An argument is not a whole number of 1 or more.
            EngineError: The window is longer than the time-steps that are proven exact.
            CostError: The batch needs more memory than the limit permits.
        """
        batch, window = batch_and_window(batch, window)
        if window is not None and self.step_limit is not None and window > self.step_limit:
            raise EngineError(
                f"engine {self.name}: a window of {window} time-steps, but this network is proven exact for "
                f"{self.step_limit}"
            )
        self._budget.check(self._load(batch, window))
        self.time = 0
        self.batch = batch
        self.rows = np.arange(batch)
        self.window = window
        try:
            self._reset(batch)
        except Exception as error:
            raise translated(error, f"engine {self.name}, at the reset of a batch of {batch}") from _cause(error)

    def step(self, pixels: Float | None = None) -> Float:
        """Run one time-step and return its logits, (N, K) float32, in the units of the Output node.

        Args:
            pixels: (N, *input shape) float32, before the mean is subtracted; None keeps the input of the last step.

        Raises:
            EngineError: No input yet, a wrong shape, a new input or an additional step within a window, or a step
                beyond the proven range.
        """
        if self.step_limit is not None and self.time >= self.step_limit:
            raise EngineError(
                f"engine {self.name}: time-step {self.time + 1} is beyond the {self.step_limit} steps within which "
                "this network is proven exact; reset, or run fewer steps"
            )
        if pixels is None and self.time == 0:
            raise EngineError(f"engine {self.name}: the first step requires an input")
        if self.window is not None and self.time > 0 and (pixels is not None or self.time >= self.window):
            subject = "a new input" if pixels is not None else f"time-step {self.time + 1}"
            raise EngineError(
                f"engine {self.name}: {subject} in a window of {self.window} time-steps of one input; "
                "reset without a window to continue"
            )
        if pixels is not None:
            check_shape(self.name, pixels, (self.batch, *self.graph.input.shape))
        time = self.time + 1
        try:
            logits = self._step(pixels)
            self.time = time
            if self._count is not None:
                self._count_step(self._count)
        except Exception as error:
            raise translated(error, f"engine {self.name}, in time-step {time}") from _cause(error)
        return logits

    def run_window(self, pixels: npt.NDArray[np.generic], steps: int) -> tuple[Float, npt.NDArray[np.int64]]:
        """Reset, and run all time-steps of a constant input, layer by layer if the engine supports it.

        Args:
            pixels: (N, *input shape) of a real dtype, before the mean is subtracted.
            steps: Number of time-steps T.

        Returns:
            The logits of each time-step, (T, N, K), as `step` returns them, and the number of spikes of each layer in
            each time-step, (layers, T, N), ordered as `Graph.spiking`.

        Raises:
            UsageError: `pixels` is not an array, or `steps` is not a whole number of 1 or more.
            EngineError: A wrong shape, or more time-steps than are proven exact.
            CostError: The batch needs more memory than the limit permits.
        """
        instance("pixels", pixels, np.ndarray)
        check_shape(self.name, pixels, (len(pixels) if pixels.ndim else 1, *self.graph.input.shape))
        self.reset(len(pixels), steps)
        try:
            return self._all_steps(pixels, steps)
        except Exception as error:
            raise translated(error, f"engine {self.name}, in {steps} time-steps") from _cause(error)

    def _all_steps(self, pixels: npt.NDArray[np.generic], steps: int) -> tuple[Float, npt.NDArray[np.int64]]:
        frame: Float = pixels.astype(np.float32, copy=False)
        logits = np.empty((steps, self.batch, self.graph.classes), np.float32)
        fired = np.empty((len(self.graph.spiking), steps, self.batch), np.int64)
        for t in range(steps):
            logits[t] = self.step(frame if t == 0 else None)
            fired[:, t] = self.fired()
        return logits, fired

    def count_spikes(self, costs: Mapping[str, npt.NDArray[np.int64]]) -> None:
        """Count spikes of every layer from here on. Recording is disabled.

        Args:
            costs: By layer, (*shape) int64, 0 or more: synaptic operations caused by one spike of each neuron.
        """
        self.record, self._count = (), Count(costs)

    def events(self) -> npt.NDArray[np.int64]:
        """Synaptic operations of the last step, (N,) int64."""
        return self._counting().events

    def counted(self) -> dict[str, npt.NDArray[np.int64]]:
        """Spikes of each neuron since `count_spikes`, summed over samples and time-steps: by layer, (*shape) int64."""
        return dict(self._counting().spikes)

    def keep(self, rows: npt.NDArray[np.intp]) -> None:
        """Continue with some rows of the batch only.

        Args:
            rows: (M,) indices of the samples to keep, 0…N-1; one or more.

        Raises:
            UsageError: `rows` is anything else, such as a mask; `numpy.flatnonzero` returns the indices of a mask.
        """
        check_rows(rows, self.batch)
        self._keep(rows)
        self.rows, self.batch = self.rows[rows], len(rows)

    @abstractmethod
    def spike_counts(self) -> dict[str, npt.NDArray[np.int64]]:
        """Number of spikes in the last step: by layer, (N,) int64, for every spiking layer."""

    def fired(self) -> npt.NDArray[np.integer]:
        """Number of spikes in the last step, (layers, N): `spike_counts` as one array, ordered as `Graph.spiking`."""
        counts = self.spike_counts()
        return np.array([counts[name] for name in self.graph.spiking], np.int64).reshape(-1, self.batch)

    def spikes(self, layer: str) -> Spikes:
        """Spikes of a recorded layer in the last step, (N, *shape) bool."""
        self._check_recorded(layer)
        return self._spikes_of(layer)

    def potentials(self, layer: str) -> Float:
        """Potentials of a recorded layer after the last step's reset, (N, *shape) float32.

        Beyond the time-steps that are exact in float32 (`widen`), large potentials are rounded here; spikes are not.
        """
        self._check_recorded(layer)
        return self._potentials_of(layer)

    def _load(self, batch: int, window: int | None) -> Workload:
        return Workload(batch, window, self.record, self.threads, self._count is not None, self.wide)

    def _counting(self) -> Count:
        if self._count is None:
            raise EngineError(f"engine {self.name}: nothing was counted; call count_spikes before the first step")
        return self._count

    def _count_step(self, count: Count) -> None:
        """Add the last step to the count."""
        count.events = np.zeros(self.batch, np.int64)
        for layer in self.graph.spiking:
            count.add(layer, self._spikes_of(layer))

    def _check_recorded(self, layer: str) -> None:
        if not isinstance(layer, str) or layer not in self.record:
            raise EngineError(f"layer {shown(layer)} is not recorded; recorded: {', '.join(self.record) or 'none'}")
        if self.time == 0:
            raise EngineError(f"layer {layer!r}: no time-step since the last reset")

    @abstractmethod
    def _reset(self, batch: int) -> None: ...

    @abstractmethod
    def _step(self, pixels: Float | None) -> Float: ...

    @abstractmethod
    def _keep(self, rows: npt.NDArray[np.intp]) -> None: ...

    @abstractmethod
    def _spikes_of(self, layer: str) -> Spikes: ...

    @abstractmethod
    def _potentials_of(self, layer: str) -> Float: ...


def _cause(error: Exception) -> BaseException | None:
    """Return the cause to raise the result of `translated` from: the exception itself if it is not a SpikeletError."""
    return error.__cause__ if isinstance(error, SpikeletError) else error
