"""Import ONNX files with the operators of plain and quantisation-aware convolutional networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError, MissingDependency
from spikelet.nodes import Shape
from spikelet_converters.frontends.builder import MOST_LEVELS, Builder
from spikelet_converters.frontends.onnx_attributes import check_attributes
from spikelet_converters.frontends.onnx_constants import evaluate
from spikelet_converters.frontends.onnx_parts import (
    channels,
    input_shape,
    padded_automatically,
    padding,
    predictor,
)
from spikelet_converters.frontends.refusals import ONNX as ADVICE
from spikelet_converters.frontends.refusals import PRODUCT, UNKNOWN
from spikelet_converters.frontends.source import Preprocessing, Source, finished
from spikelet_converters.frontends.values import Value, free_name

Constant = npt.NDArray[Any]


def read(
    path: Path,
    preprocessing: Preprocessing | None = None,
    *,
    shape: Shape | None = None,
    average_pools: bool = False,
) -> Source:
    """Import an ONNX file.

    Args:
        path: The file.
        preprocessing: Normalisation of the input, by default pixel / 255.
        shape: Shape of one input, if the file does not fix it.
        average_pools: Replace max pools by average pools.

    Raises:
        ConversionError: The file is not valid ONNX, or an operator has no spiking form. The message names the node
            and an alternative.
        MissingDependency: The package `onnx` is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingDependency("onnx", "convert") from None
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker raise many types of errors
        first = str(error).splitlines()
        raise ConversionError(f"{path}: not a valid ONNX model ({first[0] if first else error})") from None
    preprocessing = preprocessing or Preprocessing()
    reader = _Reader(model.graph, input_shape(path, model.graph, shape), average_pools, preprocessing)
    builder = reader.run()
    return finished("ONNX", builder, predictor(path, model, reader.logits), preprocessing)


