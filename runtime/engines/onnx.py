"""ONNX Runtime as an engine: one graph for what no spike reaches, one for the rest of a time-step.

The first runs when the input changes, so a constant image costs its first layer once. States are bound in
place: the same memory is read and written by every step, and nothing is copied in or out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from spikelet import neurons
from spikelet.engines.base import Engine, Float, Spikes
from spikelet.errors import MissingDependency
from spikelet.graph import Graph
from spikelet.lowering import onnx as lowering
from spikelet.nodes import IF


class OnnxEngine(Engine):
    """Runs the network in ONNX Runtime on the CPU. threads: of one operator; None leaves it to ONNX Runtime."""

    name: ClassVar[str] = "onnx"

    def __init__(self, graph: Graph, record: Sequence[str] = (), threads: int | None = None) -> None:
        super().__init__(graph, record)
        self._static = open_session(lowering.static_model(graph), threads)
        self._dynamic = open_session(lowering.dynamic_model(graph), threads)
        self._arrays: dict[str, Float] = {}
        self._binding: Any = None

    def _reset(self, batch: int) -> None:
        arrays: dict[str, Float] = {"logits": np.empty((batch, self.graph.classes), np.float32)}
        for name in self.graph.spiking:
            node, shape = self._neuron(name), self.graph.shapes[name]
            v = neurons.initial_potential(node, batch, shape)
            arrays[f"v.{name}"] = v + neurons.per_channel(lowering.state_shift(node), v.ndim - 1)
            arrays[f"s.{name}"] = np.empty((batch, *shape), np.float32)
        for name in self.graph.integrators:
            arrays[f"v.{name}"] = np.zeros((batch, *self.graph.shapes[name]), np.float32)
        self._arrays = arrays
        self._binding = None

    def keep(self, rows: npt.NDArray[np.intp]) -> None:
        self._arrays = {name: value[rows] for name, value in self._arrays.items()}
        self._binding = None
        self.batch = len(rows)

    def spike_counts(self) -> dict[str, npt.NDArray[np.int64]]:
        return {
            name: np.count_nonzero(self._arrays[f"s.{name}"].reshape(self.batch, -1), axis=1)
            for name in self.graph.spiking
        }

    def spikes(self, layer: str) -> Spikes:
        self._check_recorded(layer)
        return self._arrays[f"s.{layer}"].astype(np.bool_)

    def potentials(self, layer: str) -> Float:
        self._check_recorded(layer)
        v = self._arrays[f"v.{layer}"]
        return v - neurons.per_channel(lowering.state_shift(self._neuron(layer)), v.ndim - 1)

    def _step(self, pixels: Float | None) -> Float:
        if pixels is not None:
            found = self._static.run(None, {"input": np.ascontiguousarray(pixels, np.float32)})
            for name, value in zip(lowering.frontier(self.graph), found, strict=True):
                # into the memory that is bound already, if it is
                if self._binding is None:
                    self._arrays[f"x.{name}"] = value
                else:
                    self._arrays[f"x.{name}"][:] = value
        if self._binding is None:
            self._bind()
        self._dynamic.run_with_iobinding(self._binding)
        return self._arrays["logits"].copy()

    def _bind(self) -> None:
        from onnxruntime import OrtValue

        self._binding = self._dynamic.io_binding()
        for name, array in self._arrays.items():
            value = OrtValue.ortvalue_from_numpy(array)  # shares the array's memory
            if name.startswith(("x.", "v.")):
                self._binding.bind_ortvalue_input(name, value)
            if name.startswith("v."):
                self._binding.bind_ortvalue_output("v_next." + name[2:], value)
            elif not name.startswith("x."):
                self._binding.bind_ortvalue_output(name, value)

    def _neuron(self, name: str) -> IF:
        node = self.graph.nodes[name]
        assert isinstance(node, IF)
        return node


def open_session(model: bytes, threads: int | None = None) -> Any:
    """An onnxruntime.InferenceSession on the CPU.

    Raises:
        MissingDependency: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingDependency("ONNX Runtime", "ort") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors are raised; warnings about tiny graphs help nobody
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
