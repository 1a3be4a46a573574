"""Exceptions of spikelet.

Every message names the object, the expected value, the found value and the remedy.
"""

from __future__ import annotations

import mmap


class SpikeletError(Exception):
    """Base class of all errors raised by spikelet. The command line prints them without a stack trace."""


class UsageError(SpikeletError):
    """Invalid arguments: a missing file, time-steps beyond `exact_steps`. The command line exits with code 2."""


class GraphError(SpikeletError):
    """The network is not a valid graph of IR version 1."""


class BundleError(SpikeletError):
    """The bundle file cannot be read or violates a rule of the format."""


class SignatureError(BundleError):
    """The signature required by the policy is missing, or a key or signature file is not usable."""


class DataError(SpikeletError):
    """Images, labels or a data set cannot be read or do not fit the network's input."""


class EngineError(SpikeletError):
    """The engine cannot run the graph, or a time-step lies beyond its exact range."""


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


def out_of_memory(error: Exception) -> bool:
    """Whether an error means that memory ran out; torch, ONNX Runtime and the loader raise types of their own."""
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
