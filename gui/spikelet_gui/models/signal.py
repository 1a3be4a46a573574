"""Signals without Qt: a model notifies its subscribers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec, TypeAlias

Values = ParamSpec("Values")


class Signal(Generic[Values]):
    """A list of listeners that are called in the order in which they were connected.

    The type parameter is that of the values that listeners are called with: `Signal[[str]]` for one text, `Signal[[]]`
    for none.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[Values, object]] = []

    def connect(self, listener: Callable[Values, object]) -> None:
        """Add a listener."""
        self._listeners.append(listener)

    def disconnect(self, listener: Callable[Values, object]) -> None:
        """Remove a listener; an unknown one is ignored."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def emit(self, *values: Values.args, **named: Values.kwargs) -> None:
        """Call every listener with the values."""
        for listener in tuple(self._listeners):
            listener(*values, **named)


AnySignal: TypeAlias = Signal[...]
"""A signal whose values are ignored."""
