"""Write a file, or the files of a folder, whole or not at all: temporary files beside the targets, fsync, rename."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
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


def write_files(folder: Path, contents: Mapping[str, str | bytes]) -> None:
    """Files of one folder, by name, text as UTF-8: all are written before the first of them takes its place.

    A folder that is not there is made, and goes away again where the files cannot be written. What else is in the
    folder stays.

    Raises:
        SpikeletError: as for `replacing`.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SpikeletError(f"{folder}: the folder could not be made ({error.strerror or error})") from error
        with ExitStack() as files:
            for name, content in contents.items():
                file = files.enter_context(replacing(folder / name))
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()  # a full disk is found here, not after the first file took its place
    except BaseException:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        raise


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
