"""Read and write bundle files."""

from __future__ import annotations

import hashlib
import json
import mmap
from dataclasses import dataclass, field, replace
from pathlib import Path

from spikelet.atomic import replacing
from spikelet.bundle import archive, golden, manifest, safetensors, schema, strict_json
from spikelet.bundle.fields import Fields
from spikelet.bundle.golden import Golden
from spikelet.bundle.manifest import Manifest
from spikelet.errors import BundleError, GraphError
from spikelet.graph import IR_VERSION, Graph
from spikelet.lowering.onnx import step as lowering
from spikelet.lowering.onnx.audit import audit
from spikelet.lowering.onnx.protobuf import External
from spikelet.ranges import exact_steps
from spikelet.signing import Policy, enforce
from spikelet.version import __version__

SUFFIX = ".snnb"
WEIGHTS = "weights.safetensors"
MEMBERS = ("manifest.json", WEIGHTS, "step.onnx", "golden.safetensors", "card.md")
MAX_FILE = 2**31
MAX_STEP = 2**22  # bytes of step.onnx, without weights
MAX_CARD = 2**20


@dataclass(frozen=True)
class Bundle:
    """A network with its metadata and golden inputs.

    Attributes:
        graph: The network.
        manifest: Metadata.
        golden: Golden inputs with their spikes and logits.
        card: Model card in Markdown.
        digest: SHA-256 of the file in hexadecimal, or "" if the bundle was not read from a file.
        pages: Memory map of the file, or None if it is not mapped.
    """

    graph: Graph
    manifest: Manifest
    golden: Golden
    card: str
    digest: str = ""
    pages: mmap.mmap | None = field(default=None, repr=False, compare=False)

    def release(self) -> None:
        """Release the resident pages of a mapped file. They are read again on access."""
        if self.pages is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.pages.madvise(mmap.MADV_DONTNEED)


def write(bundle: Bundle, path: Path) -> str:
    """Write a bundle file atomically. Equal bundles give identical bytes.

    Args:
        bundle: The bundle.
        path: File to write; an existing file is replaced.

    Returns:
        SHA-256 of the file, in hexadecimal.

    Raises:
        SpikeletError: The folder is not writable or the disk is full. An existing file is left unchanged.
    """
    document, tensors = schema.encode(bundle.graph)
    weights = safetensors.encode(tensors)
    members = {
        WEIGHTS: weights,
        "step.onnx": _step_onnx(bundle.graph, weights),
        "golden.safetensors": safetensors.encode(golden.encode(bundle.golden)),
        "card.md": bundle.card.encode(),
    }
    text = {
        "format_version": ".".join(map(str, manifest.FORMAT)),
        "ir_version": IR_VERSION,
        "lowering_version": lowering.LOWERING_VERSION,
        "producer": {"name": "spikelet", "version": __version__},
        **manifest.encode(bundle.manifest),
        "graph": document,
        "members": {name: _fingerprint(data) for name, data in members.items()},
    }
    encoded = json.dumps(text, indent=1, allow_nan=False, ensure_ascii=False).encode()
    digest = hashlib.sha256()
    with replacing(path) as file:
        for part in archive.pack({"manifest.json": encoded, **members}):
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def read(path: Path, policy: Policy | None = None) -> Bundle:
    """Read a bundle and check its signature, if required, and every rule of the format.

    Weights stay in the memory-mapped file. If a signature is required, the file is read into memory instead, so that
    later changes of the file cannot affect the verified content.

    Args:
        path: The bundle file.
        policy: Signature policy; None uses the policy of the environment.

    Raises:
        BundleError: The file cannot be read or violates a rule. The message names the member and the rule.
        SignatureError: The policy requires a signature that the file does not have.
    """
    policy = Policy.from_environment() if policy is None else policy
    content = _content(path, in_memory=policy.required)
    try:
        enforce(path, content, policy)
        bundle = decode(content)
    except BundleError as error:
        raise type(error)(f"{path}: {error}") from None
    bundle = replace(bundle, pages=content.obj if isinstance(content.obj, mmap.mmap) else None)
    bundle.release()
    return bundle


