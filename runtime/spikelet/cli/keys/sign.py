"""Sign a bundle: write BUNDLE.sig next to it, to be distributed with it.

Valid signatures of other keys are kept, so that a new key can sign before an old one is retired.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spikelet import signing
from spikelet.cli.arguments import add_bundle, existing
from spikelet.cli.keys.keygen import password
from spikelet.cli.printing import emit
from spikelet.files.atomic import replacing
from spikelet.signing.keys import read_small

HELP = "sign a bundle"
EXAMPLE = "spikelet sign vgg9-cifar10 --key keys/release-2026.key"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    parser.add_argument("--key", type=existing, required=True, metavar="NAME.key", help="private key to sign with")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles

    # an invalid bundle is not signed; signatures of other keys are not required
    bundle = bundles.read(args.bundle, signing.Policy())
    key = signing.read_private_key(args.key, password(args.key) if _encrypted(args.key) else None)
    content, file = signing.sign(args.bundle, key), signing.signature_file(args.bundle)
    with replacing(file) as out:
        out.write(content)
    keys = [signing.public_key(key)]
    status = signing.status(args.bundle, keys)
    facts = {"bundle": str(args.bundle), "digest": bundle.digest, "signature": str(file), "key": status.key}
    emit(args, facts, f"{file}: sha256 {bundle.digest[:16]}…, signed by {status.key}")
    return 0


def _encrypted(path: Path) -> bool:
    return b"ENCRYPTED" in read_small(path)
