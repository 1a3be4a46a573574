"""Base of the terminal displays of long commands: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


class LiveDisplay:
    """A display with a progress bar of rich, if that is installed and standard error is a terminal.

    Args:
        quiet: Show nothing.

    Attributes:
        bar: The progress bar, or None.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.bar: Progress | None = None
        if not quiet and sys.stderr.isatty() and find_spec("rich"):
            from rich.console import Console
            from rich.progress import Progress

            self.bar = Progress(*self.columns(), console=Console(stderr=True))

    def columns(self) -> list[ProgressColumn]:
        """Return the columns of the bar. Called only if rich is installed."""
        raise NotImplementedError

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        if self.bar is not None:
            self.bar.console.print(text, highlight=False, markup=False)
        elif not self.quiet:
            print(text, flush=True)

    def compiler_failed(self, message: str) -> None:
        """Print the message of a compiler that failed."""
        self.line(f"torch.compile failed, training continues without it: {message}")

    def __enter__(self) -> Self:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
