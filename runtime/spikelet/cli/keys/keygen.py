"""Create a key pair: the private key NAME.key for signing, and the public key NAME.pub for devices that verify.

With --password, the private key is encrypted; the password is asked for or taken from SPIKELET_KEY_PASSWORD.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from spikelet import signing
from spikelet.cli.output_files import check_output_file
from spikelet.cli.printing import emit
from spikelet.errors import UsageError
from spikelet.files.atomic import replacing

HELP = "create a key pair for signing bundles"
EXAMPLE = "spikelet keygen keys/release-2026 --password"
VARIABLE = "SPIKELET_KEY_PASSWORD"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("name", type=Path, metavar="NAME", help="path of both files, without a suffix")
    parser.add_argument("--password", action="store_true", help="encrypt the private key with a password")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if not args.name.name:
        raise UsageError(f"{args.name}: is a folder; expected a path that ends in the name of the keys")
    private, public = (args.name.with_name(args.name.name + ending) for ending in (".key", ".pub"))
    for path in (private, public):
        if path.exists():
            raise UsageError(f"{path}: already exists; keys are not overwritten, choose another name")
    check_output_file(private)
    key = signing.new_key()
    secret = signing.encode_private(key, password(private) if args.password else None)
    with replacing(private, private=True) as private_file, replacing(public) as public_file:  # both or none
        for file, content in ((private_file, secret), (public_file, signing.encode_public(signing.public_key(key)))):
            file.write(content)
            file.flush()
    facts = {"private": str(private), "public": str(public), "id": signing.public_key(key).id}
    emit(
        args,
        facts,
        f"{private}: private key; keep it secret\n"
        f"{public}: public key; copy it to devices and name it in {signing.TRUSTED_KEYS}\nkey id {facts['id']}",
    )
    return 0


def password(path: Path) -> str:
    """Return the password of a private key, from the environment or a prompt. Raises UsageError."""
    secret = os.environ.get(VARIABLE)
    if secret is None and sys.stdin.isatty():
        secret = getpass.getpass(f"password of {path}: ")
    if not secret:
        raise UsageError(f"{path}: a password is needed; type it, or set {VARIABLE}")
    return secret
