"""Ed25519 keys (RFC 8032) in PEM files compatible with OpenSSL: PKCS 8 and SubjectPublicKeyInfo."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from spikelet import options
from spikelet.errors import MissingDependency, SignatureError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_BYTES = 2**14  # of a key file or a signature file
KEY_BYTES = 32  # of a public key
MAX_PASSWORD = 1023  # bytes that the package cryptography encrypts with


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 public key.

    Attributes:
        raw: The 32 bytes of the key.
        name: Name of its file, without suffix, or "".
    """

    raw: bytes
    name: str = ""

    def __post_init__(self) -> None:
        options.instance("PublicKey.raw", self.raw, bytes)
        options.instance("PublicKey.name", self.name, str)

    @property
    def id(self) -> str:
        """Fingerprint: the first 16 hexadecimal digits of the key's SHA-256."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def fits(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature of the message was made with this key. Raises MissingDependency."""
        kind = ed25519().Ed25519PublicKey
        from cryptography.exceptions import InvalidSignature

        try:
            kind.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def new_key() -> Ed25519PrivateKey:
    """Generate a private key from the system's random source. Raises MissingDependency."""
    key: Ed25519PrivateKey = ed25519().Ed25519PrivateKey.generate()
    return key


def public_key(private_key: Ed25519PrivateKey) -> PublicKey:
    """Return the public key of a private key. Raises UsageError for anything else."""
    options.instance("private_key", private_key, ed25519().Ed25519PrivateKey)
    return PublicKey(private_key.public_key().public_bytes_raw())


def encode_private(key: Ed25519PrivateKey, password: str | None = None) -> bytes:
    """Encode a private key as PEM, encrypted if a password is given.

    Raises:
        UsageError: An argument is of a wrong type.
    """
    options.instance("key", key, ed25519().Ed25519PrivateKey)
    secret = _secret(password)
    from cryptography.hazmat.primitives import serialization

    encryption = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    content: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return content


def _secret(password: object) -> bytes | None:
    """Return the bytes of a password, or None without one."""
    if password is None:
        return None
    options.instance("password", password, str)
    secret = str(password).encode("utf-8", "surrogatepass")
    if len(secret) > MAX_PASSWORD:
        reason = f"expected at most {MAX_PASSWORD} bytes, found {len(secret)}"
        raise UsageError.at("password", reason, expected=f"at most {MAX_PASSWORD} bytes", found=str(len(secret)))
    return secret or None


def encode_public(key: PublicKey) -> bytes:
    """Encode a public key as PEM. Raises UsageError for anything else."""
    options.instance("key", key, PublicKey)
    if len(key.raw) != KEY_BYTES:
        raise SignatureError(f"key: expected {KEY_BYTES} bytes, found {len(key.raw)}")
    public = ed25519().Ed25519PublicKey.from_public_bytes(key.raw)
    from cryptography.hazmat.primitives import serialization

    content: bytes = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return content


def read_private_key(path: str | Path, password: str | None = None) -> Ed25519PrivateKey:
    """Read a private key in PEM.

    Args:
        path: The key file.
        password: Password of an encrypted key, or None.

    Raises:
        SignatureError: The file cannot be read, is not an Ed25519 private key, or the password is wrong.
        MissingDependency: The package cryptography is not installed.
    """
    path = options.path("path", path)
    secret = _secret(password)
    kind, content = ed25519().Ed25519PrivateKey, read_small(path)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(content, secret)
    except Exception as error:  # cryptography raises many exception types for unreadable keys
        raise SignatureError(f"{path}: not a private key that can be opened ({error})") from None
    if not isinstance(key, kind):
        raise SignatureError(f"{path}: not an Ed25519 private key; make one with spikelet keygen")
    private_key: Ed25519PrivateKey = key
    return private_key


def read_public_key(path: str | Path) -> PublicKey:
    """Read a public key in PEM.

    Raises:
        SignatureError: The file cannot be read or is not an Ed25519 public key.
        MissingDependency: The package cryptography is not installed.
    """
    path = options.path("path", path)
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
    """Return the bytes of a key file or signature file. Raises SignatureError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SignatureError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > MAX_BYTES:
        raise SignatureError(f"{path}: more than {MAX_BYTES} bytes; not a key or signature file")
    return content


def ed25519() -> ModuleType:
    """Import the Ed25519 module of the package cryptography. Raises MissingDependency."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519 as module
    except ModuleNotFoundError:
        raise MissingDependency("cryptography", "sign") from None
    return module
