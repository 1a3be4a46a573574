"""Compiled libraries, kept by digest of source, flags and processor.

A file is the library with the sha256 of its bytes behind it (a loader ignores what follows an ELF file's end), so a
damaged one is seen before it is loaded, and made again.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path

from spikelet.atomic import replacing
from spikelet.errors import SpikeletError

DIGEST = 32


def folder() -> Path:
    """Where libraries are kept: $SPIKELET_CACHE, else the user's cache folder."""
    named = os.environ.get("SPIKELET_CACHE")
    if named:
        return Path(named) / "native"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "spikelet" / "native"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spikelet" / "native"


def state() -> str:
    """The folder, and what is wrong with it if something is."""
    path = folder()
    existing = next((each for each in (path, *path.parents) if each.exists()), path)
    if path.exists() and not trusted(path):
        return f"{path}, not used: others may write to it"
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        return f"{path}, not used: it cannot be written; every process compiles anew"
    return str(path)


def trusted(path: Path) -> bool:
    """Whether this user alone (or root) can have put a file there: code is loaded from it."""
    if os.name != "posix":
        return True
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_uid in (os.getuid(), 0) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def find(key: str) -> Path | None:
    """The library of that key, if it is here, whole, and nobody else's."""
    path = folder() / f"{key}.so"
    if not (trusted(path.parent) and trusted(path)):
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return path if hashlib.sha256(data[:-DIGEST]).digest() == data[-DIGEST:] else None


def sealed(data: bytes) -> bytes:
    """A library as it is kept."""
    return data + hashlib.sha256(data).digest()


def keep(key: str, data: bytes) -> Path | None:
    """Keep a library; None where the folder cannot be written, or others may write to it."""
    path = folder() / f"{key}.so"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not trusted(path.parent):
            return None
        with replacing(path) as file:
            file.write(sealed(data))
        path.chmod(0o700)
    except (OSError, SpikeletError):
        return None
    return path
