"""Import ONNX files with the operators of plain and quantisation-aware convolutional networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.onnx import (
    batch_statistics,
    gathers,
    microsoft,
    saturation,
    sequences,
    stacks,
    straight_through,
    two_classes,
    written_softmax,
)
from spikelet_converters.frontends.onnx.model import entry_of, load
from spikelet_converters.frontends.onnx.prediction import predictor
from spikelet_converters.frontends.onnx.qonnx import translated
from spikelet_converters.frontends.onnx.quantisers import has_scales, scales_changed
from spikelet_converters.frontends.onnx.reader import HANDLERS, Reader
from spikelet_converters.frontends.source import Preprocessing, Source, finished
from spikelet_converters.frontends.values import PoolForm

if TYPE_CHECKING:
    import onnx


def read(
    path: Path,
    preprocessing: Preprocessing | None = None,
    *,
    shape: Shape | None = None,
    max_pools: PoolForm = "or",
    output: str | None = None,
) -> Source:
    """Import an ONNX file.

    Args:
        path: The file.
        preprocessing: Normalisation of the input, by default pixel / 255, or none if the file takes integers.
        shape: Shape of one input, if the file does not fix it, or (C, H, W) of images for a file that takes (N, F).
        max_pools: Form of max pools: "or" (neurons that fire if one of their inputs fires), "pairs" or "average".
        output: Name of the output, if the file has several.

    Raises:
        ConversionError: The file is not valid ONNX, an operator has no spiking form, or an attribute is not supported.
            The message names the node and an alternative.
        UsageError: The file has no output of this name.
        MissingDependency: The package `onnx` or ONNX Runtime is not installed.
    """
    model, labels = load(path, output)
    preprocessing = _of_integers(path, entry_of(path, model).type.tensor_type.elem_type, preprocessing)

    def imported(model: onnx.ModelProto, original: onnx.ModelProto | None = None) -> Source:
        model, executable = translated(model)
        executable = original or executable
        model = batch_statistics.replaced(stacks.replaced(gathers.replaced(sequences.replaced(model))))
        model, probabilities = two_classes.replaced(written_softmax.replaced(straight_through.removed(model)))
        reader = Reader(path, model, shape, max_pools, preprocessing)
        state = reader.run()
        arrange = reader.layout.arrange
        predict = predictor(path, executable, arrange)
        if probabilities and state.builder.ending == "softmax":
            state.builder.ending = "two_classes"
        own_logits = state.logits is not None and not probabilities
        logits = predictor(path, executable, arrange, state.logits) if own_logits else None
        return finished("ONNX", state.builder, predict, preprocessing, logits=logits)

    written = model
    model = microsoft.replaced(written)
    source = imported(model, None if model is written else saturation.avoided(written))
    return replace(
        source,
        labels=labels if labels is not None and len(labels) == source.graph.classes else None,
        perturbed=(lambda: imported(scales_changed(model))) if has_scales(model) else None,
    )


def _of_integers(path: Path, kind: int, preprocessing: Preprocessing | None) -> Preprocessing:
    """Return the normalisation; a file that takes integers gets the pixels without one, or pixels - 128 as int8."""
    from onnx import TensorProto

    if kind == TensorProto.FLOAT:
        return preprocessing or Preprocessing()
    if kind not in (
        TensorProto.UINT8,
        TensorProto.INT8,
        TensorProto.INT32,
        TensorProto.INT64,
        TensorProto.UINT16,
        TensorProto.INT16,
    ):
        raise ConversionError(
            f"{path}: takes values of type {TensorProto.DataType.Name(kind)}; expected float or integers of pixels"
        )
    if preprocessing is not None and (any(preprocessing.mean) or set(preprocessing.std) != {1.0}):
        raise ConversionError(f"{path}: takes whole pixels 0…255, which --mean and --std change; leave them out")
    return Preprocessing(mean=(128.0 if kind == TensorProto.INT8 else 0.0,), scale=1.0)


__all__ = ["HANDLERS", "read"]
