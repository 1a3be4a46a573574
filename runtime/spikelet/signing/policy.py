"""Which keys are trusted, and whether a bundle has to be signed by one of them.

The environment says it, so that it holds for every program that a device runs:

    SPIKELET_TRUSTED_KEYS       files or folders of public keys (*.pub), parted by ":"; set, it makes a signature a must
    SPIKELET_REQUIRE_SIGNATURE  1: a signature is a must even where no key is named: everything is refused then
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spikelet.errors import SignatureError, SpikeletError
from spikelet.signing.keys import PublicKey, read_public_key
from spikelet.signing.signature import Status, check

TRUSTED_KEYS, REQUIRE = "SPIKELET_TRUSTED_KEYS", "SPIKELET_REQUIRE_SIGNATURE"


@dataclass(frozen=True)
class Policy:
    """keys: those that are trusted. required: whether a bundle without a signature of one of them is refused."""

    keys: tuple[PublicKey, ...] = ()
    required: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Policy:
        """What the environment says.

        Raises:
            SignatureError: a key that is named is not there or no key. MissingDependency: keys are named, and the
                package that reads them is missing. A policy that cannot be kept refuses; it never lets pass.
        """
        values = os.environ if environment is None else environment
        places = values.get(TRUSTED_KEYS)
        try:
            keys = trusted_keys(places or "")
        except SignatureError as error:
            raise SignatureError(f"{TRUSTED_KEYS}: {error}; every bundle is refused") from None
        return cls(keys, places is not None or values.get(REQUIRE, "") not in ("", "0"))


def trusted_keys(places: str) -> tuple[PublicKey, ...]:
    """The keys in files and folders (*.pub), parted by ":" (";" on Windows). Raises as `from_environment`."""
    found: list[PublicKey] = []
    for place in filter(None, places.split(os.pathsep)):
        path = Path(place)
        files = sorted(path.glob("*.pub")) if path.is_dir() else [path]
        if not files:
            raise SignatureError(f"{path}: there is no public key (*.pub) in this folder")
        found += map(read_public_key, files)
    return tuple(found)


def status(path: str | Path, keys: Iterable[PublicKey] | None = None) -> Status:
    """What the signature beside the bundle at `path` is worth, without reading the file as a bundle.

    keys: those that are trusted; None takes the environment's. Raises nothing: every trouble is a state.
    """
    path = Path(path)
    try:
        digest = hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        return Status("invalid", "", f"{path}: cannot be read ({error.strerror})")
    try:
        trusted = Policy.from_environment().keys if keys is None else tuple(keys)
    except SpikeletError as error:
        return Status("unchecked", "", str(error))
    return check(path, digest, trusted)


def enforce(path: Path, content: bytes | memoryview, policy: Policy) -> None:
    """Refuse the bundle unless the policy is content. content: the very bytes that will be parsed.

    Raises:
        SignatureError: the policy requires a signature of a trusted key, and there is none.
    """
    if not policy.required:
        return
    if not policy.keys:
        raise SignatureError(f"a signature is required, and no key is trusted; name public keys in {TRUSTED_KEYS}")
    found = check(path, hashlib.sha256(content).digest(), policy.keys)
    if found.state != "trusted":
        raise SignatureError(f"a signature of a trusted key is required: {found.detail}")


@contextmanager
def required_here() -> Iterator[None]:
    """A signature is a must inside the block, in this process and those that it starts."""
    before = os.environ.get(REQUIRE)
    os.environ[REQUIRE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[REQUIRE]
        else:
            os.environ[REQUIRE] = before
