"""The signature file: detached text beside the bundle, `NAME.snnb.sig`.

    spikelet-signature 1
    sha256 DIGEST
    key PUBLIC-KEY SIGNATURE        (base64; one line a key)

Signed is the SHA-256 of the whole file behind a fixed prefix, so that a signature made for anything else, or for
another bundle, never fits. Two keys may sign while one replaces the other; each line has to be sound.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from spikelet.errors import MissingDependency, SignatureError, SpikeletError
from spikelet.signing.keys import PublicKey, public_key, read_small

SUFFIX = ".sig"
HEAD = "spikelet-signature 1"
PREFIX = b"spikelet bundle signature 1\0"
MAX_SIGNATURES = 16

State = Literal["unsigned", "trusted", "unknown key", "invalid", "unchecked"]
Entry = tuple[PublicKey, bytes]


@dataclass(frozen=True)
class Status:
    """What a bundle's signature is worth here.

    state: "unsigned": there is none. "trusted": a trusted key made it, for these very bytes. "unknown key": sound,
        by a key that is not trusted here. "invalid": not made for these bytes, or damaged. "unchecked": it could
        not be checked, for lack of the package or of a readable key.
    key: id of the key that signed, or "". detail: a sentence for people.
    """

    state: State
    key: str
    detail: str


def signature_file(path: Path) -> Path:
    """Where the signature of the bundle at `path` lies: beside it, `.sig` after its name."""
    return path.with_name(path.name + SUFFIX)


def check(path: Path, digest: bytes, keys: tuple[PublicKey, ...]) -> Status:
    """Hold the signature file of the bundle at `path` against the SHA-256 of its bytes. keys: those trusted."""
    file = signature_file(path)
    if not file.exists():
        return Status("unsigned", "", f"{path.name} has no signature ({file.name} is not there)")
    try:
        announced, entries = _decode(file)
        if announced != digest:
            raise SignatureError(f"{file}: was made for other bytes than those of {path.name}")
        for key, signature in entries:
            if not key.fits(signature, PREFIX + digest):
                raise SignatureError(f"{file}: the signature of key {key.id} is wrong")
    except MissingDependency as error:
        return Status("unchecked", "", str(error))
    except SignatureError as error:
        return Status("invalid", "", str(error))
    made = {key.raw for key, _ in entries}
    for key in keys:
        if key.raw in made:
            return Status("trusted", key.id, f"signed by {key.id}{f' ({key.name})' if key.name else ''}, a trusted key")
    ids = ", ".join(key.id for key, _ in entries)
    return Status("unknown key", entries[0][0].id, f"signed by {ids}, which is not among the trusted keys")


def sign(path: Path, private_key: Any) -> bytes:
    """The content of the signature file of `path`, with this key's signature added to those that fit already.

    Raises:
        SpikeletError: the bundle cannot be read.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise SpikeletError(f"{path}: cannot be read ({error.strerror})") from None
    key = public_key(private_key)
    entries = [each for each in _standing(signature_file(path), digest) if each[0].raw != key.raw]
    entries.append((key, private_key.sign(PREFIX + digest)))
    return _encode(digest, entries[-MAX_SIGNATURES:])


def _standing(file: Path, digest: bytes) -> list[Entry]:
    """Entries that fit the bytes of today; those of an older bundle at this path are not carried on."""
    if not file.exists():
        return []
    try:
        announced, entries = _decode(file)
    except SignatureError:
        return []
    return [each for each in entries if announced == digest and each[0].fits(each[1], PREFIX + digest)]


def _encode(digest: bytes, entries: list[Entry]) -> bytes:
    lines = [HEAD, f"sha256 {digest.hex()}"]
    lines += [f"key {_text(key.raw)} {_text(signature)}" for key, signature in entries]
    return ("\n".join(lines) + "\n").encode()


def _decode(file: Path) -> tuple[bytes, list[Entry]]:
    """(SHA-256 that was signed, entries). Raises SignatureError."""
    content = read_small(file)
    try:
        lines = content.decode("ascii").splitlines()
        if lines[:1] != [HEAD]:
            raise SignatureError(f"{file}: does not begin with {HEAD!r}; a newer spikelet may read it")
        kind, digest = lines[1].split(" ")
        entries = [_entry(line) for line in lines[2:]]
        announced = bytes.fromhex(digest)
        # one form for each content: base64 alone would leave a few bits that nobody looks at
        if kind != "sha256" or not 1 <= len(entries) <= MAX_SIGNATURES or _encode(announced, entries) != content:
            raise ValueError
        return announced, entries
    except (ValueError, IndexError):
        raise SignatureError(f"{file}: is damaged; get it again, or sign anew") from None


def _entry(line: str) -> Entry:
    word, key, signature = line.split(" ")
    raw, made = base64.b64decode(key, validate=True), base64.b64decode(signature, validate=True)
    if word != "key" or len(raw) != 32 or len(made) != 64:
        raise ValueError
    return PublicKey(raw), made


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
