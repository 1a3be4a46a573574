"""Signals without Qt: a model notifies its subscribers."""

from __future__ import annotations

from collections.abc import Callable

Listener = Callable[..., object]


class Signal:
    """A list of listeners that are called in the order in which they were connected."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def connect(self, listener: Listener) -> None:
        """Add a listener."""
        self._listeners.append(listener)

    def disconnect(self, listener: Listener) -> None:
        """Remove a listener; an unknown one is ignored."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def emit(self, *values: object) -> None:
        """Call every listener with `values`."""
        for listener in tuple(self._listeners):
            listener(*values)
