"""Reduce a network with the loop over time in its `forward` to one time-step.

A traced loop calls every neuron T times. Its calls are merged into the first one if all of them have the same input, up
to the frame x[t] of a sequence, and the state of the call before. Spikes that are stacked, summed or averaged over the
T calls are then the spikes of one time-step: logits are summed over time by the engine.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import fx

from spikelet.errors import ConversionError
from spikelet_converters.frontends.torch.frames import frames_of
from spikelet_converters.frontends.torch.totals import (
    ASSIGN,
    MEAN,
    REDUCE,
    UNSQUEEZE,
    Layer,
    Total,
    Totals,
    axis_of,
)
from spikelet_converters.frontends.values import Ending

ADVICE = (
    "pass a module that computes one time-step: forward(x) without the loop over time, whose neurons store their states"
)


@dataclass(frozen=True)
class Reduced:
    """A loop over time-steps that was reduced to one of them.

    Attributes:
        steps: Number of time-steps of the loop, or of the repeated input; 1 if there is neither.
        frames: Axis of the input along which the loop reads one frame at each time-step, None for a constant input.
        divisor: Divisor of the sum over the time-steps, nested as the outputs of the network.
        axis: Axis along which the time-steps are stacked, or None, nested likewise.
        ending: Function of the sum or mean over the time-steps that the network returns.
    """

    steps: int = 1
    frames: int | None = None
    divisor: object = 1.0
    axis: object = None
    ending: Ending = "logits"


class _Loop:
    """Merges the calls of a traced graph.

    Attributes:
        steps: Number of calls of every neuron, T.
        axis: Axis of the input along which the loop reads frames, None for a constant input.
        frames: The frame of the input that a node reads.
        totals: Sums, means and stacks of a value over the calls.
    """

    def __init__(self, graph: fx.Graph, is_neuron: Callable[[fx.Node], bool], layer: Layer) -> None:
        self.graph = graph
        self.is_neuron = is_neuron
        self.first: dict[str, fx.Node] = {}
        self.calls: dict[str, int] = {}
        self.seen: dict[object, fx.Node] = {}
        calls = Counter(str(node.target) for node in graph.nodes if is_neuron(node))
        self.axis, self.frames = frames_of(graph, max(calls.values()))
        self.totals = Totals(layer)

    @property
    def steps(self) -> int:
        return max(self.calls.values())

    def merge(self) -> None:
        """Merge the calls of every neuron, then all other calls with equal arguments."""
        for node in list(self.graph.nodes):
            if self.is_neuron(node):
                self._neuron(node)
            elif node.op not in ("placeholder", "output") and not self._frame(node) and not self.totals.record(node):
                key = _signature(node)
                if key is not None and self.seen.setdefault(key, node) is not node:
                    self._replace(node, self.seen[key])

    def _neuron(self, node: fx.Node) -> None:
        name = str(node.target)
        first = self.first.setdefault(name, node)
        self.calls[name] = self.calls.get(name, 0) + 1
        if first is node:
            return
        if node.args[:1] != first.args[:1]:
            raise ConversionError(
                f"module {name}: is called with another input at time-step {self.calls[name]} than at the first; "
                f"{ADVICE}"
            )
        if not all(_is_state(argument, first) for argument in node.args[1:]):
            raise ConversionError(f"module {name}: its state is not that of the call before; {ADVICE}")
        self._replace(node, first)

    def _frame(self, node: fx.Node) -> bool:
        """Replace the frame x[t] of the input by the input."""
        if node not in self.frames:
            return False
        source = node.args[0]
        assert isinstance(source, fx.Node)
        self._replace(node, source)
        return True

    def finish(self) -> Reduced:
        """Return the spikes of one time-step instead of those of all calls, and remove unused nodes."""
        different = sorted({name for name, count in self.calls.items() if count != self.steps})
        if different:
            raise ConversionError(
                f"module {different[0]}: is called {self.calls[different[0]]} times, others {self.steps} times; "
                f"{ADVICE}"
            )
        if self.frames and set(self.frames.values()) != set(range(self.steps)):
            count = len(set(self.frames.values()))
            raise ConversionError(f"the loop reads {count} frames in {self.steps} time-steps; {ADVICE}")
        output = next(node for node in self.graph.nodes if node.op == "output")
        ending = self.totals.ending_of(output.args[0])
        if ending != "logits":
            output.args = (output.args[0].args[0],)
        divisor, axis = (
            fx.node.map_aggregate(output.args[0], functools.partial(self._entry, name)) for name in ("divisor", "axis")
        )
        output.args = (fx.node.map_aggregate(output.args[0], self._one_step),)
        for node in reversed(list(self.graph.nodes)):
            if not node.users and node.op not in ("placeholder", "output"):
                self.graph.erase_node(node)
        self._refuse_totals()
        return Reduced(self.steps, self.axis, divisor, axis, ending)

    def _entry(self, name: str, value: fx.node.Argument) -> fx.node.Argument:
        total = self.totals.of(value)
        return getattr(Total(value, 1, None) if total is None else total, name)  # type: ignore[arg-type]

    def _one_step(self, value: fx.node.Argument) -> fx.node.Argument:
        if not isinstance(value, fx.Node) or value not in self.totals:
            return value
        total = self.totals[value]
        if total.count != self.steps:
            raise ConversionError(f"the output collects {total.count} of {self.steps} time-steps; {ADVICE}")
        return total.value

    def _refuse_totals(self) -> None:
        """Raise ConversionError for a call that takes the spikes of all time-steps."""
        for node in self.graph.nodes:
            total = self.totals.of(node)
            if total is None or total.value is node:
                continue
            if total.value.target is operator.getitem and total.value.args[1] != 0:
                continue  # a potential, which the import refuses
            user = next(iter(node.users))
            raise ConversionError(
                f"`{user.name}`: takes the outputs of all time-steps; expected the network to return their sum, mean "
                "or stack, or linear layers after the mean; leave out a softmax at the end"
            )

    def _replace(self, node: fx.Node, other: fx.Node) -> None:
        node.replace_all_uses_with(other)
        self.graph.erase_node(node)


class _Repetition:
    """The axis of time of a network that repeats its input, as SpikingJelly's in multi-step mode.

    `x.unsqueeze(0).repeat(T, 1, …)` adds it, and `mean(0)` or `sum(0)` of the output removes it. Between them, every
    layer works on each time-step.
    """

    def __init__(self) -> None:
        self.axis = False
        self.steps = 0
        self.divisor = 1

    def visit(self, node: fx.Node) -> bool:
        """Follow the axis of time; return whether the call adds or removes it and can be omitted for one time-step."""
        if node.target in UNSQUEEZE and axis_of(node, None) == 0:
            self.axis = all(user.target in ("repeat", "expand") for user in node.users)
            return self.axis
        if self.axis and not self.steps and node.target in ("repeat", "expand"):
            sizes = node.args[1:] if len(node.args) > 2 else node.args[1]
            if isinstance(sizes, tuple | list) and isinstance(sizes[0], int) and set(sizes[1:]) <= {1, -1}:
                self.steps = sizes[0]
                return True
        if not self.steps or node.target not in REDUCE or axis_of(node, None) != 0:
            return False
        self.divisor = self.steps if node.target in MEAN else 1
        return True


def one_step(graph: fx.Graph, is_neuron: Callable[[fx.Node], bool], layer: Layer) -> Reduced:
    """Reduce the loop over time of a traced graph to one time-step, in place.

    Args:
        graph: The traced graph.
        is_neuron: Whether a node calls a neuron, which has a state.
        layer: The layer that a node calls.

    Raises:
        ConversionError: The calls differ, so that the loop is not one over time.
    """
    repetition = _Repetition()
    for node in list(graph.nodes):
        if repetition.visit(node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    calls = [str(node.target) for node in graph.nodes if is_neuron(node)]
    if len(calls) == len(set(calls)):
        if any(node.target is ASSIGN for node in graph.nodes):
            raise ConversionError(f"the network assigns to parts of a value, which has no spiking form here; {ADVICE}")
        return Reduced(max(1, repetition.steps), None, float(repetition.divisor))
    loop = _Loop(graph, is_neuron, layer)
    loop.merge()
    return loop.finish()


def _is_state(argument: object, neuron: fx.Node) -> bool:
    """Return whether an argument is a state that a neuron returned."""
    return isinstance(argument, fx.Node) and argument.target is operator.getitem and argument.args[0] is neuron


def _signature(node: fx.Node) -> object | None:
    """Return a value that is equal for equal calls, or None if they cannot be compared."""
    key = (node.op, node.target, _frozen(node.args), _frozen(node.kwargs.items()))
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _frozen(values: Iterable[object]) -> tuple[object, ...]:
    return tuple(_frozen(value) if isinstance(value, list | tuple) else value for value in values)
