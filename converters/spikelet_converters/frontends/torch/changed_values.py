"""Values that a traced network changes in place, as a whole or in parts: those of parameters, and others."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn
from torch.fx.proxy import Attribute

from spikelet.errors import ConversionError
from spikelet_converters.frontends.refusals import DATA, NotTraced
from spikelet_converters.frontends.torch.source_lines import text_of, user_line
from spikelet_converters.frontends.torch.totals import ASSIGN


class Assigned(fx.Proxy):
    """A value that is changed in place, as a whole or in parts."""

    def parameter(self) -> nn.Parameter | None:
        """Return the parameter that has the value, None for a value that is none."""
        names = [name for name, proxy in vars(self.tracer).get("parameters", {}).items() if proxy is self]
        return dict(self.tracer.root.named_parameters())[names[0]] if names else None  # type: ignore[attr-defined]

    def detach(self) -> fx.Proxy:
        """Return the value without its gradient, which shares the numbers of a parameter."""
        return self if self.parameter() is not None else self.tracer.create_proxy("call_method", "detach", (self,), {})

    def __getattr__(self, k: str) -> Any:
        parameter = self.parameter()
        if parameter is None:
            return super().__getattr__(k)
        if not hasattr(parameter, k):
            raise AttributeError(f"a parameter has no attribute {k}")
        return vars(parameter)[k] if k in vars(parameter) else super().__getattr__(k)

    def __iadd__(self, other: object) -> fx.Proxy:
        return self._changed(operator.iadd, other)

    def __isub__(self, other: object) -> fx.Proxy:
        return self._changed(operator.isub, other)

    def __imul__(self, other: object) -> fx.Proxy:
        return self._changed(operator.imul, other)

    def __itruediv__(self, other: object) -> fx.Proxy:
        return self._changed(operator.itruediv, other)

    def __ifloordiv__(self, other: object) -> fx.Proxy:
        return self._changed(operator.ifloordiv, other)

    def __imod__(self, other: object) -> fx.Proxy:
        return self._changed(operator.imod, other)

    def __ipow__(self, other: object) -> fx.Proxy:
        return self._changed(operator.ipow, other)

    @property
    def data(self) -> fx.Proxy:
        """The value without its gradient; an assignment replaces its numbers under every name.

        Only those of a parameter are replaced here, as by layers that mask or round their weights in `forward`.
        """
        return Attribute(self, "data") if self.parameter() is None else self

    @data.setter
    def data(self, value: object) -> None:
        if self.parameter() is not None:
            new = self.tracer.create_arg(value)
            if isinstance(new, fx.Node):
                self.node = new
                return
        raise ConversionError(f"`data` of {self.node.name}{text_of(user_line())}: {DATA}")

    def _changed(self, function: Callable[..., Any], other: object) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    def __setitem__(self, index: object, value: object) -> None:
        self.tracer.create_proxy("call_function", ASSIGN, (self, index, value), {})


def with_part(value: torch.Tensor, index: Any, part: Any) -> torch.Tensor:
    """Return a copy of a value, of which a part has other numbers."""
    copied = value.clone()
    copied[index] = part
    return copied


@contextmanager
def parameters_assigned() -> Iterator[None]:
    """Trace `self.weight *= mask`, which assigns the changed parameter to its own name."""
    assign = nn.Module.__setattr__

    def traced(module: nn.Module, name: str, value: Any) -> None:
        if not isinstance(value, fx.Proxy) or name not in module.__dict__.get("_parameters", ()):
            return assign(module, name, value)
        parameters = vars(value.tracer).get("parameters", {})
        named = dict(value.tracer.root.named_parameters())  # type: ignore[attr-defined]
        held = [proxy for path, proxy in parameters.items() if named.get(path) is module._parameters[name]]
        if not any(proxy.node is value.node for proxy in held):
            raise NotTraced(
                f"`{name} =`{text_of(user_line())}: replaces a parameter of {type(module).__name__} in `forward`; use "
                "the new value in the function of the layer, such as torch.nn.functional.conv2d(x, weight)"
            )
        return None

    nn.Module.__setattr__ = traced  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.__setattr__ = assign  # type: ignore[method-assign]
