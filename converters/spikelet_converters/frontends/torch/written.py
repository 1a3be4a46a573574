"""Recognise neurons that a network writes out in a loop over time-steps, such as

    v = beta * v + layer(x)
    s = (v >= theta).float()
    v = v - theta * s

A potential that is compared with a threshold is a polynomial of the potential and the spikes of the time-step before,
and of currents. Where all time-steps of such a chain have the same coefficients, every comparison becomes the call of
one module, `Written`. The loop is then one of a framework's neurons, see `time_loop`.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from torch import fx, nn

from spikelet.errors import ConversionError
from spikelet.nodes.neuron import Reset, Tie
from spikelet_converters.frontends.frameworks.written import Written
from spikelet_converters.frontends.torch.calls import name_of
from spikelet_converters.frontends.torch.casts import CASTS
from spikelet_converters.frontends.torch.polynomials import SAME, Polynomials, Term
from spikelet_converters.frontends.torch.totals import ASSIGN, ZEROS
from spikelet_converters.frontends.values import free_name

_TIES: dict[str, Tie] = {"ge": ">=", "greater_equal": ">=", "gt": ">", "greater": ">"}
_SAME = (*CASTS, *SAME)
_CLOSE = 1e-6
_EXPECTED = "expected spikes s = (v >= theta) and a reset v - theta s, or v (1 - s)"


@dataclass(frozen=True)
class _Update:
    """The potential that is compared at one time-step.

    Attributes:
        spikes: The comparison.
        potential: The value that is compared.
        theta: Threshold.
        tie: Whether it fires at the threshold.
        before: The comparison of the time-step before, None at the first.
        decay: Factor on the potential before.
        subtracted: Factor on the spikes before.
        erased: Factor on the product of both.
        currents: Factors on the currents.
    """

    spikes: fx.Node
    potential: fx.Node
    theta: float
    tie: Tie
    before: fx.Node | None
    decay: float
    subtracted: float
    erased: float
    currents: Mapping[fx.Node, float]


def recognised(network: nn.Module, graph: fx.Graph) -> tuple[nn.Module, frozenset[str]]:
    """Replace the neurons of a traced graph that are written out by calls of modules, in place.

    Args:
        network: The network.
        graph: Its calls.

    Returns:
        The network with these modules, and their names; the network itself if there are none.

    Raises:
        ConversionError: A potential has another reset, or is used after the loop.
    """
    _simplify(graph)
    extended = copy.copy(network)
    extended._modules = dict(network._modules)
    names: list[str] = []
    potentials: list[fx.Node] = []
    for chain in _chains(_updates(network, graph)):
        module = _module(chain) if len(chain) > 1 else None
        if module is None:
            continue
        name = free_name(f"neurons{len(names) + 1}", extended._modules)
        extended._modules[name] = module
        names.append(name)
        potentials += [update.potential for update in chain if update.potential not in update.currents]
        for update in chain:
            _replace(graph, name, update)
    if not names:
        return network, frozenset()
    for node in reversed(list(graph.nodes)):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)
    used = set(potentials).intersection(graph.nodes)
    if used:
        raise ConversionError(
            f"the potential `{min(node.name for node in used)}` is used after its spikes, and a bundle does not return "
            "potentials; expected the spikes, or a sum over time of the outputs of a linear layer as the readout"
        )
    return extended, frozenset(names)


def _simplify(graph: fx.Graph) -> None:
    """Replace other forms of a comparison by it, and assignments where it holds by functions.

    These forms are its casts, comparisons of its spikes with a number, and `spikes[v > 0] = 1` of zeros.
    `v[spikes] = 0` becomes `v = v.masked_fill_(spikes, 0)`.
    """
    order = {node: index for index, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        if node.target is ASSIGN:
            _assignment(graph, node, order)
        elif node.args and _compares(node.args[0]) and _is_same(node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)


def _assignment(graph: fx.Graph, node: fx.Node, order: Mapping[fx.Node, int]) -> None:
    base, mask, value = node.args
    if not isinstance(base, fx.Node) or not _compares(mask) or not isinstance(value, int | float):
        return
    unread = all(order.get(user, -1) >= order[node] for user in base.users)
    if _kind(base) in ZEROS and value == 1 and unread:
        graph.erase_node(node)
        base.replace_all_uses_with(mask)
        graph.erase_node(base)
        return
    with graph.inserting_before(node):
        filled = graph.call_method("masked_fill_", (base, mask, float(value)))
    filled.meta = dict(node.meta)
    graph.erase_node(node)
    base.replace_all_uses_with(filled, delete_user_cb=lambda user: order.get(user, -1) > order[node])


def _compares(value: object) -> TypeGuard[fx.Node]:
    return isinstance(value, fx.Node) and _kind(value) in _TIES


def _kind(node: fx.Node) -> str:
    """Return the name of the operation of a call, "" for a module."""
    return name_of(node.target) if node.op in ("call_function", "call_method") else ""


def _is_same(node: fx.Node) -> bool:
    """Return whether a call returns the spikes that it takes."""
    kind = _kind(node)
    number = node.args[1] if len(node.args) == 2 else None
    if isinstance(number, int | float):
        above = {"ge": 0 < number <= 1, "gt": 0 <= number < 1, "eq": number == 1, "ne": number == 0}
        return above.get(kind, False)
    return kind in _SAME


def _updates(network: nn.Module, graph: fx.Graph) -> dict[fx.Node, _Update]:
    """Return the update of every comparison of a value with a number, in the order of the graph."""
    polynomials = Polynomials(network)
    compared: dict[fx.Node, tuple[fx.Node, float]] = {}
    same: dict[object, fx.Node] = {}
    for node in list(graph.nodes):
        if _kind(node) not in _TIES or len(node.args) != 2:
            continue
        potential = polynomials.potential(node.args[0], node.args[1])
        first = same.setdefault((_kind(node), potential), node)
        if potential is not None and first is not node:  # the reset of the time-step before
            node.replace_all_uses_with(first)
            graph.erase_node(node)
        elif potential is not None:
            compared[node] = potential
    polynomials.stop(compared, [potential for potential, _ in compared.values()])
    by_potential = {potential: node for node, (potential, _) in compared.items()}
    return {
        node: _update(node, potential, theta, polynomials.of(potential, expand=True), by_potential)
        for node, (potential, theta) in compared.items()
    }


def _update(
    node: fx.Node,
    potential: fx.Node,
    theta: float,
    terms: Mapping[Term, float],
    by_potential: Mapping[fx.Node, fx.Node],
) -> _Update:
    """Return the update whose potential is a polynomial; without currents if it is that of no neuron."""
    tie = _TIES[_kind(node)]
    potentials = [term[0] for term in terms if len(term) == 1 and term[0] in by_potential and term[0] is not potential]
    if not potentials:
        before, known = None, {}
        decay = subtracted = erased = 0.0
    else:
        v, before = potentials[0], by_potential[potentials[0]]
        product = tuple(sorted((v, before), key=lambda value: value.name))
        known = {term: terms.get(term, 0.0) for term in ((v,), (before,), product)}
        decay, subtracted, erased = known.values()
    currents = {term[0]: factor for term, factor in terms.items() if len(term) == 1 and term not in known}
    if len(potentials) > 1 or len(currents) + len(known.keys() & terms.keys()) < len(terms):
        currents = {}
    return _Update(node, potential, theta, tie, before, decay, subtracted, erased, currents)


def _chains(updates: Mapping[fx.Node, _Update]) -> list[list[_Update]]:
    """Return the updates of every neuron at all time-steps."""
    chains: dict[fx.Node, list[_Update]] = {}
    for node, update in updates.items():
        if not update.currents:
            continue
        chain = chains.pop(update.before, []) if update.before is not None else []
        if update.before is None or chain:
            chains[node] = [*chain, update]
    return list(chains.values())


def _module(chain: list[_Update]) -> Written | None:
    """Return the neuron of a chain, None for one whose spikes do not change the potential.

    Raises:
        ConversionError: The time-steps differ, or the neuron has another reset.
    """
    first, second = chain[0], chain[1]
    if second.subtracted == second.erased == 0:  # rectifiers in the branches of a residual network
        return None
    where = f"the comparison `{first.spikes.name}` of a loop over time-steps"
    theta, decay = second.theta, second.decay
    reset = _reset(theta, decay, second.subtracted, second.erased)
    if reset is None:
        if second.subtracted == 0:
            return None
        raise ConversionError(f"{where}: a spike does not subtract the threshold {theta:g} or set 0; {_EXPECTED}")

    def numbers(update: _Update) -> list[float]:
        return [update.theta, update.decay, update.subtracted, update.erased, *update.currents.values()]

    start = [theta, *first.currents.values()], [first.theta, *second.currents.values()]
    for expected, actual in [start, *((numbers(second), numbers(update)) for update in chain[2:])]:
        if len(expected) != len(actual) or not np.allclose(expected, actual, rtol=_CLOSE):
            raise ConversionError(f"{where}: the potential has other factors at later time-steps; {_EXPECTED}")
    gains = list(first.currents.values())
    return Written(theta, decay, gains[0] if len(gains) == 1 else 1.0, reset, first.tie)


def _reset(theta: float, decay: float, subtracted: float, erased: float) -> Reset | None:
    forms: dict[Reset, tuple[float, float]] = {
        "subtract": (-decay * theta, 0.0), "subtract-late": (-theta, 0.0), "zero": (0.0, -decay),
    }  # fmt: skip
    factors = (subtracted, erased)
    return next((reset for reset, form in forms.items() if np.allclose(factors, form, rtol=_CLOSE, atol=1e-9)), None)


def _replace(graph: fx.Graph, name: str, update: _Update) -> None:
    """Replace a comparison by the call of a module with the sum of its currents."""
    with graph.inserting_before(update.spikes):
        nodes = list(update.currents)
        if len(nodes) > 1:
            nodes = [graph.call_function(operator.mul, (node, gain)) for node, gain in update.currents.items()]
        total = nodes[0]
        for node in nodes[1:]:
            total = graph.call_function(operator.add, (total, node))
        call = graph.call_module(name, (total,))
    update.spikes.replace_all_uses_with(call)
