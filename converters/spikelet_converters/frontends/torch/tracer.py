"""Record the calls of a torch network with torch.fx: also those of sizes of values, and those of hooks."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.fx.proxy import Attribute
from torch.nn.modules.batchnorm import _NormBase

from spikelet.errors import ConversionError, pass_out_of_memory
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.refusals import AUTOCAST, DATA
from spikelet_converters.frontends.torch import brevitas, quant_aware
from spikelet_converters.frontends.torch.changed_constants import ChangedConstants
from spikelet_converters.frontends.torch.in_place import changed_argument
from spikelet_converters.frontends.torch.source_lines import note_line, text_of, user_line
from spikelet_converters.frontends.torch.stored import COPY, is_whole, store
from spikelet_converters.frontends.torch.totals import ASSIGN
from spikelet_converters.frontends.torch.wrappers import wrapped
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks.parts import Normalise


class Tracer(fx.Tracer):
    """Traces a network and records the line of the user's code that makes each call.

    Attributes:
        hooks: Whether the hooks of layers are traced.
        changed_weights: Whether the network may change its parameters, which a network in training may not.
        constants: Constants that traced calls change.
        parameters: The values of the parameters that were read, by name; a call that changes one replaces its node.
    """

    def __init__(self, *, hooks: bool = False, changed_weights: bool = True) -> None:
        super().__init__()
        self.hooks, self.changed_weights = hooks, changed_weights
        self.constants = ChangedConstants()
        self.parameters: dict[str, fx.Proxy] = {}

    def trace(self, root: nn.Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> fx.Graph:
        """Return the calls of a network.

        Raises:
            NotTraced: A constant is read after a traced call changed it.
        """
        with self.constants:
            return super().trace(root, concrete_args)

    def create_proxy(
        self, kind: str, target: fx.node.Target, args: tuple[Any, ...], kwargs: dict[str, Any], *others: Any,
        **options: Any,
    ) -> fx.Proxy:  # fmt: skip
        """Add a call, note the constant that it changes, and store its result where that or a value was stored."""
        if torch.is_autocast_enabled("cpu") and not getattr(self.root, "training", False):
            raise ConversionError(f"`torch.autocast`{text_of(user_line())}: {AUTOCAST}")
        if target in ("__setitem__", ASSIGN) and is_whole(args[1]) and isinstance(args[2], fx.Proxy):
            kind, target, args = "call_method", COPY, (args[0], args[2])
        if (target, len(args)) == (COPY, 2) and isinstance(args[0], _Assigned) and args[0].parameter() is not None:
            args[0].node = super().create_proxy(kind, "expand_as", (args[1], args[0]), {}).node
            return args[0]
        proxy = super().create_proxy(kind, target, args, kwargs, *others, **options)
        if kind in ("call_function", "call_method"):
            self.constants.note(target, args, kwargs)
            changed = changed_argument(target, args, kwargs)
            if isinstance(changed, torch.Tensor | fx.Proxy):
                store(self.root, changed, proxy)
            if isinstance(changed, _Assigned) and changed.parameter() is not None:
                changed.node = proxy.node
        return proxy

    def create_arg(self, a: Any) -> fx.node.Argument:
        """Return a value as the argument of a call."""
        if isinstance(a, torch.Tensor):
            self.constants.refuse(a)
        return super().create_arg(a)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, fx.Proxy]) -> Any:
        """Return an attribute of a module, for a parameter its value."""
        if self.changed_weights:
            self.parameters = parameter_proxy_cache
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def create_node(
        self,
        kind: str,
        target: fx.node.Target,
        args: tuple[fx.node.Argument, ...],
        kwargs: dict[str, fx.node.Argument],
        name: str | None = None,
        type_expr: object = None,
    ) -> fx.Node:
        """Create a node that has the line of the user's code."""
        node = super().create_node(kind, target, args, kwargs, name, type_expr)
        note_line(node)
        return node

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Return whether a module is imported as one layer."""
        if isinstance(m, SpikingActivation | Normalise) or frameworks.is_layer(m):
            return True
        if quant_aware.is_layer(m) or brevitas.is_layer(m):
            return True
        return super().is_leaf_module(m, module_qualified_name) and not self._has_changed(m)

    def _has_changed(self, module: nn.Module) -> bool:
        """Return whether a traced call changed a parameter of a layer, whose new numbers its `forward` then reads.

        A norm is no such layer, since its `forward` branches on its statistics.
        """
        if isinstance(module, _NormBase):
            return False
        changed = {name for name, proxy in self.parameters.items() if proxy.node.op != "get_attr"}
        named = dict(self.root.named_parameters()) if changed else {}
        return any(parameter is named[name] for name in changed for parameter in module.parameters())

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """Return the value of a node for the traced code."""
        return _Assigned(node, self)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Add the call of a layer, also of one in a wrapper, and the calls of its hooks."""
        if (inner := wrapped(m)) is not None:
            return self.call_module(inner, inner.forward, args, kwargs)
        if not self.hooks or not self.is_leaf_module(m, self.path_of_module(m)):
            return super().call_module(m, forward, args, kwargs)  # a module that is no layer calls its hooks itself
        for hook in hooks_of(m._forward_pre_hooks):
            changed = _result(hook, m, args)
            args = args if changed is None else changed if isinstance(changed, tuple) else (changed,)
        result = super().call_module(m, forward, args, kwargs)
        for hook in hooks_of(m._forward_hooks):
            changed = _result(hook, m, args, result)
            result = result if changed is None else changed
        return result


def _result(hook: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of a hook; None for one that cannot be traced, such as one that prints values."""
    try:
        return hook(*arguments)
    except Exception as error:  # of the user's own code, which is called with proxies
        pass_out_of_memory(error, "a hook")
        return None  # the comparison with the network shows whether it changes values


class _Assigned(fx.Proxy):
    """A value that is changed in place, as a whole or in parts."""

    def parameter(self) -> nn.Parameter | None:
        """Return the parameter that has the value, None for a value that is none."""
        names = [name for name, proxy in vars(self.tracer).get("parameters", {}).items() if proxy is self]
        return dict(self.tracer.root.named_parameters())[names[0]] if names else None  # type: ignore[attr-defined]

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


def hooked(network: nn.Module) -> bool:
    """Return whether a network has forward hooks, which torch.fx does not trace; those of torch do not count."""
    return any(hooks_of(module._forward_hooks) or hooks_of(module._forward_pre_hooks) for module in network.modules())


def hooks_of(registered: dict[int, Callable[..., Any]]) -> list[Callable[..., Any]]:
    """Return the hooks of a module that are not those of torch or of a framework of spiking neurons."""
    homes = ("torch", *frameworks.MODULES)
    return [
        hook for hook in registered.values()
        if str(getattr(hook, "__module__", type(hook).__module__)).partition(".")[0] not in homes
    ]  # fmt: skip
