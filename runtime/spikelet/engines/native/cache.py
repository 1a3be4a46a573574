"""Cache of compiled libraries, by digest of source, flags and processor.

A file is the library followed by the sha256 of its bytes (a loader ignores data after the end of an ELF file). A
damaged file is detected before it is loaded, and compiled again.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path

from spikelet.errors import SpikeletError
from spikelet.files.atomic import replacing

DIGEST = 32  # bytes of a sha256


def folder() -> Path:
    """Return the folder of the cache: $SPIKELET_CACHE, else the user's cache folder."""
    chosen = os.environ.get("SPIKELET_CACHE")
    if chosen:
        return Path(chosen) / "native"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "spikelet" / "native"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spikelet" / "native"


def state() -> str:
    """Return the folder as text, followed by the reason if it cannot be used."""
    path = folder()
    existing = next((ancestor for ancestor in (path, *path.parents) if ancestor.exists()), path)
    if path.exists() and not trusted(path):
        return f"{path}, not used: others may write to it"
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        return f"{path}, not used: it cannot be written; every process compiles again"
    return str(path)


def trusted(path: Path) -> bool:
    """Return whether only this user or root can write a file or folder from which code is loaded."""
    if os.name != "posix":
        return True
    try:
        status = path.stat()
    except OSError:
        return False
    return status.st_uid in (os.getuid(), 0) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def find(key: str) -> Path | None:
    """Return the path of the library, if it exists, is undamaged and trusted; else None."""
    path = folder() / f"{key}.so"
    if not (trusted(path.parent) and trusted(path)):
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return path if hashlib.sha256(data[:-DIGEST]).digest() == data[-DIGEST:] else None


def with_digest(data: bytes) -> bytes:
    """Return the content of a cache file: the library and its digest."""
    return data + hashlib.sha256(data).digest()


def keep(key: str, data: bytes) -> Path | None:
    """Store a library and return its path; None if the folder is not writable, or writable by others."""
    path = folder() / f"{key}.so"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not trusted(path.parent):
            return None
        with replacing(path) as file:
            file.write(with_digest(data))
        path.chmod(0o700)
    except (OSError, SpikeletError):
        return None
    return path
