"""Replay the proof that a bundle carries, on this machine: the same input, every spike the same.

Without --engine every engine that is installed has to pass. With --key the file must be signed by that key too.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from spikelet import bundle as bundles
from spikelet import signing
from spikelet.cli.common import emit, existing
from spikelet.engines import ENGINES, available
from spikelet.verify import Verification, verify

HELP = "replay a bundle's golden inputs and compare every spike"
EXAMPLE = "spikelet verify vgg9-cifar10.snnb --engine onnx"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("bundle", type=existing, metavar="BUNDLE")
    parser.add_argument("--engine", choices=["auto", *ENGINES], help="only this one; default: all that work here")
    parser.add_argument("--key", type=existing, metavar="NAME.pub", help="public key that must have signed the file")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    policy = None if args.key is None else signing.Policy((signing.read_public_key(args.key),), required=True)
    bundle = bundles.read(args.bundle, policy)
    signature = signing.status(args.bundle, None if policy is None else policy.keys)
    found = [verify(bundle, name) for name in ([args.engine] if args.engine else available(bundle.graph))]
    ok = all(each.ok for each in found)
    facts = {
        "ok": ok,
        "bundle": str(args.bundle),
        "digest": bundle.digest,
        "exact_steps": bundle.manifest.exact_steps,
        "signature": asdict(signature),
        "engines": [asdict(each) | {"ok": each.ok} for each in found],
    }
    emit(
        args,
        facts,
        "\n".join(
            [
                f"{args.bundle}: file is whole, sha256 {bundle.digest[:16]}…",
                f"signature: {signature.state}; {signature.detail}",
                *map(_text, found),
            ]
        ),
    )
    return 0 if ok else 1


def _text(found: Verification) -> str:
    verdict = "ok" if found.ok else "DIFFERS"
    text = (
        f"{found.engine:<6} {verdict}: {found.differing_spikes} differing spikes of {found.spikes:,} "
        f"({found.neuron_steps:,} neuron steps; {found.samples} images, {found.steps} time-steps), "
        f"{found.differing_logits} differing logits"
    )
    if found.first is not None:
        first = found.first
        text += f"; first at layer {first.layer}, neuron {first.neuron}, time-step {first.time}, image {first.sample}"
    return text
