"""Read files that are decoded as a whole, within the limit of memory."""

from __future__ import annotations

from pathlib import Path

from spikelet.errors import UsageError
from spikelet.limits import Limits

PER_BYTE = 64  # bytes of memory per byte of text, at most: for lists in a list


def check_size(path: Path) -> None:
    """Raise CostError if a file is larger than the limit of memory."""
    Limits().check(str(path), path.stat().st_size)


def read_whole(path: Path) -> bytes:
    """Read a file.

    Raises:
        CostError: It is larger than the limit of memory.
        OSError: It cannot be read.
    """
    check_size(path)
    return path.read_bytes()


def read_text(path: Path, kind: str) -> str:
    """Read a file in UTF-8 whose parsed form is within the limit of memory.

    Args:
        path: The file.
        kind: Name of the format, for messages.

    Raises:
        UsageError: The file cannot be read, or is not text in UTF-8.
        CostError: Its parsed form may need more memory than the limit permits.
    """
    try:
        limits = Limits()
        with path.open("rb") as file:  # a pipe or a device states no size, and may not end
            content = file.read(limits.max_memory // PER_BYTE + 1)
        limits.check(str(path), PER_BYTE * len(content))
        return content.decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise UsageError(f"{path}: not a {kind} file ({error})") from None
