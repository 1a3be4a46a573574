"""A bundle as one value, and the file that holds it."""

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
MAX_STEP = 2**22  # bytes of step.onnx, whose weights lie elsewhere
MAX_CARD = 2**20


@dataclass(frozen=True)
class Bundle:
    """graph: the network. manifest: what is said of it. golden: its proof. card: a model card in Markdown.

    digest: sha256 of the file it was read from, or "" for one that was not. pages: of that file, where it is mapped.
    """

    graph: Graph
    manifest: Manifest
    golden: Golden
    card: str
    digest: str = ""
    pages: mmap.mmap | None = field(default=None, repr=False, compare=False)

    def release(self) -> None:
        """Give the system back what it read of a mapped file; what is asked for again is read again."""
        if self.pages is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.pages.madvise(mmap.MADV_DONTNEED)


def write(bundle: Bundle, path: Path) -> str:
    """Write the file whole or not at all; the same bundle gives the same bytes.

    Returns the sha256 digest of the file, in hexadecimal.

    Raises:
        SpikeletError: the folder cannot be written, or the disk is full; what was at `path` stays.
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
    """Read a bundle, checking its signature where the policy asks for one, and then every rule of the format.

    Weights stay in the memory-mapped file. Where a signature is required the file is read into memory instead:
    what was checked is then what runs, whatever becomes of the file.

    policy: on signatures; None takes that of the environment.

    Raises:
        BundleError: there is no such file, or it breaks a rule: the message says which member and how.
        SignatureError: the policy asks for a signature that the file does not have.
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
        # a pipe or a device might never end
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
    """The bundle in `buffer`. Raises BundleError, as `read` does."""
    members = archive.unpack(buffer)
    if "manifest.json" not in members:
        raise BundleError("manifest.json is missing")
    source = Fields("manifest.json", strict_json.decode("manifest.json", members["manifest.json"]))
    manifest.check_versions(source, IR_VERSION)
    _check_members(source, members)
    graph = schema.decode(source.object("graph"), safetensors.decode(WEIGHTS, members[WEIGHTS]))
    described = manifest.decode(source, graph.exact, graph.classes)
    # first: its inputs, logits and spikes are there in full, so that from here on all sizes are those of the file
    proof = golden.decode(safetensors.decode("golden.safetensors", members["golden.safetensors"]), graph)
    _check_exact(graph, described)
    _check_step(graph, members, source.whole("lowering_version"))
    return Bundle(graph, described, proof, _card(members["card.md"]), hashlib.sha256(buffer).hexdigest())


def _card(content: memoryview) -> str:
    if len(content) > MAX_CARD:
        raise BundleError(f"card.md: {len(content)} bytes, expected at most {MAX_CARD}")
    try:
        text = bytes(content).decode()
        strict_json.check_text(text)
    except ValueError as error:  # of which a UnicodeDecodeError is one
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
    # a later version may prove more than the writer's did, never less
    if described.exact_steps is None or not 1 <= described.exact_steps <= proven:
        raise BundleError(f"manifest.json: exact_steps is {described.exact_steps}, the weights allow {proven}")


def _check_step(graph: Graph, members: dict[str, memoryview], version: int) -> None:
    """step.onnx must be what this version writes; of another version, built of nothing but what spikelet writes."""
    content = members["step.onnx"]
    if len(content) > MAX_STEP:
        raise BundleError(f"step.onnx: {len(content)} bytes, expected at most {MAX_STEP}")
    if version != lowering.LOWERING_VERSION:
        audit("step.onnx", content, _places(members[WEIGHTS]))
    elif lowering.embedded(graph) > len(content) or _step_onnx(graph, members[WEIGHTS]) != bytes(content):
        raise BundleError("step.onnx: is not the graph of the manifest")


def _step_onnx(graph: Graph, weights: bytes | memoryview) -> bytes:
    """One time-step as ONNX; its weights are those of the safetensors member, by file name and offset."""
    return lowering.step_model(graph, _places(weights))


def _places(weights: bytes | memoryview) -> dict[str, External]:
    offsets = safetensors.data_offsets(weights)
    return {name: External(WEIGHTS, offset, length) for name, (offset, length) in offsets.items()}


def _fingerprint(data: bytes) -> dict[str, str | int]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
