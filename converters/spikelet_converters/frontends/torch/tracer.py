"""Record the calls of a torch network with torch.fx: also those of sizes of values, and those of hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _NormBase

from spikelet.errors import ConversionError, pass_out_of_memory
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.refusals import AUTOCAST, NotTraced
from spikelet_converters.frontends.torch import brevitas, quant_aware
from spikelet_converters.frontends.torch.changed_constants import ChangedConstants
from spikelet_converters.frontends.torch.changed_values import Assigned, with_part
from spikelet_converters.frontends.torch.in_place import changed_argument, viewed
from spikelet_converters.frontends.torch.source_lines import called, note_line, text_of, user_line
from spikelet_converters.frontends.torch.stored import COPY, is_whole, store
from spikelet_converters.frontends.torch.totals import ASSIGN
from spikelet_converters.frontends.torch.wrappers import wrapped
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks.parts import Normalise

_BEFORE = "change it once, before the network is converted, and not in `forward`"


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
        if (target, len(args)) == (COPY, 2) and isinstance(args[0], Assigned) and args[0].parameter() is not None:
            args[0].node = super().create_proxy(kind, "expand_as", (args[1], args[0]), {}).node
            return args[0]
        if target is ASSIGN and isinstance(args[0], Assigned) and args[0].parameter() is not None:
            args[0].node = super().create_proxy("call_function", with_part, args, {}).node
            return args[0]
        proxy = super().create_proxy(kind, target, args, kwargs, *others, **options)
        if kind in ("call_function", "call_method"):
            self.constants.note(target, args, kwargs)
            changed = changed_argument(target, args, kwargs)
            if isinstance(changed, torch.Tensor | fx.Proxy):
                store(self.root, changed, proxy)
            if isinstance(changed, Assigned) and changed.parameter() is not None:
                changed.node = proxy.node
            elif isinstance(changed, fx.Proxy) and (name := self._whole(changed.node)) is not None:
                raise NotTraced(f"{called(proxy.node)}: changes a part of {name}; {_BEFORE}")
        return proxy

    def _whole(self, node: fx.Node) -> str | None:
        """Return the name of the parameter of which a value is a view, None for another value."""
        names = {proxy.node: name for name, proxy in self.parameters.items()}
        if not names:
            return None
        modules = dict(self.root.named_modules())
        source: fx.Node | None = node
        while source is not None and source not in names:
            source = viewed(source, modules)
        return None if source is None else names[source]

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
        layer = isinstance(m, SpikingActivation | Normalise) or frameworks.is_layer(m)
        layer = layer or quant_aware.is_layer(m) or brevitas.is_layer(m)
        if not layer and not super().is_leaf_module(m, module_qualified_name):
            return False
        change = self._change(m)
        if layer and change is not None:
            raise NotTraced(f"{change}, a parameter of module {module_qualified_name}; {_BEFORE}")
        return change is None or isinstance(m, _NormBase)

    def _change(self, module: nn.Module) -> str | None:
        """Return the traced call that changed a parameter of a layer, None if there is none.

        Raises:
            NotTraced: A call of constants has changed its statistics.
        """
        for buffer in module.buffers() if isinstance(module, _NormBase) else ():
            if buffer.is_floating_point() and (call := self.constants.changed_at_once(buffer)) is not None:
                raise NotTraced(f"{call}: changes the statistics of a {type(module).__name__}; {_BEFORE}")
        now = {name: proxy.node for name, proxy in self.parameters.items()}
        changed = {name: node for name, node in now.items() if (node.op, node.target) != ("get_attr", name)}
        named = dict(self.root.named_parameters()) if changed else {}
        own = {id(parameter) for parameter in module.parameters()}
        calls = (f"{called(node)}: changes {name}" for name, node in changed.items() if id(named[name]) in own)
        return next(calls, None)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """Return the value of a node for the traced code."""
        return Assigned(node, self)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Add the call of a layer, also of one in a wrapper, and the calls of its hooks."""
        if (inner := wrapped(m)) is not None:
            return self.call_module(inner, inner.forward, args, kwargs)
        if isinstance(m, _NormBase) and m.running_mean is not None and self._change(m) is not None:
            x = args[0] if args else kwargs["input"]
            return F.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias, eps=m.eps)
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
