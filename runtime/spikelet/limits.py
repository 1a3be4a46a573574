"""Limits on the memory and the operations that a network may need.

A small file can describe a network that needs any amount of both. The cost is computed from the graph before anything
is allocated, and compared with limits that a user can set: in Python, by options of the command line, or in the
environment.
"""

from __future__ import annotations

import math
import os
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from spikelet.display import compact
from spikelet.environment import variables
from spikelet.errors import CostError, UsageError
from spikelet.options import whole

MAX_MEMORY = "SPIKELET_MAX_MEMORY"
MAX_OPERATIONS = "SPIKELET_MAX_OPERATIONS"
DEFAULT_MEMORY = 4 * 2**30  # bytes
DEFAULT_OPERATIONS = 10**11  # per image and time-step: six times those of VGG-16 at 224x224
DEFLATE_RATIO = 1032  # decompressed bytes per byte of a file, at most

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e[0-9]{1,3})?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


def expanded_at_most(stored: int, compressed: bool) -> int:
    """Return the largest number of bytes that `stored` bytes of a file can contain.

    A header that states more is wrong, which is known before anything is allocated.

    Examples:
        >>> expanded_at_most(100, compressed=False), expanded_at_most(100, compressed=True)
        (100, 103200)
    """
    return stored * DEFLATE_RATIO if compressed else stored


def _from_environment(name: str, default: int, unit: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        return parse(text, unit)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


@dataclass(frozen=True)
class Limits:
    """Limits on the memory and the operations of a network.

    Args:
        max_memory: Bytes that an engine and the results of a run may need; by default $SPIKELET_MAX_MEMORY, or 4 GiB.
        max_operations: Operations of one image in one time-step, see `cost.operations`; by default
            $SPIKELET_MAX_OPERATIONS, or 100 billion.

    Raises:
        UsageError: A limit is not a whole number of 1 or more, or a variable of the environment is not a size.

    Examples:
        >>> Limits(max_memory=8 * 2**30, max_operations=10**12).max_memory
        8589934592
    """

    max_memory: int = field(default_factory=lambda: _from_environment(MAX_MEMORY, DEFAULT_MEMORY, 1024))
    max_operations: int = field(default_factory=lambda: _from_environment(MAX_OPERATIONS, DEFAULT_OPERATIONS, 1000))

    def __post_init__(self) -> None:
        for name in ("max_memory", "max_operations"):
            object.__setattr__(self, name, whole(f"Limits.{name}", getattr(self, name)))

    def check(self, subject: str, memory: int, operations: int = 0) -> None:
        """Raise CostError if something needs more than the limits.

        Args:
            subject: Name of the work, such as "engine numpy, for a batch of 32".
            memory: Bytes that it needs.
            operations: Operations that it needs for one image in one time-step.
        """
        if memory <= self.max_memory and operations <= self.max_operations:
            return
        needs, limits, remedies = [f"{size(memory)} of memory"], [], []
        if operations:
            needs.append(f"{compact(operations, 4, zeros=False)} operations per image and time-step")
        if memory > self.max_memory:
            limits.append(size(self.max_memory))
            remedies.append(f"--max-memory {_upwards(memory)} ({MAX_MEMORY})")
        if operations > self.max_operations:
            limits.append(f"{compact(self.max_operations, 4, zeros=False)} operations")
            remedies.append(f"--max-operations {math.ceil(operations / 1e9)}G ({MAX_OPERATIONS})")
        found, expected = " and ".join(needs), f"at most {' and '.join(limits)}"
        remedy = f"raise the limit with {' and '.join(remedies)} or spikelet.Limits if you trust the file"
        if memory > self.max_memory:
            remedy += ", or use fewer images or time-steps"
        reason = f"needs up to {found}; the limit is {expected}; {remedy}"
        raise CostError.at(subject, reason, expected=expected, found=found, remedy=remedy)


def parse(text: str, unit: int) -> int:
    """Convert a text such as "512M", "8G" or "1e11" to a number.

    Args:
        text: A number with or without a suffix k, M, G or T.
        unit: 1024 for bytes, 1000 for operations.

    Raises:
        ValueError: The text is not such a number, or is below 1.
    """
    match = _NUMBER.fullmatch(text.strip())
    value = float(match[1]) * unit ** " kmgt".index(match[2].lower() or " ") if match else 0.0
    if not 1 <= value < 2**63:
        raise ValueError(f"expected a number such as 512M, 8G or 1e11, found {text!r}")
    return int(value)


def size(count: int) -> str:
    """Format a number of bytes.

    Examples:
        >>> size(5_000_000_000)
        '4.657 GiB'
    """
    if count < 1024:
        return f"{count} bytes"
    power = min(int(math.log(count, 1024)), 4)
    return f"{count / 1024**power:.4g} {'KMGT'[power - 1]}iB"


def _upwards(count: int) -> str:
    """Round up to an argument of --max-memory."""
    power = max(1, min(int(math.log(max(count, 1), 1024)), 4))
    return f"{math.ceil(count / 1024**power)}{'KMGT'[power - 1]}"


def in_environment(max_memory: int | None, max_operations: int | None) -> AbstractContextManager[None]:
    """Set the limits inside the block, in this process and its child processes; None leaves a limit as it is."""
    settings = {MAX_MEMORY: max_memory, MAX_OPERATIONS: max_operations}
    return variables({name: str(value) for name, value in settings.items() if value is not None})
