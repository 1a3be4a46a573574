"""Sessions of ONNX Runtime, which evaluate a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spikelet import onnx_runtime

Float = npt.NDArray[np.float32]


class Named(Protocol):
    """An input or output of a session."""

    name: str


class Binding(Protocol):
    """The part of `onnxruntime.IOBinding` that is used. Values are of type `onnxruntime.OrtValue`."""

    def bind_ortvalue_input(self, name: str, value: object) -> None:
        """Set the memory of an input."""

    def bind_ortvalue_output(self, name: str, value: object) -> None:
        """Set the memory of an output."""


class Session(Protocol):
    """The part of `onnxruntime.InferenceSession` that is used."""

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, npt.NDArray[np.generic]]) -> list[Float]:
        """Return the outputs of those names, or all."""

    def io_binding(self) -> Binding:
        """Return a binding of inputs and outputs to memory."""

    def run_with_iobinding(self, binding: Binding) -> None:
        """Run on bound memory."""

    def get_outputs(self) -> Sequence[Named]:
        """Return the outputs in the order of the model."""


def open_session(model: bytes | Path, threads: int | None = None) -> Session:
    """Create an `onnxruntime.InferenceSession` on the CPU.

    Args:
        model: The encoded model, or its file. Files of its constants are in the same folder.
        threads: Number of threads per operator; None for one per available core.

    Raises:
        MissingDependency: ONNX Runtime is not installed.
    """
    onnxruntime = onnx_runtime.load()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors are raised; warnings about small graphs are suppressed
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED  # in the written order, layer by layer
    options.intra_op_num_threads = onnx_runtime.default_threads() if threads is None else threads
    content = model if isinstance(model, bytes) else str(model)
    session: Session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session
