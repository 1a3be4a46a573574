"""Lines of the user's code that make traced calls, so that an error can name them."""

from __future__ import annotations

import os
import sys
import traceback
from types import FrameType

import torch
from torch import fx

_KEY = "spikelet line"  # of a node's meta
_TORCH, _HERE = torch.__path__[0] + os.sep, os.path.dirname(__file__) + os.sep
_GENERATED = "<eval_with_key>"  # code that torch.fx generates
_START = "trace"  # name of the function below which the user's code is called


def user_line() -> traceback.FrameSummary | None:
    """Return the innermost line of the user's code that is being traced, None for a call inside torch.

    torch can record stacks (`record_stack_traces`), but imports its compiler for that, which takes more than a second.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_HERE):
            if code.co_name == _START:
                return None
        elif not code.co_filename.startswith((_TORCH, _GENERATED)):
            return traceback.FrameSummary(code.co_filename, frame.f_lineno, code.co_name, lookup_line=False)
        frame = frame.f_back
    return None


def text_of(line: traceback.FrameSummary | None) -> str:
    """Return a line as the end of a name in an error message."""
    return f', "{line.filename}", line {line.lineno}, in {line.name} {line.line}' if line is not None else ""


def note_line(step: fx.Node) -> None:
    """Note the line that is being traced as that of a call."""
    step.meta[_KEY] = user_line()


def called(step: fx.Node) -> str:
    """Return a traced call, and the line that made it, in error messages."""
    name = getattr(step.target, "__name__", str(step.target))
    return f"`{name}` at node {step.name} of the traced network{text_of(step.meta.get(_KEY))}"
