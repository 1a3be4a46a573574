"""Convert the operators of an ONNX model, in order, to layers of a builder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends import comparisons, rearranged, roundings
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.onnx import (
    activations,
    arithmetic,
    assignments,
    choices,
    endings,
    features,
    pools,
    quantisers,
    resampling,
    shapes,
    synapses,
)
from spikelet_converters.frontends.onnx.attributes import attributes_of
from spikelet_converters.frontends.onnx.constants import evaluate, of_one_sample
from spikelet_converters.frontends.onnx.domains import check_domain
from spikelet_converters.frontends.onnx.input_layout import layout_of
from spikelet_converters.frontends.onnx.model import entry_of, needed, sizes_of
from spikelet_converters.frontends.onnx.opsets import opset_of
from spikelet_converters.frontends.onnx.step import Handler, Import, Step
from spikelet_converters.frontends.onnx.written_norms import normalisation
from spikelet_converters.frontends.refusals import ONNX as ADVICE
from spikelet_converters.frontends.refusals import UNKNOWN
from spikelet_converters.frontends.source import Preprocessing
from spikelet_converters.frontends.values import PoolForm, Value, free_name

if TYPE_CHECKING:
    import onnx

HANDLERS: dict[str, Handler] = {
    **synapses.HANDLERS,
    **arithmetic.HANDLERS,
    **activations.HANDLERS,
    **choices.HANDLERS,
    **pools.HANDLERS,
    **shapes.HANDLERS,
    **assignments.HANDLERS,
    **quantisers.HANDLERS,
    **resampling.HANDLERS,
    **endings.HANDLERS,
}
"""The import of each supported operator."""

_OF_VIEWS = (
    "AveragePool", "Expand", "Identity", "ReduceMean", "ReduceSum", "Reshape", "Shape", "Squeeze", "Tile", "Transpose",
    "Unsqueeze",
)  # fmt: skip
"""Operators that take reshaped values which no node has."""

_OF_ROUNDED = ("Add", "Cast", "Clip", "Div", "Identity", "Mul", "Sub")
"""Operators that take values whose rounding is pending, see `roundings`."""

_OF_COMPARISONS = ("Add", "Cast", "CastLike", "Div", "Identity", "Mul", "Not", "Sub", "Where")
"""Operators that scale comparisons or choose by them, see `comparisons`."""

_AFTER_THE_END = ("ArgMax", "Cast", "Identity", *endings.SCALES)
_OF_PROBABILITIES = ("Log", "LogSoftmax", "Softmax")


class Reader:
    """The import of one model.

    Attributes:
        state: State of the import.
        layout: Arrangement of the input.
    """

    def __init__(
        self, path: Path, model: onnx.ModelProto, shape: Shape | None, max_pools: PoolForm, preprocessing: Preprocessing
    ) -> None:
        from onnx import numpy_helper

        entry = entry_of(path, model)
        declared = sizes_of(entry)
        self.graph = model.graph
        self.layout = layout = layout_of(path, model.graph, entry, shape)
        image = layout.image
        builder = Builder(image, calibrate=True, max_pools=max_pools)
        batch = declared[0] if declared and declared[0] > 0 else None
        self.state = Import(builder, opset_of(model), model.graph.output[0].name, batch)
        self.state.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        quantised = {node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
        clips = [node for node in model.graph.node if node.op_type == "Clip" and node.input[0] in quantised]
        self.state.clips = {node.input[0]: node for node in clips}
        for node in model.graph.node:
            if node.op_type == "Constant":
                self.state.constants.update(
                    zip(node.output, evaluate(node, f"node {node.name} (Constant)", [], self.state.opset), strict=True)
                )
        self.state.uses = Counter(name for node in model.graph.node for name in needed(node))
        self.state.uses.update(tensor.name for tensor in model.graph.output)
        x = preprocessing.start(builder)
        if len(layout.sizes) == 1 and len(image) == 3:
            x = builder.flatten("flat", "the input", x)
        elif layout.axes != (0, 1, 2) and len(image) == 3:
            x.axes = layout.axes
        self.state.values[entry.name] = x

    def run(self) -> Import:
        """Read all operators.

        Raises:
            ConversionError: An operator has no spiking form, or an attribute is not supported. The message names the
                node.
        """
        after_ending: dict[str, str] = {}
        for index, node in enumerate(self._nodes()):
            where = _where(node, index)
            reason = next((after_ending[name] for name in node.input if name in after_ending), None)
            if reason is not None and node.op_type not in self._after_the_end(node):
                raise ConversionError(reason)
            try:
                self._read(node, index, where, reason)
            except ConversionError as error:
                raise normalisation(self.graph, node) or error from None
            if node.op_type in endings.HANDLERS and node.output[0] in self.state.values:
                after_ending[node.output[0]] = f"{where}: {endings.INSIDE[node.op_type]}"
            elif reason is not None:
                after_ending[node.output[0]] = reason
        if self.state.output not in self.state.values:
            raise ConversionError(f"the output {self.state.output} does not depend on the input")
        x = self.state.values[self.state.output]
        if x.view is not None:
            raise rearranged.refused(f"the output {self.state.output}", x)
        roundings.check([x], "the output")
        comparisons.check([x], "the output")
        self.state.builder.output([x])
        return self.state

    def _nodes(self) -> Iterator[onnx.NodeProto]:
        """Yield the operators in order, and those of the branch that an If takes instead of the If.

        Raises:
            ConversionError: The condition of an If is no constant.
        """
        pending, index = list(reversed(self.graph.node)), 0
        while pending:
            node = pending.pop()
            if node.op_type == "If":
                pending += reversed(self._branch(node, _where(node, index)))
            else:
                index += 1
                yield node

    def _branch(self, node: onnx.NodeProto, where: str) -> list[onnx.NodeProto]:
        """Return the operators of the branch that an If takes, and those that give its outputs their names."""
        from onnx import helper, numpy_helper

        condition = self.state.constants.get(node.input[0])
        if condition is None or condition.size != 1:
            raise ConversionError(f"{where}: {ADVICE['If']}")
        taken = "then_branch" if condition.item() else "else_branch"
        graph = next(attribute.g for attribute in node.attribute if attribute.name == taken)
        self.state.constants.update({tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer})
        outputs = [
            helper.make_node("Identity", [inner.name], [name], name=node.name)
            for inner, name in zip(graph.output, node.output, strict=True)
        ]
        nodes = [*graph.node, *outputs]
        self.state.uses.update(name for inner in nodes for name in needed(inner))
        return nodes

    def _after_the_end(self, node: onnx.NodeProto) -> tuple[str, ...]:
        """Operators that may follow a function of the logits: functions of probabilities, and those that flatten."""
        softmax = self.state.builder.ending in ("softmax", "log_softmax")
        probabilities = _OF_PROBABILITIES if softmax else ()
        x = self.state.values.get(node.input[0])
        one = x is not None and set(sizes(x)[1:]) <= {1}
        return *_AFTER_THE_END, *probabilities, *(("Flatten", "Reshape", "Squeeze") if one else ())

    def _read(self, node: onnx.NodeProto, index: int, where: str, after: str | None) -> None:
        """Read an operator; after: error message for one that may not follow a function of the logits before it."""
        state = self.state
        check_domain(node, where)
        if not any(source in state.values for source in node.input):
            given = [state.constants.get(source) for source in node.input]
            inputs = of_one_sample(node, given, state.batch)
            if inputs is not given or not state.of_one_sample.isdisjoint(node.input):
                state.of_one_sample.update(node.output)
            constants = evaluate(node, where, inputs, state.opset)
            state.constants.update(zip(node.output, constants, strict=False))
            return
        if node.op_type not in HANDLERS and node.op_type != "Shape":
            raise ConversionError(f"{where}: {ADVICE.get(node.op_type, UNKNOWN)}")
        values = [state.values[name] for name in node.input if name in state.values]
        roundings.check(values, node.op_type, _OF_ROUNDED)
        comparisons.check(values, node.op_type, _OF_COMPARISONS)
        name = node.name.rpartition("/")[0].strip("/").replace("/", ".") if "/" in node.name else node.name
        layer = free_name(name or f"{node.op_type.lower()}{index}", state.builder.nodes)
        step = Step(state, node, layer, where, attributes_of(node, where))
        if node.op_type == "Shape":
            state.constants[node.output[0]] = shapes.shape_of(step)
            return
        if after is not None and node.op_type in endings.SCALES:
            result: Value | list[Value] = endings.scaled(step, after)
        elif node.op_type not in _OF_VIEWS and any(x.view is not None for x in values):
            with features.without_ones(state, node, where) as shape:
                result = HANDLERS[node.op_type](step)
            assert isinstance(result, Value)
            result = features.with_ones(node, shape, result)
        else:
            result = HANDLERS[node.op_type](step)
        outputs = result if isinstance(result, list) else [result]
        unread = [output for output in node.output[len(outputs) :] if output and state.uses[output]]
        if unread:
            raise ConversionError(f"{where}: its output {unread[0]} is used; expected the first output only")
        state.values.update(zip(node.output, outputs, strict=False))
        if node.op_type in quantisers.OF_INTEGERS and node.input[0] in state.quantisers:
            state.quantisers.update(dict.fromkeys(node.output, state.quantisers[node.input[0]]))


def _where(node: onnx.NodeProto, index: int) -> str:
    """Return a node in error messages."""
    return f"node {node.name or f'#{index}'} ({node.op_type})"
