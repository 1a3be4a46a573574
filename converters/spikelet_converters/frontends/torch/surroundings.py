"""The surroundings in which torch.fx traces a network: functions of torch and Python, and the attributes of modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn

from spikelet_converters.frontends.torch.stored import CONSTANT
from spikelet_converters.frontends.torch.totals import ZEROS

_SIZED = ("empty", "full", "ones", "rand", "randn", *(name for name in ZEROS if hasattr(torch, name)))


@contextmanager
def sizes_traced() -> Iterator[None]:
    """Trace calls such as `torch.zeros(x.shape[0], 10)`, which torch.fx refuses since they take no tensor."""
    functions = {name: getattr(torch, name) for name in _SIZED}
    for name, function in functions.items():
        setattr(torch, name, _recorded(function))
    try:
        yield
    finally:
        for name, function in functions.items():
            setattr(torch, name, function)


def _changeable(buffer: torch.Tensor) -> bool:
    """Return whether torch permits changes of a buffer in place: not of one whose numbers stand for several."""
    if nn.parameter.is_lazy(buffer) or buffer.layout != torch.strided or buffer.is_inference():
        return False
    return all(stride or size < 2 for size, stride in zip(buffer.shape, buffer.stride(), strict=True))


@contextmanager
def attributes_kept(network: nn.Module) -> Iterator[None]:
    """Restore the attributes and buffers of a network and its modules, such as the potentials that `forward` stores."""
    before = {module: (dict(vars(module)), dict(module._buffers)) for module in network.modules()}
    values = [(buffer, buffer.clone()) for buffer in network.buffers() if _changeable(buffer)]
    try:
        yield
    finally:
        for module, (attributes, buffers) in before.items():
            constants = {name: value for name, value in vars(module).items() if name.startswith(CONSTANT)}
            vars(module).clear()
            vars(module).update(constants | attributes)
            module._buffers.clear()
            module._buffers.update(buffers)
        with torch.no_grad():
            for buffer, value in values:
                buffer.copy_(value)


@contextmanager
def lengths_traced(network: nn.Module) -> Iterator[None]:
    """Trace `len(x)` in the modules of Python that define a network as the size of its first axis."""
    forwards = (
        type(module).forward for module in network.modules() if not type(module).__module__.startswith("torch.")
    )
    modules = {id(names): names for forward in forwards if (names := getattr(forward, "__globals__", None)) is not None}
    changed = [names for names in modules.values() if "len" not in names]
    for names in changed:
        names["len"] = _length
    try:
        yield
    finally:
        for names in changed:
            del names["len"]


def _length(value: Any) -> Any:
    return value.size(0) if isinstance(value, fx.Proxy) else len(value)


@contextmanager
def functions_traced() -> Iterator[None]:
    """Trace the `forward` of torch.autograd.Function, with which networks give spikes a surrogate gradient."""
    apply = torch.autograd.Function.__dict__["apply"]

    def traced(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(value, fx.Proxy) for value in (*args, *kwargs.values())):
            return apply.__get__(None, cls)(*args, **kwargs)
        own_context = cls.setup_context is torch.autograd.function._SingleLevelFunction.setup_context
        return cls.forward(_Context(), *args, **kwargs) if own_context else cls.forward(*args, **kwargs)

    torch.autograd.Function.apply = classmethod(traced)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        torch.autograd.Function.apply = apply  # type: ignore[method-assign]


class _Context:
    """The context of a function that is traced, which stores what its gradient needs."""

    def save_for_backward(self, *tensors: object) -> None:
        """Store nothing: the gradient is not computed."""

    mark_non_differentiable = save_for_forward = save_for_backward


def _recorded(function: Callable[..., torch.Tensor]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        proxies: list[fx.Proxy] = []

        def find(value: Any) -> Any:
            proxies.extend([value] if isinstance(value, fx.Proxy) else [])
            return value

        fx.node.map_aggregate((args, kwargs), find)
        if not proxies:
            return function(*args, **kwargs)
        return proxies[0].tracer.create_proxy("call_function", function, args, kwargs)

    return call
