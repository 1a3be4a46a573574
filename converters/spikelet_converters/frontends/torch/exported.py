"""Import torch.export programs with the ATen calls of plain networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import fx

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.refusals import UNKNOWN
from spikelet_converters.frontends.source import Preprocessing, Source, finished
from spikelet_converters.frontends.torch.fx import ADVICE
from spikelet_converters.frontends.values import Value, free_name

Weights: TypeAlias = npt.NDArray[np.float32]
Sizes: TypeAlias = int | Sequence[int]

IDENTITY = ("dropout", "dropout_", "contiguous", "clone", "alias", "detach", "_to_copy", "lift_fresh_copy")


def read(program: torch.export.ExportedProgram, preprocessing: Preprocessing) -> Source:
    """Import a program with one batched input.

    Raises:
        ConversionError: The program has more than one input, or a call has no spiking form. The message names the
            call and its location.
    """
    signature = program.graph_signature
    names = list(signature.user_inputs)
    nodes = {node.name: node for node in program.graph.nodes}
    if len(names) != 1 or "val" not in nodes[str(names[0])].meta:
        raise ConversionError(f"the program takes {len(names)} inputs; a bundle has one")
    shape = tuple(int(size) for size in nodes[str(names[0])].meta["val"].shape[1:])
    builder = Builder(shape, calibrate=True)
    reader = _Reader(builder)
    for node, target in {**signature.inputs_to_parameters, **signature.inputs_to_buffers}.items():
        tensor = program.state_dict.get(target, program.constants.get(target))
        assert isinstance(tensor, torch.Tensor)
        reader.constants[node] = tensor.detach().numpy()
    for node, target in signature.inputs_to_lifted_tensor_constants.items():
        reader.constants[node] = np.asarray(program.constants[target])
    reader.values[str(names[0])] = preprocessing.start(builder)
    for step in program.graph.nodes:
        reader.read(step)
    network = program.module()

    @torch.no_grad()
    def predict(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        fixed = program.graph_signature and isinstance(nodes[str(names[0])].meta["val"].shape[0], int)
        batch = int(nodes[str(names[0])].meta["val"].shape[0]) if fixed else len(inputs)
        parts = []
        for start in range(0, len(inputs), batch):
            part = inputs[start : start + batch]
            short = batch - len(part)  # a program may be exported for a fixed batch size
            padded = np.concatenate([part, np.repeat(part[-1:], short, axis=0)])
            parts.append(network(torch.from_numpy(np.ascontiguousarray(padded))).numpy()[: len(part)])
        return np.concatenate(parts)

    return finished("torch.export program", builder, predict, preprocessing)


class _Reader:
    """Adds calls to a builder, one after another."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.constants: dict[str, Weights] = {}
        self.values: dict[str, Value] = {}

    def read(self, step: fx.Node) -> None:
        if step.op == "placeholder":
            return
        live = [self.values[source.name] for source in step.all_input_nodes if source.name in self.values]
        if step.op == "output":
            self.builder.output(live)
            return
        packet = getattr(step.target, "overloadpacket", None)
        kind = packet.__name__ if packet is not None else getattr(step.target, "__name__", str(step.target))
        where = f"`{kind}` at node {step.name} of the exported program{_module(step)}"
        if not live:
            raise ConversionError(f"{where}: computes a constant; fold it into the weights before the export")
        name = free_name(_name(step), self.builder.nodes)
        if kind in IDENTITY:
            self.values[step.name] = live[0]
            return
        if kind == "getitem":
            self.values[step.name] = live[0]
            return
        handler: Callable[..., Value] | None = getattr(self, f"_{kind.strip('_')}", None)
        if handler is None:
            raise ConversionError(f"{where}: {ADVICE.get(kind, UNKNOWN)}")
        arguments = [self._argument(argument) for argument in step.args]
        self.values[step.name] = handler(name, where, live, *arguments[1:], step=step)

    def _argument(self, value: object) -> object:
        return self.constants.get(value.name, value) if isinstance(value, fx.Node) else value

    def _conv2d(
        self, name: str, where: str, live: list[Value], weight: Weights, bias: Weights | None = None,
        stride: Sizes = (1, 1), padding: Sizes | str = (0, 0), dilation: Sequence[int] = (1, 1), groups: int = 1,
        **_: object,
    ) -> Value:  # fmt: skip
        kernel = weight.shape[2:]
        if padding == "same" and _pair(stride) == (1, 1) and all(size % 2 for size in kernel):
            padding = tuple(size // 2 for size in kernel)
        if any(d != 1 for d in dilation) or isinstance(padding, str):
            raise ConversionError(f"{where}: dilation {list(dilation)}, padding {padding!r}; expected dilation 1")
        return self.builder.conv(name, where, weight, bias, _pair(stride), _pair(padding), groups, live[0])

    def _linear(
        self, name: str, where: str, live: list[Value], weight: Weights, bias: Weights | None = None, **_: object
    ) -> Value:
        return self.builder.linear(name, where, weight, bias, live[0])

    def _batch_norm(
        self, name: str, where: str, live: list[Value], gamma: Weights | None, beta: Weights,
        mean: Weights, var: Weights, training: bool, momentum: float, eps: float, *_: object, step: fx.Node,
    ) -> Value:  # fmt: skip
        if training:
            raise ConversionError(f"{where}: normalises by the batch; export the network in evaluation mode")
        if any(len(source.users) > 1 for source in step.all_input_nodes if source.name in self.values):
            raise ConversionError(
                f"{where}: the layer before it has other consumers, so it cannot be folded into the weights"
            )
        gain = 1 / np.sqrt(np.asarray(var, np.float64) + eps)
        shift = -mean * gain
        if gamma is not None:
            gain, shift = gain * gamma, shift * gamma + beta
        return self.builder.affine(where, gain, shift, live[0])

    def _relu(self, name: str, where: str, live: list[Value], **_: object) -> Value:
        return self.builder.relu(name, where, None, live[0])

    def _clamp(
        self, name: str, where: str, live: list[Value], low: float | None = None, high: float | None = None, **_: object
    ) -> Value:
        if low != 0:
            raise ConversionError(f"{where}: clips from {low}; expected from 0, as a rectifier does")
        return self.builder.relu(name, where, None if high is None else float(high), live[0])

    _hardtanh = _clamp

    def _relu6(self, name: str, where: str, live: list[Value], **_: object) -> Value:
        return self.builder.relu(name, where, 6.0, live[0])

    def _avg_pool2d(
        self, name: str, where: str, live: list[Value], kernel: Sizes, stride: Sizes = (), padding: Sizes = (0, 0),
        ceil: bool = False, *_args: object, **_: object,
    ) -> Value:  # fmt: skip
        if any(_pair(padding)) or ceil:
            raise ConversionError(f"{where}: padding and ceil_mode have no node; pad the image instead")
        return self.builder.pool(name, where, _pair(kernel), _pair(stride or kernel), live[0])

    def _adaptive_avg_pool2d(self, name: str, where: str, live: list[Value], size: Sizes, **_: object) -> Value:
        if _pair(size) != (1, 1):
            raise ConversionError(f"{where}: expected output size 1")
        kernel = live[0].shape[1], live[0].shape[2]
        return self.builder.pool(name, where, kernel, kernel, live[0])

    def _mean(
        self, name: str, where: str, live: list[Value], axes: Sequence[int], keep: bool = False, **_: object
    ) -> Value:
        if sorted(a % 4 for a in axes) != [2, 3] or len(live[0].shape) != 3:
            raise ConversionError(f"{where}: a mean over axes {list(axes)} has no node; expected height and width")
        pooled = self._adaptive_avg_pool2d(name, where, live, 1)
        return pooled if keep else self.builder.flatten(f"{name}.flat", where, pooled)

    def _flatten(self, name: str, where: str, live: list[Value], start: int = 0, end: int = -1, **_: object) -> Value:
        if start != 1 or end not in (-1, len(live[0].shape)):
            raise ConversionError(f"{where}: flattens axes {start} to {end}; expected all but the batch")
        return self.builder.flatten(name, where, live[0])

    def _view(self, name: str, where: str, live: list[Value], sizes: Sequence[int], **_: object) -> Value:
        if len(sizes) != 2 or sizes[1] not in (-1, int(np.prod(live[0].shape))):
            raise ConversionError(f"{where}: reshapes to {list(sizes)}; expected (N, -1), which flattens")
        return self.builder.flatten(name, where, live[0])

    _reshape = _view

    def _add(self, name: str, where: str, live: list[Value], other: object, **_: object) -> Value:
        if len(live) != 2:
            raise ConversionError(f"{where}: adds a constant; give the layer before it a bias")
        return self.builder.add(name, where, live)

    def _sub(self, name: str, where: str, live: list[Value], other: object, **_: object) -> Value:
        return self.builder.normalise(where, self._of_input(where, "sub", live, other), 1.0, live[0])

    def _div(self, name: str, where: str, live: list[Value], other: object, **_: object) -> Value:
        return self.builder.normalise(where, 0.0, self._of_input(where, "mul", live, other), live[0])

    def _mul(self, name: str, where: str, live: list[Value], other: object, **_: object) -> Value:
        return self.builder.normalise(where, 0.0, 1 / self._of_input(where, "mul", live, other), live[0])

    def _of_input(self, where: str, kind: str, live: list[Value], other: object) -> npt.NDArray[np.float64]:
        """A constant of the input's normalisation, () or (C,)."""
        array = np.asarray(other, np.float64) if isinstance(other, int | float | np.ndarray) else None
        if len(live) != 1 or live[0].node != "input" or array is None:
            raise ConversionError(f"{where}: {ADVICE[kind]}")
        return array.reshape(()) if array.size == 1 else array.ravel()


def _module(step: fx.Node) -> str:
    stack = step.meta.get("nn_module_stack") or {}
    path = [str(entry[0]) for entry in stack.values() if entry[0]]
    return f" (module {path[-1]})" if path else ""


def _name(step: fx.Node) -> str:
    stack = step.meta.get("nn_module_stack") or {}
    path = [str(entry[0]) for entry in stack.values() if entry[0]]
    return path[-1].removeprefix("L['self'].") if path else step.name


def _pair(value: Sizes) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return int(value[0]), int(value[-1])
