"""Exceptions of spikelet.

Every message names the object, the expected value, the found value and the remedy.
"""

from __future__ import annotations

import copyreg
import mmap
from pathlib import PurePath
from typing import Self

_SHORT = 64 << 20  # bytes


class SpikeletError(Exception):
    """Base class of all errors raised by spikelet. The command line prints them without a stack trace.

    The text is for people; programs read the attributes. An attribute that does not apply is empty.

    Args:
        message: The whole text.
        where: Value of the attribute `where`; likewise for the arguments that follow.

    Attributes:
        message: The text as it was raised; `str(error)` may begin with the name of a file, see `locate`.
        where: The invalid object: a file, a member of a bundle, a node, a field.
        reason: What is wrong, without the object; by default the whole text.
        expected: The value that was expected.
        found: The value that was found.
        remedy: What to do.

    Examples:
        >>> error = BundleError.at("card.md", "is too long", found="9 bytes", expected="at most 8")
        >>> str(error), error.where, error.found
        ('card.md: is too long', 'card.md', '9 bytes')
    """

    def __init__(
        self,
        message: str = "",
        *,
        where: str = "",
        reason: str = "",
        expected: str = "",
        found: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.reason = reason or message
        self.expected = expected
        self.found = found
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        """Return what `pickle` restores. The constructor is not called: those of subclasses take other arguments."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    @classmethod
    def at(cls, where: str, reason: str, *, expected: str = "", found: str = "", remedy: str = "") -> Self:
        """Return an error whose text is the invalid object and the reason, separated by a colon."""
        text = f"{where}: {reason}"
        return cls(text, where=where, reason=reason, expected=expected, found=found, remedy=remedy)

    def locate(self, prefix: object) -> Self:
        """Put the name of a file in front of the text, unless it is there; the attributes do not change."""
        text = str(self).removeprefix(f"{prefix}: ").removeprefix(f"{PurePath(str(prefix)).name}: ")
        self.args = (f"{prefix}: {text}",)
        return self

    def shorten(self, length: int) -> Self:
        """Cut the attributes after `length` characters, and the text accordingly."""
        joined = self.message == f"{self.where}: {self.reason}"
        for name in ("message", "where", "reason", "expected", "found", "remedy"):
            setattr(self, name, _cut(getattr(self, name), length))
        if joined:
            self.message = f"{self.where}: {self.reason}"
        self.args = (self.message,)
        return self


class UsageError(SpikeletError):
    """Invalid arguments: a missing file, time-steps beyond `exact_steps`. The command line exits with code 2."""


class GraphError(SpikeletError):
    """The network is not a valid graph."""


class BundleError(SpikeletError):
    """The bundle file cannot be read or violates a rule of the format.

    Attributes:
        member: Name of the invalid member; empty if the file as a whole is invalid.
    """

    member = ""

    def within(self, member: str) -> Self:
        """Set the member that is invalid; the text does not change."""
        self.member = member
        return self


class SignatureError(BundleError):
    """The signature required by the policy is missing, or a key or signature file is not usable."""


class DataError(SpikeletError):
    """Images, labels or a data set cannot be read or do not fit the network's input."""


class EngineError(SpikeletError):
    """The engine cannot run the graph, or a time-step lies beyond its exact range."""


class CostError(SpikeletError):
    """A network or a run needs more memory or operations than a limit permits, see `spikelet.limits`."""


class ConversionError(SpikeletError):
    """The source network has no exact spiking form. The message names the module and its location."""


class Cancelled(SpikeletError):
    """The caller cancelled the operation.

    Args:
        work: Name of the operation.
    """

    def __init__(self, work: str) -> None:
        super().__init__(f"{work}: cancelled")


class MissingDependency(SpikeletError, ImportError):
    """An optional package is not installed. The message names the extra that installs it.

    Args:
        package: Name of the package.
        extra: Extra of spikelet that installs it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed: pip install "spikelet[{extra}]"')
        self.package = package
        self.extra = extra


class OutOfMemory(SpikeletError, MemoryError):
    """The system has no memory left for the work."""

    def __new__(cls, *arguments: object, **attributes: object) -> Self:
        """Create the error with `Exception.__new__`: Python rejects `MemoryError.__new__` for a class of two bases."""
        return Exception.__new__(cls, *arguments)


def translated(error: Exception, where: str, kind: type[SpikeletError] = EngineError) -> SpikeletError:
    """Convert an exception of another package or of the system to the SpikeletError to raise from it.

    Args:
        error: The exception; a SpikeletError is returned as it is.
        where: Operation that raised it.
        kind: Class of the result, unless memory ran out.
    """
    if isinstance(error, SpikeletError):
        return error
    if out_of_memory(error):
        remedy = "use fewer images or time-steps at a time, or a machine with more memory"
        return OutOfMemory.at(where, f"out of memory; {remedy}{unstated_cause(error)}", remedy=remedy)
    if isinstance(error, OSError):
        file = "" if error.filename is None else f"{error.filename}: "
        return kind.at(where, f"{file}{error.strerror or error}", found=type(error).__name__)
    return kind.at(where, f"failed with {type(error).__name__}: {one_line(error)}", found=type(error).__name__)


class Translating:
    """Context in which exceptions of other packages and of the system become errors of spikelet, with their cause.

    Args:
        where: Operation of the block.
        kind: Class of the errors, unless memory runs out.
    """

    def __init__(self, where: str, kind: type[SpikeletError] = EngineError) -> None:
        self._where, self._kind = where, kind

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, SpikeletError):
            raise translated(error, self._where, self._kind) from error


def one_line(error: Exception) -> str:
    """Return the text of an exception of another package in one line, and at most 500 characters of it."""
    return _cut(" ".join(str(error).split()), 500)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def pass_out_of_memory(error: Exception, where: str) -> None:
    """Raise OutOfMemory if an exception of another package means that memory ran out.

    Args:
        error: The exception.
        where: The file or operation at which it was raised.
    """
    if out_of_memory(error):
        raise translated(error, where) from error


def out_of_memory(error: Exception) -> bool:
    """Whether an error means that memory ran out; torch, ONNX Runtime and the loader raise types of their own."""
    return _states_lack_of_memory(error) or _memory_is_short()


def unstated_cause(error: Exception) -> str:
    """Return the error in parentheses if memory is short but the error does not state it; otherwise "".

    Such an error can have another cause, which the message must not hide.
    """
    if _states_lack_of_memory(error):
        return ""
    return f" (less than {_SHORT >> 20} MiB available; {type(error).__name__}: {one_line(error)})"


def _states_lack_of_memory(error: Exception) -> bool:
    texts = (
        "allocate memory",
        "bad allocation",
        "bad_alloc",
        "could not create a primitive",  # oneDNN
        "error return without exception set",  # extension modules that fail while they load
        "failed to map segment",
        "start new thread",
    )
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in texts)


def _memory_is_short() -> bool:
    """Whether the system refuses 64 MiB. An unexpected error, for instance of an import, is then most likely due to it.

    That is the size of an allocator's arena, which libraries reserve for each thread.
    """
    # private, so that limits on the data segment apply too; its pages are never written
    kind = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    try:
        mmap.mmap(-1, _SHORT, **kind).close()
    except (OSError, MemoryError):
        return True
    return False
