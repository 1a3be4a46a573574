"""Errors that a person can act on.

Every message names the object, what was expected, what was found and what to do.
"""

from __future__ import annotations

import mmap


class SpikeletError(Exception):
    """Base of every error that spikelet raises on purpose; the CLI prints it without a stack trace."""


class UsageError(SpikeletError):
    """A call that cannot be meant: a file that is not there, steps beyond what is proven. Exit code 2."""


class GraphError(SpikeletError):
    """A network that is not a valid graph of IR version 1."""


class BundleError(SpikeletError):
    """A bundle file that breaks a rule of the format."""


class SignatureError(BundleError):
    """A bundle without the signature that a policy requires, or a key or signature file that cannot be used."""


class DataError(SpikeletError):
    """Images, labels or a data set that cannot be read or do not fit the input contract."""


class EngineError(SpikeletError):
    """An engine that cannot run a graph, or is asked to go past its exact range."""


class ConversionError(SpikeletError):
    """A source network that has no exact spiking form; names the module and its place."""


class Cancelled(SpikeletError):
    """Work that its caller stopped; names the work."""

    def __init__(self, work: str) -> None:
        super().__init__(f"{work}: cancelled")


class MissingDependency(SpikeletError, ImportError):
    """An optional package that is not installed; the message says which extra brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed: pip install "spikelet[{extra}]"')
        self.package = package
        self.extra = extra


def out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: torch, ONNX Runtime, the loader and threads raise errors of their own for it."""
    texts = (
        "allocate memory",
        "bad allocation",
        "bad_alloc",
        "could not create a primitive",  # oneDNN
        "error return without exception set",  # extension modules that fail while they load
        "failed to map segment",
        "start new thread",
    )
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in texts) or _memory_is_short()


def _memory_is_short() -> bool:
    """Whether the system refuses 64 MiB: then any unexpected error, of an import for instance, comes from that."""
    try:
        mmap.mmap(-1, 64 << 20).close()  # no page of it is touched
    except (OSError, MemoryError):
        return True
    return False