class _Reader:
    """Adds operators to a builder, one after another; a tensor is a constant or a `Value`."""

    def __init__(self, graph: Any, shape: Shape, average_pools: bool, preprocessing: Preprocessing) -> None:
        from onnx import numpy_helper

        self.graph = graph
        self.average_pools = average_pools
        self.builder = Builder(shape, calibrate=True)
        self.constants: dict[str, Constant] = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        name = next(tensor.name for tensor in graph.input if tensor.name not in self.constants)
        self.values: dict[str, Value] = {name: preprocessing.start(self.builder)}
        self.uses = Counter(name for node in graph.node for name in node.input)
        self.uses.update(tensor.name for tensor in graph.output)
        self.logits = graph.output[0].name  # of the file, before a softmax at its end

    def run(self) -> Builder:
        for index, node in enumerate(self.graph.node):
            where = f"node {node.name or f'#{index}'} ({node.op_type})"
            name = node.name.rpartition("/")[0].strip("/").replace("/", ".") if "/" in node.name else node.name
            self._read(node, free_name(name or f"{node.op_type.lower()}{index}", self.builder.nodes), where)
        if len(self.graph.output) != 1 or self.graph.output[0].name not in self.values:
            raise ConversionError(f"the network has {len(self.graph.output)} outputs; expected the logits alone")
        self.builder.output([self.values[self.graph.output[0].name]])
        return self.builder

    def _read(self, node: Any, name: str, where: str) -> None:
        from onnx import helper

        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        check_attributes(where, node, attributes)
        live = [self.values[source] for source in node.input if source in self.values]
        if not live:
            self.constants[node.output[0]] = evaluate(node.op_type, where, attributes, self._given(node, where))
            return
        if node.op_type == "Shape":
            self.constants[node.output[0]] = np.array([0, *live[0].shape])  # 0 is the batch, as in Reshape
            return
        handler: Callable[..., Value] | None = getattr(self, f"_{node.op_type.lower()}", None)
        if handler is None:
            raise ConversionError(f"{where}: {ADVICE.get(node.op_type, UNKNOWN)}")
        self.values[node.output[0]] = handler(node, name, where, attributes, live)

    def _given(self, node: Any, where: str) -> list[Constant | None]:
        missing = [source for source in node.input if source and source not in self.constants]
        if missing:
            raise ConversionError(f"{where}: its input {missing[0]} is not the output of an operator before it")
        return [self.constants[source] if source else None for source in node.input]

    def _constant(self, node: Any, index: int, where: str) -> Constant:
        name = node.input[index] if len(node.input) > index else ""
        if name not in self.constants:
            raise ConversionError(f"{where}: expected its input {index} to be constant weights")
        return self.constants[name]

    def _given_constant(self, node: Any, index: int, where: str) -> Constant | None:
        return self._constant(node, index, where) if len(node.input) > index and node.input[index] else None

    def _conv(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        weight = self._constant(node, 1, where)
        if weight.ndim != 4:
            raise ConversionError(f"{where}: a convolution of {weight.ndim - 2} axes has no node; use two")
        if any(d != 1 for d in attributes.get("dilations", [1])):
            raise ConversionError(f"{where}: dilation {attributes['dilations']} has no node; train with dilation 1")
        zeros = padding(where, attributes, weight.shape[2:])
        stride = attributes.get("strides", [1, 1])
        return self.builder.conv(
            name, where, weight, self._given_constant(node, 2, where), (stride[0], stride[1]), zeros,
            attributes.get("group", 1), live[0],
        )  # fmt: skip

    def _gemm(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        if attributes.get("transA", 0):
            raise ConversionError(f"{where}: transposes its input; expected transA = 0")
        weight = self._constant(node, 1, where) * attributes.get("alpha", 1.0)
        weight = weight if attributes.get("transB", 0) else weight.T
        bias = self._given_constant(node, 2, where)
        bias = None if bias is None else np.broadcast_to(bias.ravel() * attributes.get("beta", 1.0), (len(weight),))
        return self.builder.linear(name, where, weight, bias, live[0])

    def _matmul(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        if node.input[0] not in self.values or len(live) > 1:
            raise ConversionError(f"{where}: {PRODUCT}")
        weight = self._constant(node, 1, where)
        if weight.ndim != 2:
            raise ConversionError(f"{where}: expected weights (F_in, F_out), found shape {weight.shape}")
        return self.builder.linear(name, where, weight.T, None, live[0])

    def _add(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        if len(live) == 2:
            return self.builder.add(name, where, live)
        constant = next(self.constants[source] for source in node.input if source in self.constants)
        if live[0].node == "input":
            return self.builder.normalise(where, -channels(where, constant), 1.0, live[0])
        return self._folded(node, where, 1.0, channels(where, constant), live[0])

    def _sub(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        if len(live) == 1 and live[0].node == "input" and node.input[0] in self.values:
            return self.builder.normalise(where, channels(where, self._constant(node, 1, where)), 1.0, live[0])
        raise ConversionError(f"{where}: {ADVICE['Sub']}")

    def _div(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        if len(live) == 1 and node.input[0] in self.values:
            return self._times(node, where, 1 / channels(where, self._constant(node, 1, where)), live[0])
        raise ConversionError(f"{where}: {PRODUCT}")

    def _mul(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        if len(live) == 1:
            constant = next(self.constants[source] for source in node.input if source in self.constants)
            return self._times(node, where, channels(where, constant), live[0])
        raise ConversionError(f"{where}: {PRODUCT}")

    def _times(self, node: Any, where: str, factor: Constant, x: Value) -> Value:
        if x.node == "input":
            return self.builder.normalise(where, 0.0, 1 / factor, x)
        return self._folded(node, where, factor, 0.0, x)

    def _folded(self, node: Any, where: str, gain: Any, shift: Any, x: Value) -> Value:
        source = next(name for name in node.input if name in self.values)
        if self.uses[source] > 1:
            raise ConversionError(
                f"{where}: the layer before it has other consumers, so it cannot be folded into the weights"
            )
        return self.builder.affine(where, gain, shift, x)

    def _batchnormalization(
        self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]
    ) -> Value:
        gamma, beta, mean, var = (np.asarray(self._constant(node, i, where), np.float64) for i in range(1, 5))
        gain = gamma / np.sqrt(var + attributes.get("epsilon", 1e-5))
        return self._folded(node, where, gain, beta - mean * gain, live[0])

    def _relu(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        return self.builder.relu(name, where, None, live[0])

    def _clip(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        low, high = (self._given_constant(node, i, where) for i in (1, 2))
        least = attributes.get("min") if low is None else float(low)
        most = attributes.get("max") if high is None else float(high)
        if least != 0:
            raise ConversionError(f"{where}: clips from {least}; expected from 0, as a rectifier does")
        return self.builder.relu(name, where, most, live[0])

    def _quantizelinear(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        scale, zero = self._constant(node, 1, where), self._given_constant(node, 2, where)
        unsigned = (zero is not None and zero.dtype == np.uint8) or (zero is None)
        if np.size(scale) != 1 or not unsigned or (zero is not None and zero.any()):
            if live[0].node in self.builder.relus:
                raise ConversionError(
                    f"{where}: is signed, per channel or has a zero point; expected unsigned, per tensor, without one"
                )
            self.builder.unrounded(where, "no rectified activation")
            return live[0]
        if live[0].node == "input":
            self.builder.unrounded(where, "the input")
            return live[0]
        theta = 255 * float(np.ravel(scale)[0])
        if live[0].node in self.builder.relus:
            return self.builder.quantise_relu(where, theta, 255, live[0])
        assert MOST_LEVELS < 255  # so it becomes a rectifier with a cap
        return self.builder.quantiser(name, where, theta, 255, live[0])

    def _maxpool(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        if not self.average_pools:
            raise ConversionError(f"{where}: {ADVICE['MaxPool']}")
        self.builder.replaced = True
        self.builder.note(f"{where}: max pooling was replaced by average pooling, as asked for")
        return self._averagepool(node, name, where, attributes, live)

    def _averagepool(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        kernel, stride = attributes["kernel_shape"], attributes.get("strides", [1, 1])
        dilated = any(d != 1 for d in attributes.get("dilations", [1]))
        if any(attributes.get("pads", [0])) or attributes.get("ceil_mode", 0) or dilated or len(kernel) != 2:
            raise ConversionError(f"{where}: pads, ceil_mode and dilations have no node; pad the image instead")
        if padded_automatically(attributes, kernel, stride, live[0].shape):
            raise ConversionError(
                f"{where}: auto_pad {attributes['auto_pad'].decode()} pads an image of {live[0].shape}; "
                "a padded pool has no node: export it with padding 'valid'"
            )
        return self.builder.pool(name, where, (kernel[0], kernel[1]), (stride[0], stride[1]), live[0])

    def _globalaveragepool(
        self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]
    ) -> Value:
        kernel = live[0].shape[1], live[0].shape[2]
        return self.builder.pool(name, where, kernel, kernel, live[0])

    def _reducemean(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        axes = self._given_constant(node, 1, where)
        averaged = sorted(attributes.get("axes", [] if axes is None else axes.tolist()))
        if averaged not in ([2, 3], [-2, -1]) or len(live[0].shape) != 3:
            raise ConversionError(f"{where}: a mean over axes {averaged} has no node; expected height and width (2, 3)")
        pooled = self._globalaveragepool(node, name, where, attributes, live)
        return pooled if attributes.get("keepdims", 1) else self.builder.flatten(f"{name}.flat", where, pooled)

    def _flatten(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        if attributes.get("axis", 1) != 1:
            raise ConversionError(f"{where}: flattens from axis {attributes['axis']}; expected 1")
        return self.builder.flatten(name, where, live[0])

    def _reshape(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        sizes = [int(size) for size in self._constant(node, 1, where)]
        size = int(np.prod(live[0].shape))
        if len(sizes) != 2 or sizes[1] not in (-1, size) or (sizes == [-1, -1]):
            raise ConversionError(f"{where}: reshapes to {sizes}; expected (N, -1), which flattens")
        return self.builder.flatten(name, where, live[0])

    def _squeeze(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        if len(live[0].shape) != 3 or live[0].shape[1:] != (1, 1):
            raise ConversionError(f"{where}: removes axes of shape {live[0].shape}; expected (C, 1, 1)")
        return self.builder.flatten(name, where, live[0])

    def _identity(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        return live[0]

    _dropout = _dequantizelinear = _identity

    def _softmax(self, node: Any, name: str, where: str, attributes: dict[str, Any], live: list[Value]) -> Value:
        if node.output[0] != self.graph.output[0].name:
            raise ConversionError(f"{where}: a softmax inside the network has no spiking form here")
        if attributes.get("axis", 1) not in (1, -1):
            raise ConversionError(f"{where}: is along axis {attributes['axis']}; expected 1, over the classes")
        self.builder.note(f"{where}: was left out: the largest logit is the answer with and without")
        self.logits = node.input[0]
        return live[0]

    _logsoftmax = _softmax
