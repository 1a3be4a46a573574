"""Write a file whole or not at all: temporary file beside the target, fsync, rename."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from spikelet.errors import SpikeletError


@contextmanager
def replacing(path: Path, private: bool = False) -> Iterator[IO[bytes]]:
    """A binary file that becomes `path` when the block ends well; otherwise `path` stays as it was.

    private: for the owner's eyes only.

    Raises:
        SpikeletError: the folder cannot be written or the disk is full.
    """
    temporary: Path | None = None
    try:
        try:
            with tempfile.NamedTemporaryFile(
                dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
            ) as file:
                temporary = Path(file.name)
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o600 if private else 0o666 & ~_umask())
            temporary.replace(path)
            temporary = None
            _sync_folder(path.parent)
        except OSError as error:
            raise SpikeletError(f"{path}: could not be written ({error.strerror or error})") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder; there the rename alone has to do.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
