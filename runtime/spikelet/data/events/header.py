"""Text headers of recordings: lines before the events that begin with a mark such as `#`."""

from __future__ import annotations

from collections.abc import Iterator

from spikelet.errors import DataError


def header_lines(content: bytes, mark: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the lines of a header, without the mark, and the position after each.

    Args:
        content: The file.
        mark: The first byte of each line.

    Raises:
        DataError: The last line does not end.

    Examples:
        >>> list(header_lines(b"%evt 2.0\\n%end\\n...", b"%"))
        [(b'evt 2.0', 9), (b'end', 14)]
    """
    start = 0
    while content[start : start + 1] == mark:
        end = content.find(b"\n", start)
        if end < 0:
            raise DataError("the header does not end")
        yield content[start + 1 : end], end + 1
        start = end + 1


def header_end(content: bytes, mark: bytes) -> int:
    """Return the position after the last line of a header; 0 if there is none."""
    return max((end for _, end in header_lines(content, mark)), default=0)
