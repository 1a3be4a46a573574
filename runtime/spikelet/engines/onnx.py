"""The ONNX Runtime engine: one model for the part without spikes, one for the rest of a time-step.

The first model runs when the input changes, so the first layer of a constant image is evaluated once. States are
bound in place: every step reads and writes the same memory, and nothing is copied.

A window of time-steps of a constant input is a separate model. It runs at the first step, and its results are returned
step by step. If the network permits it, the models multiply bytes; their images are (N, H, W, C).
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from spikelet import neurons, onnx_runtime
from spikelet.engines.base import Engine, Float, Spikes, Workload
from spikelet.engines.onnx_session import Binding, Session, open_session
from spikelet.engines.onnx_window import OnnxWindow
from spikelet.engines.onnx_workload import IMAGES, evaluates_window, memory, multiplies_bytes
from spikelet.graph import Graph
from spikelet.limits import Limits
from spikelet.lowering.onnx import operators
from spikelet.lowering.onnx import step as lowering
from spikelet.lowering.onnx.byte_step import byte_static_model, byte_step_model
from spikelet.lowering.onnx.names import INPUT, LOGITS, name_of
from spikelet.lowering.onnx.totals import totals_model
from spikelet.lowering.onnx.window import window_model

X86 = platform.machine() in ("x86_64", "AMD64")
"""On x86, ONNX Runtime stores images in blocks of channels, and rounds 8-bit results to the nearest number, ties to
even. On other processors the rounding is not tested."""


class OnnxEngine(Engine):
    """Runs the network in ONNX Runtime on the CPU.

    Args:
        graph: The network.
        record: Names of spiking layers whose spikes and potentials are kept.
        threads: Number of threads per operator; None for one per core.
    """

    name: ClassVar[str] = "onnx"
    priority: ClassVar[int] = 1

    @classmethod
    def available(cls, graph: Graph) -> bool:
        return find_spec("onnxruntime") is not None

    @classmethod
    def memory(cls, graph: Graph, load: Workload) -> int:
        return memory(graph, load)

    def __init__(
        self, graph: Graph, record: Sequence[str] = (), threads: int | None = None, limits: Limits | None = None
    ) -> None:
        super().__init__(graph, record, threads, limits)
        onnx_runtime.load()  # raise MissingDependency early
        self._arrays: dict[str, Float] = {}
        self._counts: dict[str, npt.NDArray[np.int64]] = {}  # of a window: by layer, (N, T)
        self._bindings: list[Binding] = []
        self._windows: dict[tuple[int, tuple[str, ...]], OnnxWindow] = {}

    @cached_property
    def _static(self) -> Session:
        model = byte_static_model(self.graph) if self._by_bytes else lowering.static_model(self.graph)
        return open_session(model, self.threads)

    @cached_property
    def _dynamic(self) -> Session:
        model = byte_step_model(self.graph) if self._by_bytes else lowering.dynamic_model(self.graph)
        return open_session(model, self.threads)

    @cached_property
    def _by_bytes(self) -> bool:
        return multiplies_bytes(self.graph)

    def _reset(self, batch: int) -> None:
        self._bindings = []
        self._arrays, self._counts = {}, {}
        if self._in_window:
            return
        self._arrays[LOGITS] = np.empty((batch, self.graph.classes), np.float32)
        for name in self.graph.spiking:
            node, shape = self.graph.neuron(name), self.graph.shapes[name]
            start = neurons.initial_potential(node, batch, shape)
            shift = neurons.per_channel(operators.state_shift(node), start.ndim - 1)
            for copy, index in enumerate(lowering.copies(self.graph, name)):
                v = self._laid_out(neurons.select_copy(node, start, copy) + shift)
                self._arrays[name_of("v", name, *index)] = v
                self._arrays[name_of("s", name, *index)] = np.empty(v.shape, np.uint8 if self._by_bytes else np.float32)
        for name in self.graph.integrators:
            self._arrays[name_of("v", name)] = np.zeros((batch, *self.graph.shapes[name]), np.float32)

    def _keep(self, rows: npt.NDArray[np.intp]) -> None:
        self._arrays = {name: value[rows] for name, value in self._arrays.items()}
        self._counts = {name: counts[rows] for name, counts in self._counts.items()}
        self._bindings = []

    def spike_counts(self) -> dict[str, npt.NDArray[np.int64]]:
        if self._in_window:
            return {name: counts[:, self.time - 1] for name, counts in self._counts.items()}
        return {
            name: sum(
                np.count_nonzero(self._arrays[name_of("s", name, *index)].reshape(self.batch, -1), axis=1)
                for index in lowering.copies(self.graph, name)
            )
            for name in self.graph.spiking
        }

    def _spikes_of(self, layer: str) -> Spikes:
        return self._now("s", layer).astype(np.bool_)

    def _potentials_of(self, layer: str) -> Float:
        v, node = self._now("v_next" if self._in_window else "v", layer), self.graph.neuron(layer)
        return v - neurons.per_channel(node.by_copy(operators.state_shift(node)), v.ndim - 1)

    def _now(self, role: Literal["s", "v", "v_next"], layer: str) -> Float:
        """Return the spikes or potentials of a layer in the last step, (N, C·copies, …)."""
        if self._in_window:
            return self._arrays[name_of(role, layer, self.time - 1)]
        indices = lowering.copies(self.graph, layer)
        values = neurons.join_copies([self._arrays[name_of(role, layer, *index)] for index in indices])
        return np.moveaxis(values, -1, 1) if self._by_bytes else values

    def _laid_out(self, values: Float) -> Float:
        """Return values (N, C, …) in the layout of the models."""
        return np.ascontiguousarray(np.moveaxis(values, 1, -1)) if self._by_bytes else values

    def _step(self, pixels: Float | None) -> Float:
        if self._in_window:
            if pixels is not None:
                self._run_window(pixels)
            return self._arrays[LOGITS][:, self.time].copy()
        if pixels is not None:
            self._run_static(pixels)
        if not self._bindings:
            self._bindings = [self._bind(rows) for rows in self._shares()]
        for binding in self._bindings:
            self._dynamic.run_with_iobinding(binding)
        return self._arrays[LOGITS].copy()

    def _run_static(self, pixels: Float) -> None:
        """Evaluate the part that all time-steps have in common."""
        for rows in self._shares():
            values = self._static.run(None, {INPUT: np.ascontiguousarray(pixels[rows], np.float32)})
            for name, value in zip(lowering.frontier(self.graph), values, strict=True):
                key = name_of("x", name)
                if key not in self._arrays:
                    whole = len(value) == self.batch
                    self._arrays[key] = value if whole else np.empty((self.batch, *value.shape[1:]), value.dtype)
                if self._arrays[key] is not value:
                    self._arrays[key][rows] = value  # bound memory is overwritten

    def _shares(self) -> list[slice]:
        """Return the parts of the batch that are evaluated one after another."""
        share = IMAGES if self._by_bytes else max(self.batch, 1)
        return [slice(first, first + share) for first in range(0, self.batch, share)]

    def _all_steps(self, pixels: npt.NDArray[np.generic], steps: int) -> tuple[Float, npt.NDArray[np.int64]]:
        if not self._in_window:
            return super()._all_steps(pixels, steps)
        self._run_window(pixels)
        self.time = steps
        fired = [self._counts[name].T for name in self.graph.spiking]
        return self._arrays[LOGITS].swapaxes(0, 1), np.array(fired, np.int64).reshape(-1, steps, self.batch)

    def _bind(self, rows: slice) -> Binding:
        """Bind the arrays of the states, inputs and outputs, of some rows of the batch."""
        ort_value = onnx_runtime.load().OrtValue
        binding = self._dynamic.io_binding()
        for name, array in self._arrays.items():
            value = ort_value.ortvalue_from_numpy(array[rows])  # shares the array's memory
            role, _, node = name.partition(":")
            if role in ("x", "v"):
                binding.bind_ortvalue_input(name, value)
            if role == "v":
                binding.bind_ortvalue_output(name_of("v_next", node), value)
            elif role != "x":
                binding.bind_ortvalue_output(name, value)
        return binding

    @property
    def _in_window(self) -> bool:
        return evaluates_window(self.graph, self._load(self.batch, self.window))

    def _run_window(self, pixels: npt.NDArray[np.generic]) -> None:
        """Run all time-steps of the window; arrays are (N, T, …)."""
        steps = self.window
        assert steps is not None
        key = steps, self.record
        if key not in self._windows:
            if self._by_bytes and not self.record:
                model, images = totals_model(self.graph, steps, rounds=X86), IMAGES
            else:
                model, images = window_model(self.graph, steps, self.record, blocks=X86), None
            window = OnnxWindow(self.graph, steps, open_session(model, self.threads), images)
            self._windows = {key: window}  # one at a time, since each contains the weights
        self._arrays, self._counts = self._windows[key].run(np.ascontiguousarray(pixels, np.float32))
