"""Signature policy: the trusted keys, and whether bundles must be signed by one of them.

The policy is set by environment variables, so that it applies to every program on a device:

    SPIKELET_TRUSTED_KEYS       files or folders of public keys (*.pub), separated by ":"; if set, signatures are
                                required
    SPIKELET_REQUIRE_SIGNATURE  1: signatures are required even if no key is named; every bundle is refused then
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from spikelet import options
from spikelet.environment import variables
from spikelet.errors import SignatureError, SpikeletError
from spikelet.signing.keys import PublicKey, read_public_key
from spikelet.signing.signature import Status, check

TRUSTED_KEYS, REQUIRE = "SPIKELET_TRUSTED_KEYS", "SPIKELET_REQUIRE_SIGNATURE"


@dataclass(frozen=True)
class Policy:
    """A signature policy.

    Attributes:
        keys: Trusted keys.
        required: Whether bundles without a signature of a trusted key are refused.
    """

    keys: tuple[PublicKey, ...] = ()
    required: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", _keys(self.keys))
        options.instance("required", self.required, bool)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Policy:
        """Read the policy from environment variables.

        Args:
            environment: Variables by name; None uses those of the process.

        Raises:
            SignatureError: A named file is missing or not a key. A policy that cannot be applied refuses every bundle.
            MissingDependency: Keys are named and the package cryptography is not installed.
        """
        values = os.environ if environment is None else environment
        paths = values.get(TRUSTED_KEYS)
        try:
            keys = trusted_keys(paths or "")
        except SignatureError as error:
            raise SignatureError(f"{TRUSTED_KEYS}: {error}; every bundle is refused") from None
        return cls(keys, paths is not None or values.get(REQUIRE, "") not in ("", "0"))


def trusted_keys(paths: str) -> tuple[PublicKey, ...]:
    """Read the keys of files and folders (*.pub), separated by ":" (";" on Windows). Raises as `from_environment`."""
    options.instance("paths", paths, str)
    keys: list[PublicKey] = []
    for name in filter(None, paths.split(os.pathsep)):
        path = options.path("paths", name)
        files = sorted(path.glob("*.pub")) if os.path.isdir(path) else [path]
        if not files:
            raise SignatureError(f"{path}: there is no public key (*.pub) in this folder")
        keys += map(read_public_key, files)
    return tuple(keys)


def status(path: str | Path, keys: Iterable[PublicKey] | None = None) -> Status:
    """Check the signature of a bundle without decoding the bundle.

    Args:
        path: The bundle file; its signature is PATH.sig.
        keys: Trusted keys; None uses those of the environment.

    Returns:
        The status. Failures are reported as states.

    Raises:
        UsageError: An argument is of a wrong type.
    """
    path = options.path("path", path)
    keys = None if keys is None else _keys(keys)
    try:
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        return Status("invalid", "", f"{path}: cannot be read ({error.strerror})")
    try:
        trusted = Policy.from_environment().keys if keys is None else keys
    except SpikeletError as error:
        return Status("unchecked", "", str(error))
    return check(path, digest, trusted)


def _keys(value: object) -> tuple[PublicKey, ...]:
    keys = tuple(value) if isinstance(value, list | tuple | set | frozenset) else value
    options.instances("keys", keys, PublicKey)
    return cast(tuple[PublicKey, ...], keys)


def enforce(path: str | Path, content: bytes | memoryview, policy: Policy) -> None:
    """Apply the policy to a bundle.

    Args:
        path: The bundle file.
        content: The bytes that will be decoded.
        policy: The policy.

    Raises:
        SignatureError: The policy requires a signature of a trusted key, and there is none.
    """
    options.instance("policy", policy, Policy)
    options.content("content", content)
    if not policy.required:
        return
    path = options.path("path", path)
    if not policy.keys:
        raise SignatureError(f"a signature is required, and no key is trusted; name public keys in {TRUSTED_KEYS}")
    result = check(path, hashlib.sha256(content).digest(), policy.keys)
    if result.state != "trusted":
        raise SignatureError(f"a signature of a trusted key is required: {result.detail}")


def required_here() -> AbstractContextManager[None]:
    """Require signatures inside the block, in this process and its child processes."""
    return variables({REQUIRE: "1"})
