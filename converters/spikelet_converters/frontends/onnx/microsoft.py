"""Replace operators on integers, and fused ones, which ONNX Runtime writes, by operators of ONNX on floats.

An operator on integers, such as QLinearConv, becomes the one on floats between DequantizeLinear of its inputs and
QuantizeLinear of its output. The weights of MatMulNBits, which have 2, 4 or 8 bits, are computed here. A fused operator
becomes its parts. The source is run with its own operators, so that the comparison covers this module. See
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.onnx.definitions import Constants
from spikelet_converters.frontends.onnx.rewriter import Constant, Rewriter
from spikelet_converters.frontends.refusals import FOR_ONE_PROCESSOR

if TYPE_CHECKING:
    import onnx

DOMAIN = "com.microsoft"
ACTIVATIONS = ("Relu", "LeakyRelu", "Clip")  # of fused operators


class _Operator:
    """One operator that is replaced: its node, its constants and the nodes that are added for it."""

    def __init__(self, node: onnx.NodeProto, where: str, constants: Mapping[str, Constant], added: Rewriter) -> None:
        from onnx import helper

        self.node, self.where, self.constants, self.added = node, where, constants, added
        self.attributes: dict[str, Any] = {
            attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute
        }

    def input(self, index: int) -> str:
        """Return the name of an input, "" for one that is left out."""
        return str(self.node.input[index]) if index < len(self.node.input) else ""

    def constant(self, index: int) -> Constant:
        """Return a constant input. Raises ConversionError if the network computes it."""
        name = self.input(index)
        if name not in self.constants:
            raise ConversionError(f"{self.where}: expected its input {index} ({name}) to be a constant")
        return self.constants[name]

    def real(self, index: int, *, axis: int | None = None) -> str:
        """Return the name of the real value of the integers at an input, which scale and zero point follow."""
        scale = self.constant(index + 1)
        inputs = [name for name in (self.input(index + offset) for offset in range(3)) if name]
        return self.added.node("DequantizeLinear", inputs, f"{self.node.output[0]}.{index}",
                               axis=axis if scale.size > 1 else None)  # fmt: skip

    def bias(self, index: int, first: int, second: int, factor: float = 1.0) -> list[str]:
        """Return the name of the real bias, whose scale is the product of the scales at two inputs; [] without one."""
        if not self.input(index):
            return []
        scale = np.asarray(self.constant(first), np.float64) * np.asarray(self.constant(second), np.float64).ravel()
        real = np.asarray(self.constant(index), np.float64) * scale * factor
        return [self.added.constant(self.node.output[0], "bias", real.astype(np.float32))]

    def add(self, kind: str, inputs: Sequence[str], *, last: bool, names: Sequence[str] = ()) -> str:
        """Add an operator with some of the attributes, and return its output."""
        from onnx import helper

        output = self.added.node(kind, inputs, self.node.output[0], last=last)
        attributes = {name: self.attributes[name] for name in names if name in self.attributes}
        self.added.nodes[-1].attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
        self.added.nodes[-1].name = self.added.nodes[-1].name if last else f"{self.node.name or self.node.output[0]}"
        return output

    def quantised(self, index: int, output: str) -> None:
        """Add the quantiser of the output, whose scale and zero point begin at an input."""
        self.constant(index)
        inputs = [output, self.input(index), *([self.input(index + 1)] if self.input(index + 1) else [])]
        self.added.node("QuantizeLinear", inputs, self.node.output[0], last=True)


_WINDOWS = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def _convolution(op: _Operator) -> None:
    inputs = [op.real(0), op.real(3, axis=0), *op.bias(8, 1, 4)]
    op.quantised(6, op.add("Conv", inputs, last=False, names=_WINDOWS))


def _product(op: _Operator) -> None:
    op.quantised(6, op.add("MatMul", [op.real(0), op.real(3, axis=1)], last=False))


def _linear(op: _Operator) -> None:
    columns = 0 if op.attributes.get("transB") else 1
    inputs = [op.real(0), op.real(3, axis=columns), *op.bias(6, 1, 4, op.attributes.get("alpha", 1.0))]
    has_scale = bool(op.input(7))
    output = op.add("Gemm", inputs, last=not has_scale, names=("alpha", "transA", "transB"))
    if has_scale:
        op.quantised(7, output)


def _binary(kind: str) -> Callable[[_Operator], None]:
    def replaced(op: _Operator) -> None:
        op.quantised(6, op.add(kind, [op.real(0), op.real(3)], last=False))

    return replaced


def _unary(kind: str, *names: str) -> Callable[[_Operator], None]:
    def replaced(op: _Operator) -> None:
        if op.attributes.get("channels_last"):
            raise ConversionError(f"{op.where}: takes channels last; {FOR_ONE_PROCESSOR}")
        op.quantised(3, op.add(kind, [op.real(0)], last=False, names=names))

    return replaced


def _joined(op: _Operator) -> None:
    parts = [op.real(index) for index in range(2, len(op.node.input), 3)]
    op.quantised(0, op.add("Concat", parts, last=False, names=("axis",)))


def _few_bits(op: _Operator) -> None:
    """Replace a product with weights of 2, 4 or 8 bits in blocks, each with a scale and a zero point."""
    rows, columns, block = (int(op.attributes[name]) for name in ("N", "K", "block_size"))
    bits, blocks = int(op.attributes.get("bits", 4)), -(-columns // block)
    if bits not in (2, 4, 8) or op.input(4):
        reason = f"{bits} bits" if bits not in (2, 4, 8) else "an order of its own (g_idx)"
        raise ConversionError(f"{op.where}: has weights of {reason}; expected 2, 4 or 8 bits in order; quantise again")
    integers = _unpacked(op.constant(1), bits).reshape(rows, blocks, -1)[:, :, :block]
    scales = np.asarray(op.constant(2), np.float64).reshape(rows, blocks, 1)
    zero: Any = 2 ** (bits - 1)
    if op.input(3):
        zero = op.constant(3)
        if zero.dtype == np.uint8:  # packed by row
            zero = _unpacked(zero.reshape(rows, -1), bits)[:, :blocks]
        zero = np.asarray(zero, np.float64).reshape(rows, blocks, 1)
    weight = ((integers - zero) * scales).reshape(rows, -1)[:, :columns]
    name = op.added.constant(op.node.output[0], "weight", np.ascontiguousarray(weight.T, np.float32))
    output = op.add("MatMul", [op.input(0), name], last=not op.input(5))
    if op.input(5):
        op.add("Add", [output, op.input(5)], last=True)


def _scaled_product(op: _Operator) -> None:
    """Replace a product with a factor and transposed matrices."""
    if op.attributes.get("transA") or op.attributes.get("transBatchA") or op.attributes.get("transBatchB"):
        raise ConversionError(f"{op.where}: transposes its input; expected x W with constant weights W")
    weight = np.asarray(op.constant(1), np.float32) * np.float32(op.attributes.get("alpha", 1.0))
    weight = weight.swapaxes(-1, -2) if op.attributes.get("transB") else weight
    name = op.added.constant(op.node.output[0], "weight", np.ascontiguousarray(weight))
    op.add("MatMul", [op.input(0), name], last=True)


def _unpacked(packed: Constant, bits: int) -> Constant:
    """Return integers of a few bits, the lowest bits of a byte first, along the last axis."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    values = (np.asarray(packed, np.uint8)[..., None] >> shifts) & np.uint8(2**bits - 1)
    return np.asarray(values.reshape(*packed.shape[:-1], -1), np.int64)


