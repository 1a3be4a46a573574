"""Values that a network stores in its attributes and changes in place, such as potentials.

    self.v.mul_(self.beta).add_(x)
    self.v[:] = self.v - spikes

torch.fx records the result of such a call as another value. The attribute then gets this value, as if the network had
written `self.v = self.v.mul(…)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import fx, nn

from spikelet_converters.frontends.torch.in_place import changes

CONSTANT = "_tensor_constant"  # start of the names that torch.fx gives to constants of a graph
COPY = "copy_"


def is_whole(index: object) -> bool:
    """Return whether an index is that of all numbers of a value."""
    entries = index if isinstance(index, tuple) else (index,)
    return all(entry is Ellipsis or (isinstance(entry, slice) and entry == slice(None)) for entry in entries)


def store(network: nn.Module, before: object, result: Any) -> None:
    """Put the result of a call that changed a value in place into the attributes that hold the value."""
    for module in network.modules():
        for values in (vars(module), module._buffers):
            for name, value in values.items():
                if value is before and not name.startswith(CONSTANT):
                    values[name] = result


def without_copies(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> bool:
    """Replace `v.copy_(x)` by x, where no later call uses v by another name.

    Returns:
        Whether one was replaced: x may have other sizes than v, but not in a neuron.
    """
    replaced = False
    for node, conflicting in list(changes(graph, modules)):
        if conflicting or node.op != "call_method" or node.target != COPY or len(node.args) != 2:
            continue
        new = node.args[1]
        if isinstance(new, fx.Node):
            node.replace_all_uses_with(new)
            graph.erase_node(node)
            replaced = True
    return replaced
