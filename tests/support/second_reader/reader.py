"""Read a file: every rule of docs/bundle.md, in the order of the page."""

from __future__ import annotations

from dataclasses import dataclass

from second_reader.container import split
from second_reader.document import check_text, parse
from second_reader.golden import Golden, golden
from second_reader.manifest import check_description, check_members, check_versions
from second_reader.network import Network, build
from second_reader.proofs import check_numbers, proven_steps
from second_reader.refused import Refused, require
from second_reader.step import Model, parse_model
from second_reader.tensors import tensors


@dataclass(frozen=True)
class Contents:
    """Contents of a file.

    Attributes:
        network: The network.
        golden: Golden inputs with their results.
        exact_steps: Time-steps within which an exact network may run, or None for float32.
        scale: Value of one unit of a logit.
        step: The model of step.onnx, or None if it was not read.
        lowering_version: Version of the lowering that wrote step.onnx.
    """

    network: Network
    golden: Golden
    exact_steps: int | None
    scale: float
    step: Model | None
    lowering_version: int


def read(content: bytes | memoryview, step: bool = False) -> Contents:
    """Read the bytes of a file.

    Args:
        content: The file.
        step: Read step.onnx too; a reader that runs the graph itself need not.

    Raises:
        Refused: The file breaks a rule.
    """
    members = split(memoryview(content))
    manifest = parse(members["manifest.json"], "manifest.json")
    check_versions(manifest)
    check_members(manifest, members)
    require(len(members["step.onnx"]) <= 2**22, "step", f"{len(members['step.onnx'])} bytes")
    ir_version = manifest["ir_version"]
    assert isinstance(ir_version, int)
    arrays = tensors(members["weights.safetensors"], "weights.safetensors")
    network = build(manifest.get("graph"), arrays, ir_version)
    check_description(manifest, network)
    steps = None
    if network.exact:
        bits, steps = manifest["bits"], manifest["exact_steps"]
        assert isinstance(bits, int)
        assert isinstance(steps, int)
        proven = proven_steps(network, bits)
        require(steps <= proven, "exactness", f"exact_steps is {steps}, {proven} are proven")
    else:
        check_numbers(network)
    stored = golden(network, tensors(members["golden.safetensors"], "golden.safetensors"), steps)
    _check_card(members["card.md"])
    scale = network.nodes[network.output].attributes["scale"]
    assert isinstance(scale, float)
    model = parse_model(members["step.onnx"], members["weights.safetensors"]) if step and members["step.onnx"] else None
    version = manifest["lowering_version"]
    assert isinstance(version, int)
    return Contents(network, stored, steps, scale, model, version)


def _check_card(content: memoryview) -> None:
    require(len(content) <= 2**20, "card", f"{len(content)} bytes")
    try:
        check_text(bytes(content).decode("utf-8"), "card.md", allowed="\t\n", most=2**20)
    except (UnicodeDecodeError, Refused) as error:
        raise Refused("card", str(error)) from None
