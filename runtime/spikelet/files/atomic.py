"""Write files atomically: write temporary files next to the targets, fsync, then rename."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias

from spikelet.errors import SpikeletError

PART = 2**20  # characters of a text that are encoded at a time
REMEDIES = {
    errno.ENOENT: "create the folder first",
    errno.ENOTDIR: "choose another folder",
    errno.EISDIR: "choose the name of a file",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOSPC: "free some space, or choose another disk",
    errno.EDQUOT: "free some space, or choose another disk",
    errno.EFBIG: "choose another disk",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "choose a folder in which you can create files"),
}
NAME_CHARACTERS = 50  # characters of a name in the name of its temporary file


@dataclass(frozen=True)
class Pieces:
    """A text that is written piece by piece, because it may be too large for the memory.

    Attributes:
        make: Returns a new iterator over the pieces at each call.
    """

    make: Callable[[], Iterator[str]]

    def __iter__(self) -> Iterator[str]:
        return self.make()

    def __str__(self) -> str:
        return "".join(self)


Text: TypeAlias = str | Pieces


@contextmanager
def replacing(path: Path, private: bool = False) -> Iterator[IO[bytes]]:
    """Open a temporary binary file that replaces `path` when the block succeeds.

    If the block raises, `path` is left unchanged.

    Args:
        path: The file to write.
        private: Whether only the owner may read the file (mode 0600).

    Raises:
        SpikeletError: The folder is not writable, the disk is full, or `path` is a device or a pipe.
    """
    temporary: Path | None = None
    try:
        try:
            with suppress(FileNotFoundError):
                path.lstat()  # detects a name that the system does not permit
            if path.exists() and not (path.is_file() or path.is_dir()):  # the rename would replace it
                raise SpikeletError(f"{path}: is a device or a pipe; expected the name of a file")
            prefix = f".{path.name[:NAME_CHARACTERS]}."  # the longest name that a system permits must stay possible
            name = path.parent / f"{prefix}{secrets.token_hex(8)}.part"
            # created with its mode: the umask can be read only by changing it, also for all other threads
            with open(name, "x+b", opener=partial(os.open, mode=0o600 if private else 0o666)) as file:
                temporary = name
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            temporary = None
            _sync_folder(path.parent)
        except OSError as error:
            raise not_written(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def not_written(path: Path, error: OSError) -> SpikeletError:
    """Return the error of a file that could not be written, with a remedy if the system states the cause."""
    reason, remedy = f"could not be written ({error.strerror or error})", REMEDIES.get(error.errno or 0, "")
    return SpikeletError.at(str(path), "; ".join(filter(None, (reason, remedy))), remedy=remedy)


def write_files(folder: str | Path, contents: Mapping[str, Text | bytes]) -> None:
    """Write several files to a folder. All are written before the first target is replaced.

    Missing folders are created, and removed again if the files cannot be written. Other files in the folder are kept.

    Args:
        folder: The folder.
        contents: Content by file name, or by path below the folder; text is encoded as UTF-8.

    Raises:
        SpikeletError: The folder is not writable or the disk is full.
    """
    folder = Path(folder)
    folders = {(folder / name).parent: None for name in contents} | {folder: None}
    created: list[Path] = []
    try:
        for path in folders:
            try:
                created += [parent for parent in (*reversed(path.parents), path) if not parent.exists()]
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SpikeletError(f"{path}: the folder could not be created ({error.strerror or error})") from error
        with ExitStack() as files:
            for name, content in contents.items():
                file = files.enter_context(replacing(folder / name))
                _write(file, content)
                file.flush()  # detects a full disk before the first target is replaced
    except BaseException:
        for parent in reversed(created):
            with suppress(OSError):
                parent.rmdir()
        raise


def _write(file: IO[bytes], content: Text | bytes) -> None:
    if isinstance(content, bytes):
        file.write(content)
        return
    for piece in [content] if isinstance(content, str) else content:
        for start in range(0, len(piece), PART):
            file.write(piece[start : start + PART].encode())


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder; the rename is not synchronised there.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
