"""Sign bundles and check their signatures.

Examples:
    spikelet.signing.status(path).state  # "trusted", "unknown key", "unsigned", "invalid" or "unchecked"
"""

from spikelet.signing.keys import (
    MAX_BYTES,
    PublicKey,
    encode_private,
    encode_public,
    new_key,
    public_key,
    read_private_key,
    read_public_key,
)
from spikelet.signing.policy import REQUIRE, TRUSTED_KEYS, Policy, enforce, required_here, status, trusted_keys
from spikelet.signing.signature import SUFFIX, Status, check, sign, signature_file

__all__ = [
    "MAX_BYTES",
    "REQUIRE",
    "SUFFIX",
    "TRUSTED_KEYS",
    "Policy",
    "PublicKey",
    "Status",
    "check",
    "encode_private",
    "encode_public",
    "enforce",
    "new_key",
    "public_key",
    "read_private_key",
    "read_public_key",
    "required_here",
    "sign",
    "signature_file",
    "status",
    "trusted_keys",
]
