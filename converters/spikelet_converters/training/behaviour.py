"""What the code of a user's network computes, as a checkpoint stores it: the code itself is not stored.

Code that was changed after the training can still fit the weights, such as a ReLU before instead of after a batch norm.
It makes other calls and computes other values. Calls alone may change with the style of the code or the version of
torch. Constants of the code need no record: torch.fx makes them buffers, which are part of the weights.
"""

from __future__ import annotations

import copy
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, fx, nn

from spikelet.errors import ConversionError
from spikelet.files.decoded import Document
from spikelet_converters.frontends.torch.calls import name_of
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.weights import mismatch

IMAGES, SEED = 4, 0
TOLERANCE = 0.01
"""Largest difference of values, as a share of their norm, of code that computes the same in another order. Sums that
are rounded differently may move single activations to the next level of their quantiser."""


def record(network: nn.Module, shape: tuple[int, int, int]) -> Document:
    """Return what a network computes with its present weights.

    Args:
        network: The network, which is not changed.
        shape: (C, H, W) of its input.

    Returns:
        "calls", a text for each traced call, and "values" for N fixed random images: the logits (N, K), and for each
        activation the norm of its currents, (N,), sorted by their sums. {} for a network of this package.
    """
    if not isinstance(network, fx.GraphModule):
        return {}
    return {"calls": _calls(network), "values": _values(copy.deepcopy(network).cpu().eval(), shape)}


def check_repeated(network: nn.Module, spec: NetworkSpec) -> None:
    """Raise ConversionError if the code of a user's network makes another network when it runs again.

    The weights that are trained would not fit the network of the next run.

    Args:
        network: The network, on the CPU.
        spec: Its specification, which builds it again. The generator of torch is left as it was.
    """
    if not isinstance(network, fx.GraphModule):
        return
    with torch.random.fork_rng(devices=()):
        again = spec.build()
    difference = mismatch(network.state_dict(), again.state_dict())
    if not difference:
        again.load_state_dict(network.state_dict())
        difference = change(record(network, spec.shape), again.eval(), spec.shape)
    if difference:
        raise ConversionError(
            f"{spec.model}: makes another network each time its code runs: {difference}; write numbers in place of "
            "random ones, or seed their generator in the code"
        )


def check(before: Document) -> None:
    """Raise TypeError unless a document that was read from a file is a record, or empty."""
    if not before:
        return
    kinds = {"calls": str, "values": Tensor}
    if before.keys() != kinds.keys():
        raise TypeError(f"behaviour: expected {' and '.join(kinds)}")
    for key, kind in kinds.items():
        if not isinstance(before[key], list) or not all(isinstance(item, kind) for item in before[key]):
            raise TypeError(f"behaviour: {key}: expected a list of {kind.__name__}")


def change(before: Document, network: nn.Module, shape: tuple[int, int, int]) -> str:
    """Return the first call in which a network differs from its record, "" if it computes the same.

    Args:
        before: The record, {} if there is none.
        network: The network with the weights of the record, on the CPU and in evaluation mode.
        shape: (C, H, W) of its input.
    """
    if not before or not isinstance(network, fx.GraphModule):
        return ""
    calls = zip_longest(before["calls"], _calls(network), fillvalue="missing")
    changed = next(((old, new) for old, new in calls if old != new), None)
    if changed is None or _close(before["values"], _values(network, shape)):
        return ""
    return f"a call was {changed[0]}, now {changed[1]}"


def _close(before: list[Tensor], now: list[Tensor]) -> bool:
    return len(before) == len(now) and all(
        old.shape == new.shape and bool((new - old).norm() <= TOLERANCE * old.norm())
        for old, new in zip(before, now, strict=True)
    )


@torch.no_grad()
def _values(network: fx.GraphModule, shape: tuple[int, int, int]) -> list[Tensor]:
    """Return the values of a network on the CPU for random pixels 0…255, see `record`."""
    images = torch.randint(0, 256, (IMAGES, *shape), generator=torch.Generator().manual_seed(SEED)).float()
    currents: list[Tensor] = []

    class Recorder(fx.Interpreter):
        def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
            if isinstance(self.fetch_attr(target), SpikingActivation):
                currents.append(args[0].flatten(1).norm(dim=1))
            return super().call_module(target, args, kwargs)

    logits: Tensor = Recorder(network).run(images)
    return [logits.clone(), *sorted(currents, key=lambda norms: float(norms.sum()))]  # in any order of the calls


def _calls(network: fx.GraphModule) -> list[str]:
    """Return the calls as texts, such as conv1: Conv2d(3, 6, kernel_size=(3, 3), stride=(1, 1))(input)."""
    modules = dict(network.named_modules())
    names: dict[fx.Node, str] = {}
    calls: list[str] = []

    def text(value: Any) -> str:
        return repr(fx.node.map_arg(value, lambda node: _Name(names[node])))

    for number, node in enumerate(network.graph.nodes):
        target = str(node.target)
        arguments = ", ".join([*map(text, node.args), *(f"{key}={text(value)}" for key, value in node.kwargs.items())])
        if node.op in ("placeholder", "get_attr"):
            names[node] = "input" if node.op == "placeholder" else target
        elif node.op == "output":
            calls.append(f"return {arguments}")
        elif node.op == "call_module":
            names[node] = target if modules[target].state_dict() else f"value{number}"
            calls.append(f"{names[node]}: {_form(modules[target])}({arguments})")
        else:
            names[node] = f"value{number}"
            calls.append(f"{names[node]}: {name_of(node.target)}({arguments})")
    return calls


def _form(module: nn.Module) -> str:
    """Return the class and settings of a module on one line, without values that the training changes."""
    return type(module).__name__ if isinstance(module, SpikingActivation) else " ".join(repr(module).split())


class _Name(str):
    __slots__ = ()
    __repr__ = str.__str__
