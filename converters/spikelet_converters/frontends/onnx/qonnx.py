"""Quantisers of QONNX, which Brevitas writes: Quant and BipolarQuant, in terms of operators of ONNX.

A quantiser has the inputs x, scale, zero point and bits, and computes scale (clip(round(x / scale + zero)) - zero); see
https://github.com/fastmachinelearning/qonnx. ONNX Runtime does not execute it. In the model that is run it becomes
floating-point operators. In the model that is read, quantised weights are computed here, and quantisers of activations
become QuantizeLinear, Clip and DequantizeLinear. The two share no code, so that their comparison covers this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError, one_line
from spikelet_converters.frontends.onnx import domains
from spikelet_converters.frontends.onnx.attributes import RANGES
from spikelet_converters.frontends.onnx.definitions import Constants
from spikelet_converters.frontends.onnx.opsets import opset_of, upgraded
from spikelet_converters.frontends.onnx.rewriter import Rewriter

if TYPE_CHECKING:
    import onnx

Constant = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float32]

OPERATORS = ("Quant", "IntQuant", "BipolarQuant")
MOST_BITS = 16  # of a quantiser of activations
OPSET = 11  # first version of ONNX with Round, and with the bounds of Clip as inputs
ROUNDING: dict[str, Callable[[Floats], Floats]] = {"ROUND": np.round, "FLOOR": np.floor, "CEIL": np.ceil}


@dataclass(frozen=True)
class _Quantiser:
    """A quantiser: its node in messages, its parameters, and the smallest and largest integer."""

    where: str
    scale: npt.NDArray[np.float32]
    zero: npt.NDArray[np.float32]
    low: int
    high: int
    rounding: str


def translated(model: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Return the model that is read and the model that is run; both are the model itself without quantisers of QONNX.

    Raises:
        ConversionError: A quantiser has no equivalent in ONNX that is supported. The message names the node.
    """
    quantiser = next((node for node in model.graph.node if is_quantiser(node)), None)
    if quantiser is None:
        return model, model
    model = _upgraded(model, quantiser)
    constants = Constants(model.graph)
    return _rewritten(model, constants, read=True), _rewritten(model, constants, read=False)


def _upgraded(model: onnx.ModelProto, quantiser: onnx.NodeProto) -> onnx.ModelProto:
    """Return a model of opset 11 or later, as the operators of its quantisers need."""
    try:
        return upgraded(model, OPSET)
    except RuntimeError as error:  # an operator that has no equivalent
        raise ConversionError(
            f"node {quantiser.name} ({quantiser.op_type}): expected opset {OPSET} or later, found {opset_of(model)}, "
            f"which cannot be converted ({one_line(error)}); export the network again"
        ) from None


def is_quantiser(node: onnx.NodeProto) -> bool:
    """Return whether a node is a quantiser of QONNX."""
    return node.domain.startswith(domains.OF_QONNX) and node.op_type in OPERATORS


def _rewritten(model: onnx.ModelProto, constants: Mapping[str, Constant], *, read: bool) -> onnx.ModelProto:
    rewriter = Rewriter(model)
    for index, node in enumerate(rewriter.graph.node):
        if not is_quantiser(node):
            rewriter.nodes.append(node)
            continue
        where = f"node {node.name or f'#{index}'} ({node.op_type})"
        bipolar, weights = node.op_type == "BipolarQuant", constants.get(node.input[0])
        if bipolar:
            _signs(rewriter, node, where, constants, read)
        elif not read:
            _as_floats(rewriter, node, constants)
        elif weights is not None:
            rewriter.weights(node, _quantised(weights, _quantiser(node, where, constants)))
        else:
            _as_integers(rewriter, node, _quantiser(node, where, constants))
    copied = rewriter.finished()
    others = [entry for entry in copied.opset_import if not entry.domain.startswith(domains.OF_QONNX)]
    copied.ClearField("opset_import")
    copied.opset_import.extend(others)
    return copied


