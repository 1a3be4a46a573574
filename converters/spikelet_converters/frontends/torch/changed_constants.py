"""Constants that a call changes in place while it is traced, such as r in `r = torch.zeros(1, 3); r.add_(x)`.

Tracing runs functions of constants at once, and those of traced values never: r stays zeros, and the changed numbers
are known as the result of the call only. Code that reads r afterwards cannot be traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx
from torch.overrides import TorchFunctionMode

from spikelet_converters.frontends.refusals import IN_PLACE, NotTraced
from spikelet_converters.frontends.torch.in_place import OF_SIZES, changed_argument
from spikelet_converters.frontends.torch.source_lines import text_of, user_line

_WITHOUT_NUMBERS = ("__get__", *OF_SIZES)  # attributes are sizes or views


class ChangedConstants(TorchFunctionMode):
    """While it is entered, no function of torch reads a constant that a traced call has changed."""

    def __init__(self) -> None:
        super().__init__()
        self._changed: dict[int, tuple[torch.UntypedStorage, str]] = {}
        self._at_once: dict[int, tuple[torch.UntypedStorage, str]] = {}

    def note(self, target: fx.node.Target, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """Note the constant that a traced call changes, or the constants of a list."""
        self._note(self._changed, target, args, kwargs)

    def _note(
        self, changes: dict[int, tuple[torch.UntypedStorage, str]], target: Any, args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> None:  # fmt: skip
        changed = changed_argument(target, args, kwargs)
        for value in changed if isinstance(changed, list | tuple) else (changed,):
            if isinstance(value, torch.Tensor):
                storage = value.untyped_storage()
                name = getattr(target, "__name__", str(target))
                changes[storage._cdata] = storage, f"`{name}`{text_of(user_line())}"

    def changed_at_once(self, value: torch.Tensor) -> str | None:
        """Return the call of constants that changed a constant, None if there is none."""
        return self._at_once.get(value.untyped_storage()._cdata, (None, None))[1]

    def refuse(self, value: Any) -> Any:
        """Return a value that is not a changed constant.

        Raises:
            NotTraced: It is one, or a view of one. The message names the call that changed it.
        """
        if self._changed and isinstance(value, torch.Tensor):
            _, call = self._changed.get(value.untyped_storage()._cdata, (None, ""))
            if call:
                raise NotTraced(f"{call}: {IN_PLACE}; a potential over time as `self.v = f(self.v)`")
        return value

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self._changed and func.__name__ not in _WITHOUT_NUMBERS:
            fx.node.map_aggregate((args, kwargs), self.refuse)
        self._note(self._at_once, func, args, kwargs or {})
        return func(*args, **(kwargs or {}))
