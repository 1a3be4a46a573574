"""Values of a traced graph as polynomials of other values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import fx, nn

from spikelet_converters.frontends.torch.calls import name_of
from spikelet_converters.frontends.torch.casts import CASTS, is_exact
from spikelet_converters.frontends.torch.constants import attribute
from spikelet_converters.frontends.torch.totals import ZEROS

Term: TypeAlias = tuple[fx.Node, ...]
Polynomial: TypeAlias = dict[Term, float]  # factors by product of values; () is the constant

SAME = ("clone", "contiguous", "detach")
"""Operations whose output has the numbers of their input, besides casts."""

_SCALED = ("add", "sub", "rsub")  # the second value may have a factor, alpha
_MOST_TERMS = 16


class Polynomials:
    """Polynomials of the values of a traced graph.

    Attributes:
        network: The network.
        atoms: Values that are not expanded.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.atoms: frozenset[fx.Node] = frozenset()
        self.known: dict[fx.Node, Polynomial] = {}
        self.numbers: dict[fx.Node, float | None] = {}

    def stop(self, *atoms: Collection[fx.Node]) -> None:
        """Do not expand these values."""
        self.atoms = frozenset(node for nodes in atoms for node in nodes)
        self.known = {}

    def potential(self, value: object, bound: object) -> tuple[fx.Node, float] | None:
        """Return (v, theta) of a comparison v > theta, also in the form a v - b > 0, or None for another one."""
        limit = self._number(bound)
        if self._number(value) is not None:
            return None
        while limit is not None and isinstance(value, fx.Node):
            kind, args = name_of(value.target), value.args
            other = self._number(args[1]) if len(args) == 2 and not value.kwargs else None
            if _is_same(kind, value):
                value = args[0]
            elif other is None or not isinstance(args[0], fx.Node) or kind not in ("add", "div", "mul", "sub"):
                return value, limit
            elif kind in ("add", "sub"):
                value, limit = args[0], limit + (other if kind == "sub" else -other)
            elif other > 0:
                value, limit = args[0], limit * other if kind == "div" else limit / other
            else:
                return value, limit
        return None

    def of(self, value: object, *, expand: bool = False) -> Polynomial:
        """Return the polynomial of a value; with `expand` also of one that is not expanded elsewhere."""
        number = self._number(value)
        if number is not None:
            return {(): number} if number else {}
        assert isinstance(value, fx.Node)
        if value in self.atoms and not expand:
            return {(value,): 1.0}
        if value not in self.known:
            terms = self._expanded(value)
            self.known[value] = {(value,): 1.0} if terms is None or len(terms) > _MOST_TERMS else terms
        return self.known[value]

    def _expanded(self, node: fx.Node) -> Polynomial | None:
        if node.op not in ("call_function", "call_method"):
            return None
        kind, args = name_of(node.target), node.args
        if _is_same(kind, node):
            return self.of(args[0])
        scale = node.kwargs.get("alpha", 1)
        if not isinstance(scale, int | float) or (node.kwargs and (kind not in _SCALED or [*node.kwargs] != ["alpha"])):
            return None
        if not all(isinstance(value, fx.Node | int | float) for value in args):
            return None
        match kind, len(args):
            case ("bitwise_not" | "logical_not", 1) if args[0] in self.atoms:
                return _sum({(): 1.0}, _product(self.of(args[0]), {(): -1.0}))
            case ("where", 3):
                return self._chosen(args[0], args[1], args[2])
            case ("masked_fill", 3):
                return self._chosen(args[1], args[2], args[0])
        return self._arithmetic(kind, args, scale)

    def _arithmetic(self, kind: str, args: Sequence[Any], scale: float) -> Polynomial | None:
        """Return the polynomial of an operation; `scale` is the factor on the second summand."""
        match kind, len(args):
            case (name, 2) if name in _SCALED:
                factors = {"add": (1, scale), "sub": (1, -scale), "rsub": (-scale, 1)}[kind]
                return self._weighted(args, factors)
            case ("lerp", 3) if (weight := self._number(args[2])) is not None:
                return self._weighted(args[:2], (1 - weight, weight))
            case ("mul", 2):
                return _product(self.of(args[0]), self.of(args[1]))
            case ("div" | "true_divide", 2) if divisor := self._number(args[1]):
                return _product(self.of(args[0]), {(): 1 / divisor})
            case ("neg" | "negative", 1):
                return _product(self.of(args[0]), {(): -1.0})
        return None

    def _weighted(self, args: Sequence[Any], factors: tuple[float, float]) -> Polynomial:
        """Return the sum of two values, each multiplied by a number."""
        first, second = (_product(self.of(value), {(): factor}) for value, factor in zip(args, factors, strict=True))
        return _sum(first, second)

    def _chosen(self, mask: object, held: object, other: object) -> Polynomial | None:
        chosen = self.of(mask)
        if not isinstance(mask, fx.Node) or mask not in self.atoms:
            return None
        rest = _sum({(): 1.0}, _product(chosen, {(): -1.0}))
        return _sum(_product(chosen, self.of(held)), _product(rest, self.of(other)))

    def _number(self, value: object) -> float | None:
        """Return a constant of the network as a number, None for another value."""
        if isinstance(value, int | float):
            return float(value)
        if not isinstance(value, fx.Node):
            return None
        if value not in self.numbers:
            self.numbers[value] = self._constant(value)
        return self.numbers[value]

    def _constant(self, value: fx.Node) -> float | None:
        if value.op == "get_attr":
            tensor = attribute(self.network, str(value.target)).detach()
            return float(tensor.reshape(-1)[0]) if tensor.numel() == 1 or not tensor.any() else None
        if value.op in ("call_function", "call_method") and name_of(value.target) in ZEROS:
            return 0.0
        return self._function_of_numbers(value)

    def _function_of_numbers(self, node: fx.Node) -> float | None:
        """Return a function of the numbers of the network, such as the clamp of a parameter."""
        numbers = [self._number(argument) for argument in node.args]
        if not node.all_input_nodes or None in numbers or node.kwargs:
            return None
        first, *others = numbers
        tensor = torch.tensor(first, dtype=torch.float64)
        function = node.target if callable(node.target) else getattr(torch.Tensor, str(node.target), None)
        try:
            return float(function(tensor, *others)) if function is not None else None
        except (RuntimeError, TypeError, ValueError):
            return None


def _is_same(kind: str, node: fx.Node) -> bool:
    """Return whether a call returns the numbers of its first argument."""
    if node.op not in ("call_function", "call_method"):
        return False
    others = [value for value in (*node.args[1:], *node.kwargs.values()) if not isinstance(value, fx.Node)]
    return kind in SAME or (kind in CASTS and is_exact(kind, others))


def _sum(first: Mapping[Term, float], second: Mapping[Term, float]) -> Polynomial:
    total = dict(first)
    for term, factor in second.items():
        total[term] = total.get(term, 0.0) + factor
    return {term: factor for term, factor in total.items() if factor}


def _product(first: Mapping[Term, float], second: Mapping[Term, float]) -> Polynomial:
    total: Polynomial = {}
    for term, factor in first.items():
        for other, other_factor in second.items():
            joined = tuple(sorted((*term, *other), key=lambda node: node.name))
            total = _sum(total, {joined: factor * other_factor})
    return total
