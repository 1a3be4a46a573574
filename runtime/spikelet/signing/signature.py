"""The signature file of a bundle: `NAME.snnb.sig`, a text file next to it.

    spikelet-signature 1
    sha256 DIGEST
    key PUBLIC-KEY SIGNATURE        (base64; one line per key)

The signed message is a fixed prefix followed by the SHA-256 of the bundle, so that signatures of other messages or
bundles are never valid. Several keys may sign, for instance during a change of keys; all lines must be valid.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spikelet import options
from spikelet.errors import MissingDependency, SignatureError, SpikeletError, UsageError
from spikelet.signing.keys import PublicKey, public_key, read_small

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SUFFIX = ".sig"
HEAD = "spikelet-signature 1"
PREFIX = b"spikelet bundle signature 1\0"
MAX_SIGNATURES = 16

State = Literal["unsigned", "trusted", "unknown key", "invalid", "unchecked"]
Entry = tuple[PublicKey, bytes]


@dataclass(frozen=True)
class Status:
    """Result of checking a bundle's signature.

    Attributes:
        state: "unsigned": there is no signature. "trusted": valid, by a trusted key. "unknown key": valid, by a key
            that is not trusted. "invalid": made for other bytes, or damaged. "unchecked": the package cryptography
            or a readable key is missing.
        key: Id of the key that signed, or "".
        detail: A sentence for users.
    """

    state: State
    key: str
    detail: str

    @property
    def text(self) -> str:
        """State and detail in one line."""
        return self.detail if self.state == "unsigned" else f"{self.state}; {self.detail}"


def signature_file(path: str | Path) -> Path:
    """Return the path of a bundle's signature file: the path of the bundle with `.sig` appended.

    Raises:
        UsageError: The path has no file name, such as "." or "/".
    """
    path = options.path("path", path)
    if not path.name:
        raise UsageError.at("path", f"expected the path of a file, found {str(path)!r}", expected="the path of a file")
    return path.with_name(path.name + SUFFIX)


def check(path: str | Path, digest: bytes, keys: tuple[PublicKey, ...]) -> Status:
    """Check the signature file of a bundle.

    Args:
        path: The bundle file.
        digest: SHA-256 of the bundle's bytes.
        keys: Trusted keys.
    """
    path = options.path("path", path)
    options.instance("digest", digest, bytes)
    options.instances("keys", keys, PublicKey)
    file = signature_file(path)
    if not os.path.lexists(file):
        return Status("unsigned", "", f"not signed (no {file.name})")
    try:
        signed_digest, entries = _decode(file)
        if signed_digest != digest:
            raise SignatureError(f"{file}: was made for other bytes than those of {path.name}")
        for key, signature in entries:
            if not key.fits(signature, PREFIX + digest):
                raise SignatureError(f"{file}: the signature of key {key.id} is wrong")
    except MissingDependency as error:
        return Status("unchecked", "", str(error))
    except SignatureError as error:
        return Status("invalid", "", str(error))
    signers = {key.raw for key, _ in entries}
    for key in keys:
        if key.raw in signers:
            return Status("trusted", key.id, f"signed by {key.id}{f' ({key.name})' if key.name else ''}, a trusted key")
    ids = ", ".join(key.id for key, _ in entries)
    return Status("unknown key", entries[0][0].id, f"signed by {ids}, which is not among the trusted keys")


def sign(path: str | Path, private_key: Ed25519PrivateKey) -> bytes:
    """Sign a bundle and return the new content of its signature file.

    Valid signatures by other keys are kept.

    Args:
        path: The bundle file.
        private_key: Key from `new_key` or `read_private_key`.

    Raises:
        SpikeletError: The bundle cannot be read.
    """
    path = options.path("path", path)
    try:
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise SpikeletError(f"{path}: cannot be read ({error.strerror})") from None
    key = public_key(private_key)
    entries = [entry for entry in _valid_entries(signature_file(path), digest) if entry[0].raw != key.raw]
    entries.append((key, private_key.sign(PREFIX + digest)))
    return _encode(digest, entries[-MAX_SIGNATURES:])


def _valid_entries(file: Path, digest: bytes) -> list[Entry]:
    """Return the entries that are valid for this digest; those of an older bundle at this path are dropped."""
    if not file.exists():
        return []
    try:
        signed_digest, entries = _decode(file)
    except SignatureError:
        return []
    return [(key, sig) for key, sig in entries if signed_digest == digest and key.fits(sig, PREFIX + digest)]


def _encode(digest: bytes, entries: list[Entry]) -> bytes:
    lines = [HEAD, f"sha256 {digest.hex()}"]
    lines += [f"key {_text(key.raw)} {_text(signature)}" for key, signature in entries]
    return ("\n".join(lines) + "\n").encode()


def _decode(file: Path) -> tuple[bytes, list[Entry]]:
    """Return (signed SHA-256, entries). Raises SignatureError."""
    content = read_small(file)
    try:
        lines = content.decode("ascii").splitlines()
        if lines[:1] != [HEAD]:
            raise SignatureError(f"{file}: does not begin with {HEAD!r}; a newer spikelet may read it")
        kind, digest = lines[1].split(" ")
        entries = [_entry(line) for line in lines[2:]]
        signed_digest = bytes.fromhex(digest)
        # canonical form only: base64 has unused bits that decoders ignore
        if kind != "sha256" or not 1 <= len(entries) <= MAX_SIGNATURES or _encode(signed_digest, entries) != content:
            raise ValueError
        return signed_digest, entries
    except (ValueError, IndexError):
        raise SignatureError(f"{file}: is damaged; get it again, or sign the bundle again") from None


def _entry(line: str) -> Entry:
    keyword, key, signature = line.split(" ")
    raw, raw_signature = base64.b64decode(key, validate=True), base64.b64decode(signature, validate=True)
    if keyword != "key" or len(raw) != 32 or len(raw_signature) != 64:
        raise ValueError
    return PublicKey(raw), raw_signature


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