def _fused(kind: str, *names: str) -> Callable[[_Operator], None]:
    def replaced(op: _Operator) -> None:
        activation = op.attributes.get("activation", b"").decode(errors="replace")
        if activation and activation not in ACTIVATIONS:
            raise ConversionError(
                f"{op.where}: is followed by {activation}; expected {', '.join(ACTIVATIONS)}; fine-tune with Relu"
            )
        added = op.input(3) if kind == "Conv" else ""
        output = op.add(kind, list(op.node.input)[:3], last=not (activation or added), names=names)
        output = op.add("Add", [output, added], last=not activation) if added else output
        if not activation:
            return
        parameters = [float(value) for value in op.attributes.get("activation_params", [])]
        parameters = parameters or [value for name, value in op.attributes.items() if name.startswith("activation_")
                                    and isinstance(value, float)]  # fmt: skip
        bounds = [op.added.constant(op.node.output[0], "bound", np.float32(value)) for value in parameters[:2]]
        op.attributes["alpha"] = parameters[0] if parameters else 0.01
        alpha = ("alpha",) if activation == "LeakyRelu" else ()
        op.add(activation, [output, *(bounds if activation == "Clip" else [])], last=True, names=alpha)

    return replaced


_POOL = ("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides")
OPERATORS: dict[tuple[str, str], Callable[[_Operator], None]] = {
    ("", "QLinearConv"): _convolution,
    ("", "QLinearMatMul"): _product,
    (DOMAIN, "FusedConv"): _fused("Conv", *_WINDOWS),
    (DOMAIN, "FusedGemm"): _fused("Gemm", "alpha", "beta", "transA", "transB"),
    (DOMAIN, "FusedMatMul"): _scaled_product,
    (DOMAIN, "MatMulNBits"): _few_bits,
    (DOMAIN, "QGemm"): _linear,
    (DOMAIN, "QLinearAdd"): _binary("Add"),
    (DOMAIN, "QLinearAveragePool"): _unary("AveragePool", *_POOL),
    (DOMAIN, "QLinearConcat"): _joined,
    (DOMAIN, "QLinearGlobalAveragePool"): _unary("GlobalAveragePool"),
    (DOMAIN, "QLinearLeakyRelu"): _unary("LeakyRelu", "alpha"),
    (DOMAIN, "QLinearMul"): _binary("Mul"),
}
"""The replacement of each operator, by its domain and name."""


def replaced(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model without these operators: the model itself if it has none.

    Raises:
        ConversionError: A parameter of one is no constant or is not supported. The message names the node.
    """
    if not any(key_of(node) in OPERATORS for node in model.graph.node):
        return model
    constants = Constants(model.graph)
    rewriter = Rewriter(model)
    for index, node in enumerate(rewriter.graph.node):
        if key_of(node) not in OPERATORS:
            rewriter.nodes.append(node)
            continue
        where = f"node {node.name or f'#{index}'} ({node.op_type})"
        try:
            OPERATORS[key_of(node)](_Operator(node, where, constants, rewriter))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ConversionError(f"{where}: does not fit its operator ({error}); export the network again") from None
    return rewriter.finished()


def key_of(node: onnx.NodeProto) -> tuple[str, str]:
    """Return the domain of an operator, "" for that of ONNX, and its name."""
    return "" if node.domain == "ai.onnx" else node.domain, node.op_type