def _content(path: Path, in_memory: bool) -> memoryview:
    try:
        # reading a pipe or a device may not terminate
        if path.exists() and not path.is_file():
            raise BundleError(f"{path}: cannot be read (not a file)")
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size == 0 or size > MAX_FILE:
                raise BundleError(f"{path}: {size} bytes; expected a bundle of 1 to {MAX_FILE}")
            if in_memory:
                file.seek(0)
                return memoryview(file.read(size))
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from None


def decode(buffer: bytes | memoryview) -> Bundle:
    """Decode and check the bundle in `buffer`. Raises BundleError, as `read` does."""
    members = archive.unpack(buffer)
    if "manifest.json" not in members:
        raise BundleError("manifest.json is missing")
    source = Fields("manifest.json", strict_json.decode("manifest.json", members["manifest.json"]))
    manifest.check_versions(source, IR_VERSION)
    _check_members(source, members)
    graph = schema.decode(source.object("graph"), safetensors.decode(WEIGHTS, members[WEIGHTS]))
    described = manifest.decode(source, graph.exact, graph.classes)
    # checked first: golden inputs, logits and spikes have full size, so that all later sizes are bounded by the file
    golden_inputs = golden.decode(safetensors.decode("golden.safetensors", members["golden.safetensors"]), graph)
    _check_exact(graph, described)
    _check_step(graph, members, source.whole("lowering_version"))
    return Bundle(graph, described, golden_inputs, _card(members["card.md"]), hashlib.sha256(buffer).hexdigest())


def _card(content: memoryview) -> str:
    if len(content) > MAX_CARD:
        raise BundleError(f"card.md: {len(content)} bytes, expected at most {MAX_CARD}")
    try:
        text = bytes(content).decode()
        strict_json.check_text(text)
    except ValueError as error:  # includes UnicodeDecodeError
        raise BundleError(f"card.md: not plain UTF-8 text ({error})") from None
    return text


def _check_members(source: Fields, members: dict[str, memoryview]) -> None:
    listed = source.object("members")
    for name in MEMBERS:
        if name not in members:
            raise BundleError(f"{name} is missing")
    for name in members:
        if name not in MEMBERS:
            raise BundleError(f"{name} is no member of a bundle")
    if tuple(members) != MEMBERS:
        raise BundleError(f"its members lie in another order than {', '.join(MEMBERS)}; it was re-packed")
    for name, data in members.items():
        if name == "manifest.json":
            continue
        entry = listed.object(name)
        if entry.whole("size") != len(data):
            raise BundleError(f"{name}: {len(data)} bytes, the manifest says {entry.whole('size')}")
        if entry.text("sha256") != hashlib.sha256(data).hexdigest():
            raise BundleError(f"{name}: its bytes were changed (sha256 differs from the manifest's)")


def _check_exact(graph: Graph, described: Manifest) -> None:
    if not graph.exact:
        return
    try:
        proven = exact_steps(graph)
    except GraphError as error:
        raise BundleError(str(error)) from None
    # a later version may prove more steps than the writer's version, never fewer
    if described.exact_steps is None or not 1 <= described.exact_steps <= proven:
        raise BundleError(f"manifest.json: exact_steps is {described.exact_steps}, the weights allow {proven}")


def _check_step(graph: Graph, members: dict[str, memoryview], version: int) -> None:
    """Require step.onnx to match the graph or, for another lowering version, to use only what spikelet writes."""
    content = members["step.onnx"]
    if len(content) > MAX_STEP:
        raise BundleError(f"step.onnx: {len(content)} bytes, expected at most {MAX_STEP}")
    if version != lowering.LOWERING_VERSION:
        audit("step.onnx", content, _external_weights(members[WEIGHTS]))
    elif lowering.embedded(graph) > len(content) or _step_onnx(graph, members[WEIGHTS]) != bytes(content):
        raise BundleError("step.onnx: is not the graph of the manifest")


def _step_onnx(graph: Graph, weights: bytes | memoryview) -> bytes:
    """Return one time-step as ONNX, with external weights in the safetensors member."""
    return lowering.step_model(graph, _external_weights(weights))


def _external_weights(weights: bytes | memoryview) -> dict[str, External]:
    offsets = safetensors.data_offsets(weights)
    return {name: External(WEIGHTS, offset, length) for name, (offset, length) in offsets.items()}


def _fingerprint(data: bytes) -> dict[str, str | int]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
