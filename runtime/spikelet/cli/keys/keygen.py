"""Make a pair of keys: NAME.key to sign with and to keep, NAME.pub for every device that shall trust it.

The private key can be locked with a password: --password asks for one, or takes it from SPIKELET_KEY_PASSWORD.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from spikelet import signing
from spikelet.atomic import replacing
from spikelet.cli.common import emit
from spikelet.errors import UsageError

HELP = "make a pair of keys for signing bundles"
EXAMPLE = "spikelet keygen keys/release-2026 --password"
VARIABLE = "SPIKELET_KEY_PASSWORD"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("name", type=Path, metavar="NAME", help="of both files, without an ending")
    parser.add_argument("--password", action="store_true", help="lock the private key")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    private, public = (args.name.with_name(args.name.name + ending) for ending in (".key", ".pub"))
    for path in (private, public):
        if path.exists():
            raise UsageError(f"{path}: is there already; a key is not written over, choose another name")
    if not args.name.parent.is_dir():
        raise UsageError(f"{args.name.parent}: no such folder")
    key = signing.new_key()
    secret = signing.encode_private(key, password(private) if args.password else None)
    with replacing(private, private=True) as file, replacing(public) as other:  # both or none
        for half, content in ((file, secret), (other, signing.encode_public(signing.public_key(key)))):
            half.write(content)
            half.flush()
    facts = {"private": str(private), "public": str(public), "id": signing.public_key(key).id}
    emit(
        args,
        facts,
        f"{private}: sign with it, and keep it to yourself\n"
        f"{public}: give it to devices; name it in {signing.TRUSTED_KEYS} there\nkey id {facts['id']}",
    )
    return 0


def password(path: Path) -> str:
    """The password of a private key: from the environment, or asked for. Raises UsageError."""
    found = os.environ.get(VARIABLE)
    if found is None and sys.stdin.isatty():
        found = getpass.getpass(f"password of {path}: ")
    if not found:
        raise UsageError(f"{path}: a password is needed; type it, or set {VARIABLE}")
    return found
