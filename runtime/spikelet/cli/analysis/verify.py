"""Replay the golden inputs of a bundle on this machine and compare every spike.

Without --engine, every installed engine is verified. The golden inputs are also replayed through the file's step.onnx,
with ONNX Runtime if it is installed and with NumPy otherwise. With --key, the file must also be signed by that key.

The exit code is 0 if every spike and logit is as expected, and 1 if the file breaks a rule of the format, an engine
differs, or step.onnx does not compute the graph.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from spikelet import signing
from spikelet.choices import ENGINES
from spikelet.cli.arguments import add_bundle, existing
from spikelet.cli.printing import emit
from spikelet.display import number_of

if TYPE_CHECKING:
    from spikelet.verify import StepVerification, Verification

HELP = "replay a bundle's golden inputs and compare every spike"
EXAMPLE = "spikelet verify vgg9-cifar10 --engine onnx"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    parser.add_argument("--engine", choices=["auto", *ENGINES], help="engine to use (default: all that are available)")
    parser.add_argument("--key", type=existing, metavar="NAME.pub", help="public key that the file must be signed with")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet import bundle as bundles
    from spikelet.engines import available
    from spikelet.verify import verify, verify_step

    policy = None if args.key is None else signing.Policy((signing.read_public_key(args.key),), required=True)
    bundle = bundles.read(args.bundle, policy)
    signature = signing.status(args.bundle, None if policy is None else policy.keys)
    results = [verify(bundle, name) for name in ([args.engine] if args.engine else available(bundle.graph))]
    step = verify_step(bundle)
    ok = step.ok and all(result.ok for result in results)
    facts = {
        "ok": ok,
        "bundle": str(args.bundle),
        "digest": bundle.digest,
        "exact_steps": bundle.manifest.exact_steps,
        "signature": asdict(signature),
        "engines": [result.as_json() for result in results],
        "step_model": step.as_json(),
    }
    emit(
        args,
        facts,
        "\n".join(
            [
                f"{args.bundle}: integrity OK, sha256 {bundle.digest[:16]}…",
                f"signature: {signature.text}",
                *map(_text, results),
                _step_text(step),
            ]
        ),
    )
    return 0 if ok else 1


def _text(result: Verification) -> str:
    verdict = "ok" if result.ok else "DIFFERS"
    text = (
        f"{result.engine:<6} {verdict}: {result.differing_spikes} differing spikes of {result.spikes:,} "
        f"({result.neuron_steps:,} neuron steps; {number_of(result.samples, 'image')}, "
        f"{number_of(result.steps, 'time-step')}), "
        f"{result.differing_logits} differing logits"
    )
    if result.first is not None:
        first = result.first
        text += f"; first at layer {first.layer}, neuron {first.neuron}, time-step {first.time}, image {first.sample}"
    return text


def _step_text(step: StepVerification) -> str:
    text = f"step.onnx {'ok' if step.ok else 'DIFFERS'}: {step}"
    if step.runtime.startswith("NumPy"):
        text += '; to run it with ONNX Runtime, pip install "spikelet[ort]"'
    return text
