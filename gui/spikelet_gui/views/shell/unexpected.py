"""Show errors of the inspector itself in its window."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType

from spikelet.errors import SpikeletError
from spikelet_gui.models.jobs import message_of


def show_errors(show: Callable[[str], object], dispatch: Callable[[Callable[[], object]], object]) -> None:
    """Show exceptions that no code handles; by default Qt prints them on the terminal only, and goes on.

    The terminal still gets the traceback. An exception that is raised again and again, such as by drawing, is shown
    once, since the message is drawn, too.

    Args:
        show: Shows a message.
        dispatch: Calls a function in the event loop, after the call of Qt that raised the exception.
    """
    shown: list[str] = []

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        if not isinstance(error, Exception):
            return
        message = message_of(error)
        if not isinstance(error, SpikeletError):
            message = f"Error in the inspector: {message}; the terminal shows where. Please report it"
        if shown != [message]:
            shown[:] = [message]
            dispatch(lambda: show(message))

    sys.excepthook = report
