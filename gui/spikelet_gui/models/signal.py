"""Signals without Qt: a model notifies its subscribers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Listener = Callable[..., Any]


class Signal:
    """Call `connect` with a listener; `emit` calls all of them in the order in which they came."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def connect(self, listener: Listener) -> None:
        """Tell `listener` from now on."""
        self._listeners.append(listener)

    def disconnect(self, listener: Listener) -> None:
        """Tell `listener` no more; it may be unknown."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def emit(self, *values: Any) -> None:
        """Call every listener with `values`."""
        for listener in tuple(self._listeners):
            listener(*values)