def _quantiser(node: onnx.NodeProto, where: str, constants: Mapping[str, Constant]) -> _Quantiser:
    names = [*node.input, "", "", ""][1:4]
    parameters = [constants.get(name) for name in names]
    for title, value in zip(("scale", "zero point", "bits"), parameters, strict=True):
        if value is None:
            raise ConversionError(f"{where}: its {title} is computed by the network; expected a constant")
    scale, zero, bits = (np.asarray(value, np.float32) for value in parameters)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ConversionError(f"{where}: expected scales above 0, found {scale.min():g}…{scale.max():g}")
    if bits.size != 1 or not 1 <= (width := float(bits.ravel()[0])) <= 32 or width % 1 or (zero % 1).any():
        raise ConversionError(f"{where}: expected 1…32 bits, one whole number, and zero points that are whole numbers")
    stated = {attribute.name: attribute for attribute in node.attribute}
    if missing := [name for name in ("signed", "narrow") if name not in stated]:
        raise ConversionError(f"{where}: has no attribute {missing[0]}; export the network again")
    signed, narrow = bool(stated["signed"].i), bool(stated["narrow"].i)
    if signed and width == 1:
        raise ConversionError(f"{where}: has 1 bit with a sign; expected BipolarQuant, or 2 bits or more")
    rounding = stated["rounding_mode"].s.decode(errors="replace").upper() if "rounding_mode" in stated else "ROUND"
    if rounding not in ROUNDING:
        raise ConversionError(f"{where}: rounds by {rounding}; expected {', '.join(ROUNDING)}")
    count = 2 ** int(width)
    low, high = (-count // 2 + narrow, count // 2 - 1) if signed else (0, count - 1 - narrow)
    return _Quantiser(where, scale, zero, low, high, rounding)


def _quantised(values: Constant, quantiser: _Quantiser) -> Constant:
    """Return quantised weights."""
    moved = np.asarray(values, np.float32) / quantiser.scale + quantiser.zero
    integers = ROUNDING[quantiser.rounding](np.clip(moved, quantiser.low, quantiser.high))
    return np.asarray((integers - quantiser.zero) * quantiser.scale)


def _as_floats(rewriter: Rewriter, node: onnx.NodeProto, constants: Mapping[str, Constant]) -> None:
    """Add floating-point operators that compute a quantiser, whose parameters `_quantiser` has checked."""
    from onnx import helper

    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    width = int(np.ravel(constants[node.input[3]])[0])
    low, high = 0, (1 << width) - 1 - attributes["narrow"]
    if attributes["signed"]:
        low, high = attributes["narrow"] - (1 << (width - 1)), (1 << (width - 1)) - 1
    base = node.output[0]
    scale, zero = (
        rewriter.constant(base, role, np.asarray(constants[name], np.float32))
        for role, name in zip(("scale", "zero"), node.input[1:3], strict=True)
    )
    bounds = [rewriter.constant(base, *bound) for bound in (("low", np.float32(low)), ("high", np.float32(high)))]
    moved = rewriter.node("Add", [rewriter.node("Div", [node.input[0], scale], base), zero], base)
    operator = attributes.get("rounding_mode", b"ROUND").decode().capitalize()
    integers = rewriter.node(operator, [rewriter.node("Clip", [moved, *bounds], base)], base)
    rewriter.node("Mul", [rewriter.node("Sub", [integers, zero], base), scale], base, last=True)


def _as_integers(rewriter: Rewriter, node: onnx.NodeProto, quantiser: _Quantiser) -> None:
    """Add QuantizeLinear, Clip and DequantizeLinear for a quantiser of activations."""
    where, base = quantiser.where, node.output[0]
    if quantiser.rounding != "ROUND":
        raise ConversionError(f"{where}: rounds activations by {quantiser.rounding}; expected ROUND, train with it")
    kind = next(
        (
            kind
            for kind, (least, most) in RANGES.items()
            if not kind.endswith("int4")  # which Clip does not take
            and least <= min(quantiser.low, quantiser.zero.min())
            and max(quantiser.high, quantiser.zero.max()) <= most
        ),
        None,
    )
    if kind is None:
        raise ConversionError(
            f"{where}: quantises activations to integers of {quantiser.low}…{quantiser.high}; expected at most "
            f"{MOST_BITS} bits"
        )
    shape = np.broadcast_shapes(quantiser.scale.shape, quantiser.zero.shape)
    axes = [axis for axis, size in enumerate(shape) if size != 1]
    if len(axes) > 1:
        raise ConversionError(f"{where}: has scales along {len(axes)} axes; expected one scale, or one per channel")
    scale, zero = (
        np.broadcast_to(value, shape).reshape(-1 if axes else ()) for value in (quantiser.scale, quantiser.zero)
    )
    axis = axes[0] if axes else None
    parameters = [rewriter.constant(base, "scale", scale), rewriter.constant(base, "zero", zero.astype(kind))]
    bounds = [
        rewriter.constant(base, name, np.asarray(getattr(quantiser, name)).astype(kind)) for name in ("low", "high")
    ]
    integers = rewriter.node("QuantizeLinear", [node.input[0], *parameters], base, axis=axis)
    few = rewriter.node("Clip", [integers, *bounds], base)
    rewriter.node("DequantizeLinear", [few, *parameters], base, last=True, axis=axis)


def _signs(rewriter: Rewriter, node: onnx.NodeProto, where: str, constants: Mapping[str, Constant], read: bool) -> None:
    """Add weights of plus or minus one scale, or the operators that compute them."""
    if any(name not in constants for name in node.input[:2]):
        raise ConversionError(
            f"{where}: quantises activations to -1 and 1, which spikes are not; train with unsigned activations"
        )
    if read:
        weights, scale = (np.asarray(constants[name], np.float32) for name in node.input[:2])
        rewriter.weights(node, np.where(weights < 0, -scale, scale))
        return
    base = node.output[0]
    negative = rewriter.node("Less", [node.input[0], rewriter.constant(base, "zero", np.float32(0))], base)
    rewriter.node("Where", [negative, rewriter.node("Neg", [node.input[1]], base), node.input[1]], base, last=True)
