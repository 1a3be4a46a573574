"""The native engine: one state per sample and one workspace per thread. Threads share a batch or a single image."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from spikelet.bounds.ranges import INT32_LIMIT
from spikelet.engines.base import Engine, Float, Spikes, Workload
from spikelet.engines.count import Count
from spikelet.engines.native.compiled import CompiledNetwork, compiled_network
from spikelet.engines.native.conversions import channel_last, potentials_of_copies, whole_pixels
from spikelet.engines.native.library import prepare_graph, ready
from spikelet.engines.native.memory import ALIGNMENT, HUGE_PAGE, Bytes, Number, aligned_copy, zero_bytes
from spikelet.engines.native.sizes import program_sizes
from spikelet.engines.native.workers import Workers
from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.limits import Limits
from spikelet.lowering.c.copies import progression, proven_steps
from spikelet.lowering.c.plan import Ints

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

SHARES = 4  # of a batch, for each thread


class NativeEngine(Engine):
    """Runs an exact network as compiled C.

    Args:
        graph: The network.
        record: Names of spiking layers whose spikes and potentials are kept.
        threads: Number of threads that share a batch, or the rows and channels of a single image; None for 1.

    Raises:
        EngineError: The network is float32, or the compiler fails.
        CompilerMissing: No compiler is installed.
    """

    name: ClassVar[str] = "native"
    accumulators: ClassVar[int] = INT32_LIMIT
    priority: ClassVar[int] = 2

    @classmethod
    def proven(cls, graph: Graph) -> int:
        return proven_steps(graph)

    @classmethod
    def available(cls, graph: Graph) -> bool:
        return ready(graph)

    @classmethod
    def prepare(cls, graph: Graph) -> None:
        prepare_graph(graph)

    @classmethod
    def memory(cls, graph: Graph, load: Workload) -> int:
        sizes = program_sizes(graph)
        workspaces = (load.threads or 1) * sizes.window
        counts = 16 + 4 * (load.threads or 1) if load.counting else 0
        images = load.batch * (6 * graph.neurons(graph.input_name) + sizes.state + ALIGNMENT)
        recorded = load.batch * sum(6 * graph.neurons(name) for name in load.record)
        recorded += load.batch * sizes.copied if load.record or load.counting else 0
        # twice the parameters: a layer is rearranged before it is copied
        running = 2 * sizes.parameters + images + workspaces * sizes.work + recorded + counts * sizes.neurons
        return max(running, sizes.proof) + HUGE_PAGE

    def __init__(
        self, graph: Graph, record: Sequence[str] = (), threads: int | None = None, limits: Limits | None = None
    ) -> None:
        super().__init__(graph, record, threads, limits)
        self._compiled = self._compile(graph)
        order = [self._compiled.layers.index(name) for name in graph.spiking]
        self._order = slice(None) if order == sorted(order) else np.array(order, np.intp)  # a slice is not copied
        self._threads = threads or 1
        self._pool = _pool(self._threads) if self._threads > 1 else None
        self._workers: Workers | None = None  # started when a single image is run
        self._addresses: list[int] = []
        self._work = self._workspaces(1)
        self._index = 0  # of the last step in the window
        self._hold(np.empty((0, self._compiled.state_bytes), np.uint8))
        self._spikes: dict[str, npt.NDArray[np.uint8]] = {}
        # of each neuron with copies, the copy with the lowest potential, see kernels/host/program/copies.h
        self._lowest = self._first_copies(0)
        # for counting: costs and counts of all layers concatenated, channel last; counts per thread
        self._costs = np.zeros(0, np.uint32)
        self._counts = np.zeros((self._threads, 0), np.uint32)
        self._events = np.zeros((0, 0), np.int64)  # (N, time-steps of the window)

    @staticmethod
    def _compile(graph: Graph) -> CompiledNetwork:
        """Return the compiled network; a subclass may compile another form of it."""
        return compiled_network(graph)

    def count_spikes(self, costs: Mapping[str, npt.NDArray[np.int64]]) -> None:
        super().count_spikes(costs)
        self._lowest = self._first_copies(0 if self.time else self.batch)
        self._costs = np.concatenate([channel_last(costs[name]) for name in self._compiled.layers]).astype(np.uint32)
        self._counts = np.zeros((self._threads, len(self._costs)), np.uint32)

    def counted(self) -> dict[str, npt.NDArray[np.int64]]:
        self._fold()
        return super().counted()

    def _fold(self) -> None:
        """Add the 32-bit counts of the threads to the 64-bit count."""
        if self._count is None:
            return
        total, start = self._counts.sum(0, dtype=np.int64), 0
        for name in self._compiled.layers:
            spikes = self._count.spikes[name]
            by_channel = total[start : start + spikes.size].reshape(-1, len(spikes))
            spikes += by_channel.T.reshape(spikes.shape)
            start += spikes.size
        self._counts[:] = 0

    def _first_copies(self, batch: int) -> npt.NDArray[np.uint8]:
        """Return the copies with the lowest potentials before the first time-step, (batch, neurons with copies)."""
        return np.zeros((batch, self._compiled.plan.copied_count), np.uint8)

    def _count_step(self, count: Count) -> None:
        """Take the synaptic operations that the library counted for this time-step."""
        count.events = self._events[:, self._index]

    def _workspaces(self, steps: int) -> list[Bytes]:
        """Allocate one workspace per thread for `steps` time-steps, one after the other."""
        size = steps * self._compiled.work_bytes
        workspaces = list(zero_bytes(self._threads * size).reshape(self._threads, size))
        self._addresses = [workspace.ctypes.data for workspace in workspaces]  # a look-up takes a microsecond
        return workspaces

    def _reset(self, batch: int) -> None:
        size = self._compiled.state_bytes
        if len(self._states) != batch:
            self._hold(zero_bytes(batch * size).reshape(batch, size))
        self._compiled.library.spikelet_reset(self._compiled.parameters, self._address, size, batch)
        if self.record or self._count is not None:
            self._spikes = {name: np.empty((batch, *self.graph.population(name)), np.uint8) for name in self.record}
            self._lowest = self._first_copies(batch)
            self._events = np.zeros((batch, 0), np.int64)
            self._fold()

    def _hold(self, states: Bytes) -> None:
        """Set the states, (N, bytes per state), and look up their addresses once."""
        count, window = len(states), self._compiled.window
        self._states, self._address = states, states.ctypes.data
        classes, layers = self.graph.classes, len(self.graph.spiking)
        self._logits = self._field("logits", np.int32, window * classes).reshape(count, window, classes)
        self._fired = self._field("fired", np.uint32, window * layers).reshape(count, window, layers)
        shares = np.array_split(np.arange(count), SHARES * self._threads if self._threads > 1 else 1)
        self._shares = [(int(share[0]), len(share)) for share in shares if len(share)]

    def _keep(self, rows: npt.NDArray[np.intp]) -> None:
        self._hold(aligned_copy(self._states[rows].reshape(-1)).reshape(len(rows), -1))
        self._spikes = {name: value[rows] for name, value in self._spikes.items()}
        self._lowest = self._lowest[rows] if len(self._lowest) else self._lowest
        self._events = self._events[rows] if len(self._events) else self._events

    def spike_counts(self) -> dict[str, npt.NDArray[np.int64]]:
        counts = self._fired[:, self._index].astype(np.int64)
        return {name: counts[:, index] for index, name in enumerate(self._compiled.layers)}

    def fired(self) -> npt.NDArray[np.integer]:
        return self._fired[:, self._index, self._order].T

    def _spikes_of(self, layer: str) -> Spikes:
        return self._spikes[layer].astype(np.bool_)

    def _potentials_of(self, layer: str) -> Float:
        plan = self._compiled.plan
        value, node = plan.values[layer], plan.graph.neuron(layer)
        channel_first: Ints
        if self.time == 0:  # the library reads initial potentials in the first time-step, and stores none before
            initial = progression(node).start[None, :, None]
            channel_first = np.broadcast_to(initial, (self.batch, value.channels, value.pixels))
        else:
            stride = plan.padded(value.channels)
            v = self._field(f"{plan.identifiers[layer]}_v", np.int32, value.pixels * stride)
            channel_first = v.reshape(self.batch, value.pixels, stride)[:, :, : value.channels].transpose(0, 2, 1)
        if node.copies > 1:
            copied = plan.copied[layer]
            channel_first = potentials_of_copies(node, channel_first, self._lowest[:, copied.start : copied.stop])
        return np.ascontiguousarray(channel_first, np.float32).reshape(self.batch, *self.graph.population(layer))

    def _step(self, pixels: Float | None) -> Float:
        # recorded values are read from the workspace after every step, so that steps run one by one
        window = None if self.record else self.window
        self._index = 0 if window is None else self.time % self._compiled.window
        if self._index == 0:
            self._run_steps(pixels, 1 if window is None else min(window - self.time, self._compiled.window))
        return self._logits[:, self._index].astype(np.float32)

    def _all_steps(self, pixels: npt.NDArray[np.generic], steps: int) -> tuple[Float, npt.NDArray[np.int64]]:
        if self.record or self._count is not None:
            return super()._all_steps(pixels, steps)
        logits = np.empty((steps, self.batch, self.graph.classes), np.float32)
        fired = np.empty((len(self._compiled.layers), steps, self.batch), np.int64)
        for start in range(0, steps, self._compiled.window):
            count = min(steps - start, self._compiled.window)
            self._run_steps(pixels if start == 0 else None, count)
            logits[start : start + count] = self._logits[:, :count].swapaxes(0, 1)
            fired[:, start : start + count] = self._fired[:, :count, self._order].T
        self.time = steps
        return logits, fired

    def _run_steps(self, pixels: npt.NDArray[np.generic] | None, steps: int) -> None:
        """Run `steps` time-steps layer by layer."""
        images = None if pixels is None else whole_pixels(self._compiled, pixels)
        if self._count is not None:
            self._events = np.zeros((self.batch, steps), np.int64)
            if self._lowest.shape[1] and len(self._lowest) != self.batch:
                raise EngineError(
                    f"engine native: counting began after time-step {self.time}, but spikes of copies are counted from "
                    "the first time-step on; reset first"
                )
        if len(self._work[0]) < steps * self._compiled.work_bytes:
            self._work = self._workspaces(steps)
        if self._pool is None:
            self._run(images, 0, self.batch, steps, 0)
        elif len(self._shares) == 1:
            self._workers = self._workers or Workers(self._compiled.library, self._threads, self._compiled)
            self._run(images, 0, self.batch, steps, 0, self._workers.address)
        else:
            left = deque(self._shares)
            jobs = [
                self._pool.submit(self._run_shares, left, images, steps, thread) for thread in range(1, self._threads)
            ]
            try:
                self._run_shares(left, images, steps, 0)
            finally:
                for job in jobs:
                    if not job.cancel():  # a thread that has not begun has nothing left to do
                        job.result()

    def _run_shares(self, left: deque[tuple[int, int]], images: Ints | None, steps: int, thread: int) -> None:
        """Run shares of the batch while there are any left; a thread without a core leaves them to the others."""
        while True:
            try:
                first, count = left.popleft()
            except IndexError:
                return
            self._run(images, first, count, steps, thread)

    def _run(
        self, images: Ints | None, first: int, count: int, steps: int, thread: int, workers: int | None = None
    ) -> None:
        """Run some samples on one thread, or with the workers; ctypes releases the interpreter lock."""
        compiled, step = self._compiled, self._compiled.library.spikelet_step
        size, work = compiled.state_bytes, self._addresses[thread]
        samples = 1 if self.record else count  # the workspace holds the spikes of the last sample only
        lowest = costs = counts = events = None
        if self._count is not None:
            lowest = self._lowest[first:].ctypes.data
            costs, counts = self._costs.ctypes.data, self._counts[thread].ctypes.data
            events = self._events[first:].ctypes.data
        for start in range(first, first + count, samples):
            image = None if images is None else images[start:].ctypes.data
            state = self._address + start * size
            step(workers, compiled.parameters, state, size, samples, work, image, steps, lowest, costs, counts, events)
            for name in self.record:
                address = self._spikes[name][start].ctypes.data
                of_sample = self._lowest[start:].ctypes.data
                compiled.library.spikelet_spikes(work, compiled.layers.index(name), of_sample, 1, address)

    def _field(self, name: str, dtype: type[Number], count: int) -> npt.NDArray[Number]:
        start = self._compiled.offsets[name]
        return self._states[:, start : start + count * np.dtype(dtype).itemsize].view(dtype)


def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # imported on use, to save memory

    return ThreadPoolExecutor(threads)
