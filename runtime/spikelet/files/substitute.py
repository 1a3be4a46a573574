"""Recognise content that stands in the place of a file: what a failed download leaves, or the file in an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from spikelet.errors import SpikeletError

BEGIN = 512  # bytes of a file that are examined
AGAIN = "download the file itself"
Archive = Literal["gzip", "ZIP"]


class Substitute(NamedTuple):
    """Content in the place of a file, as the found value of an error, and its remedy."""

    found: str
    remedy: str
    explanation: str = ""

    @property
    def reason(self) -> str:
        """What is wrong with the file, and the remedy."""
        return f"is {self.found}{self.explanation}; {self.remedy}"


EMPTY = Substitute("empty", "its download or copy was probably interrupted, get the file again", " (0 bytes)")
PAGE = Substitute("a web page", AGAIN, " (HTML or XML), not the file")
ZIP = Substitute("a ZIP archive", "unpack it first")
ABSENT = Substitute("the answer of a server that does not have the file", f"{AGAIN} from another address")
POINTER = Substitute(
    "a Git LFS pointer", f"run `git lfs pull` in its repository, or {AGAIN}", ", not the file that it stands for"
)
STREAM = Substitute("a pipe or a device", "write its content to a file first", "; expected a file")
_TEXTS = {
    b"version https://git-lfs.github.com/spec/": POINTER,
    b"404: not found": ABSENT,
    **dict.fromkeys((b"<!doctype", b"<html", b"<?xml", b"<head", b"<error", b"<!--"), PAGE),
}
_GZIP, _ZIP = b"\x1f\x8b\x08", b"PK\x03\x04"
_COMPRESSED = {
    _GZIP: Substitute("compressed with gzip", "unpack it first, for instance with `gzip -dc IN > OUT`"),
    b"BZh": Substitute("compressed with bzip2", "unpack it first"),
    b"\xfd7zXZ\0": Substitute("compressed with xz", "unpack it first"),
    b"\x28\xb5\x2f\xfd": Substitute("compressed with Zstandard", "unpack it first"),
    b"7z\xbc\xaf\x27\x1c": Substitute("a 7-Zip archive", "unpack it first"),
    b"Rar!\x1a\x07": Substitute("a RAR archive", "unpack it first"),
}
_NAME = slice(30, None)  # of the first member, after its header
_FILES = (".snnb", ".npz", ".pt", ".pth", ".ckpt", ".pt2", ".onnx", ".nir")  # no member of a file of these formats


def substitute_of(path: Path, accepted: Archive | None = None) -> Substitute | None:
    """Return what stands in the place of a file, or None if the content may be that of the file.

    Args:
        path: The file; None is returned for one that cannot be opened.
        accepted: "gzip" for a format that may be compressed, "ZIP" for one that is a ZIP archive. Such an archive is
            refused if its first member is a folder or a file of a network or of data.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            return STREAM  # a pipe without a writer would block
        with path.open("rb") as file:
            begin = file.read(BEGIN)
    except OSError:
        return None
    if not begin:
        return EMPTY
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, substitute in _TEXTS.items():
        if text.startswith(start):
            return substitute
    if begin.startswith(_ZIP) and (accepted != "ZIP" or _contains_file(begin)):
        return ZIP
    if begin.startswith(_GZIP) and accepted == "gzip":
        return None
    return next((substitute for magic, substitute in _COMPRESSED.items() if begin.startswith(magic)), None)


def refuse_substitute(path: Path, kind: type[SpikeletError], accepted: Archive | None = None) -> None:
    """Raise an error of type `kind` if a file has the content of something else, see `substitute_of`."""
    substitute = substitute_of(path, accepted)
    if substitute is not None:
        raise kind.at(str(path), substitute.reason, found=substitute.found, remedy=substitute.remedy)


def _contains_file(begin: bytes) -> bool:
    name = begin[_NAME][: int.from_bytes(begin[26:28], "little")].decode("utf-8", "replace")
    return name.lower().endswith(("/", *_FILES))
