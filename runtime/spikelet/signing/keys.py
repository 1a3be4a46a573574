"""Ed25519 keys (RFC 8032) in the files that OpenSSL reads too: PKCS 8 and SubjectPublicKeyInfo, in PEM."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikelet.errors import MissingDependency, SignatureError

MAX_BYTES = 2**14  # of a key file or a signature file


@dataclass(frozen=True)
class PublicKey:
    """raw: its 32 bytes. name: of the file it came from, or ""."""

    raw: bytes
    name: str = ""

    @property
    def id(self) -> str:
        """What people compare: the first 16 hex digits of the key's SHA-256."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def fits(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is this key's, of this message. Raises MissingDependency."""
        kind = ed25519().Ed25519PublicKey
        from cryptography.exceptions import InvalidSignature

        try:
            kind.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def new_key() -> Any:
    """A new private key, from the system's random source. Raises MissingDependency."""
    return ed25519().Ed25519PrivateKey.generate()


def public_key(private_key: Any) -> PublicKey:
    """The public half of a private key."""
    return PublicKey(private_key.public_key().public_bytes_raw())


def encode_private(key: Any, password: str | None = None) -> bytes:
    """The private key in PEM; encrypted where there is a password."""
    from cryptography.hazmat.primitives import serialization as form

    lock = form.BestAvailableEncryption(password.encode()) if password else form.NoEncryption()
    content: bytes = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock)
    return content


def encode_public(key: PublicKey) -> bytes:
    """The public key in PEM."""
    public = ed25519().Ed25519PublicKey.from_public_bytes(key.raw)
    from cryptography.hazmat.primitives import serialization as form

    content: bytes = public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    return content


def read_private_key(path: Path, password: str | None = None) -> Any:
    """A private key in PEM.

    Raises:
        SignatureError: no such file, not such a key, or the password does not open it.
    """
    kind, content = ed25519().Ed25519PrivateKey, read_small(path)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(content, password.encode() if password else None)
    except Exception as error:  # cryptography has many kinds, and some of its own, for what it cannot read
        raise SignatureError(f"{path}: not a private key that can be opened ({error})") from None
    if not isinstance(key, kind):
        raise SignatureError(f"{path}: not an Ed25519 private key; make one with spikelet keygen")
    return key


def read_public_key(path: Path) -> PublicKey:
    """A public key in PEM.

    Raises:
        SignatureError: no such file, or not such a key.
    """
    kind, content = ed25519().Ed25519PublicKey, read_small(path)
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(content)
    except Exception as error:  # as above
        raise SignatureError(f"{path}: not a public key in PEM ({error})") from None
    if not isinstance(key, kind):
        raise SignatureError(f"{path}: not an Ed25519 public key; make one with spikelet keygen")
    return PublicKey(key.public_bytes_raw(), path.stem)


def read_small(path: Path) -> bytes:
    """The bytes of a key file or a signature file. Raises SignatureError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SignatureError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > MAX_BYTES:
        raise SignatureError(f"{path}: more than {MAX_BYTES} bytes; not a key or signature file")
    return content


def ed25519() -> Any:
    """The module that does the mathematics. Raises MissingDependency."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519 as module
    except ModuleNotFoundError:
        raise MissingDependency("cryptography", "sign") from None
    return module
