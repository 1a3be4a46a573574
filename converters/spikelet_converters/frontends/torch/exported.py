"""Import torch.export programs with the ATen calls of plain networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import fx

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.fixed_batch import in_batches
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.refusals import DATA, IN_PLACE, UNKNOWN
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.source import Preprocessing, Source, as_taken, build, finished
from spikelet_converters.frontends.torch import classes, in_place, regions, stacks, straight_through
from spikelet_converters.frontends.torch.calls import (
    Call,
    bound,
    by_schema,
    name_of,
    resolved,
    values_of,
)
from spikelet_converters.frontends.torch.constants import constant, evaluated, without_values
from spikelet_converters.frontends.torch.dispatch import HANDLERS, IDENTITY, added, returned
from spikelet_converters.frontends.torch.outputs import alone, chosen, last, needed
from spikelet_converters.frontends.values import BATCH, PoolForm, Value, free_name

_ASSIGNS_DATA = "_has_compatible_shallow_copy_type"  # what torch records of `y.data = x`: not that y is x then


def read(
    program: torch.export.ExportedProgram, preprocessing: Preprocessing, *, max_pools: PoolForm = "or",
    output: str | None = None,
) -> Source:  # fmt: skip
    """Import a program with one batched input.

    Args:
        program: The program.
        preprocessing: Normalisation of the input.
        max_pools: Form of max pools: "or" (neurons that fire if one of their inputs fires), "pairs" or "average".
        output: Index of the output to convert, from 0, for a program with several.

    Raises:
        ConversionError: The program has more than one input, or a call has no spiking form. The message names the
            call and its location.
    """
    shape, fixed = entry_of(program)

    def layers(builder: Builder, x: Value) -> None:
        add(program, builder, x, output=output)

    builder = build(shape, layers, preprocessing, max_pools=max_pools)
    network = program.module()

    @torch.no_grad()
    def predict(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        def run(part: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            outputs: torch.Tensor = chosen(network(torch.from_numpy(np.ascontiguousarray(part))), output)
            return outputs.numpy()

        return in_batches(run, as_taken(inputs, shape), fixed)

    return finished("torch.export program", builder, predict, preprocessing)


def entry_of(program: torch.export.ExportedProgram) -> tuple[Shape, int | None]:
    """Shape of one input, and the fixed size of the batch or None.

    Raises:
        ConversionError: The program takes several inputs or none.
    """
    names = list(program.graph_signature.user_inputs)
    nodes = {node.name: node for node in program.graph.nodes}
    if len(names) != 1 or "val" not in nodes[str(names[0])].meta:
        raise ConversionError(f"the program takes {len(names)} inputs; a bundle has one")
    batch, *shape = nodes[str(names[0])].meta["val"].shape
    return tuple(int(size) for size in shape), batch if isinstance(batch, int) else None


def add(program: torch.export.ExportedProgram, builder: Builder, start: Value, *, output: str | None = None) -> None:
    """Add a program to a builder that has the normalised input.

    Raises:
        ConversionError: As `read`.
    """
    reader = _Reader(builder, entry_of(program)[1], output)
    for step in program.graph.nodes:
        if _kind(step) == _ASSIGNS_DATA:  # the assignment itself is not in the program
            raise ConversionError(f"`data` at node {step.name} of the exported program{_module(step)}: {DATA}")
    program = in_place.functional(program)
    signature = program.graph_signature
    for node, target in {**signature.inputs_to_parameters, **signature.inputs_to_buffers}.items():
        tensor = program.state_dict.get(target, program.constants.get(target))
        assert isinstance(tensor, torch.Tensor)
        reader.values[node] = constant(tensor)
    for node, target in signature.inputs_to_lifted_tensor_constants.items():
        value = program.constants[target]
        assert isinstance(value, torch.Tensor)
        reader.values[node] = constant(value)
    reader.values[str(signature.user_inputs[0])] = start
    calls = regions.inlined(program.graph_module)
    changed = None if calls is program.graph else in_place.conflict(calls, {})
    if changed is not None:
        raise ConversionError(f"`{_kind(changed)}` at node {changed.name} of the exported program: {IN_PLACE}")
    graph = classes.replaced(straight_through.removed(calls))
    (returned,) = (step for step in graph.nodes if step.op == "output")
    results = list(returned.args[0])[-len(signature.user_outputs) :]  # after those that are written to buffers
    returned.args = (results,)
    used = needed(results if output is None else chosen(results, output))
    for step in graph.nodes:
        if step in used or step.op == "output":
            reader.read(step)


class _Reader:
    """Adds calls to a builder, one after another."""

    def __init__(self, builder: Builder, batch: int | None, output: str | None) -> None:
        self.builder = builder
        self.batch = batch
        self.output = output
        self.values: dict[str, object] = {}

    def read(self, step: fx.Node) -> None:
        """Add one call."""
        if step.op == "placeholder":
            return
        if step.op == "output":
            results = list(self._resolved(step.args)[0])
            stacks.check(results)
            returned(self.builder, values_of(results if self.output is None else chosen(results, self.output)))
            return
        self.values[step.name] = self._value(step)

    def _value(self, step: fx.Node) -> object:
        packet = getattr(step.target, "overloadpacket", None)
        kind = packet.__name__ if packet is not None else name_of(step.target)
        where = f"`{kind}` at node {step.name} of the exported program{_module(step)}"
        args, kwargs = self._resolved(step.args), self._resolved(step.kwargs)
        assert isinstance(args, tuple)
        assert isinstance(kwargs, dict)
        kind = kind if kind in HANDLERS else kind.rstrip("_")
        args = without_values(kind, args)
        if kind in ("getitem", "sym_size"):
            stacks.check(args[0])
        if kind == "getitem":
            return args[0][args[1]] if isinstance(args[0], list | tuple) else args[0]
        if kind == "sym_size":
            return (BATCH, *sizes(args[0]))[args[1]]
        if not values_of(list(args)) and not values_of(list(kwargs.values())):
            return evaluated(where, step, args, kwargs, self.batch)
        schema = getattr(step.target, "_schema", None)
        arguments = by_schema(schema, args, kwargs) if schema is not None else bound(step.target, args, kwargs)
        if kind not in HANDLERS or arguments is None:
            raise ConversionError(f"{where}: {ADVICE.get(kind, UNKNOWN)}")
        name = free_name(_name(step), self.builder.nodes)
        is_alone = alone(step, lambda other: self.values.get(other.name))
        is_last = last(step, _is_identity, _kind)
        return added(Call(kind, name, where, self.builder, arguments, is_alone, is_last, self.batch))

    def _resolved(self, value: object) -> Any:
        return resolved(value, lambda node: self.values.get(node.name))


def _is_identity(step: fx.Node) -> bool:
    packet = getattr(step.target, "overloadpacket", None)
    return packet is not None and packet.__name__.rstrip("_") in IDENTITY


def _kind(step: fx.Node) -> str:
    """Return the name of the operation of a call, "" for another function."""
    return str(getattr(getattr(step.target, "overloadpacket", None), "__name__", ""))


def _module(step: fx.Node) -> str:
    stack = step.meta.get("nn_module_stack") or {}
    path = [str(entry[0]) for entry in stack.values() if entry[0]]
    return f" (module {path[-1]})" if path else ""


def _name(step: fx.Node) -> str:
    stack = step.meta.get("nn_module_stack") or {}
    path = [str(entry[0]) for entry in stack.values() if entry[0]]
    return path[-1].removeprefix("L['self'].") if path else step.name
