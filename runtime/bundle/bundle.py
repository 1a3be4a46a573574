"""A bundle as one value, and the file that holds it."""

from __future__ import annotations

import hashlib
import json
import mmap
from dataclasses import dataclass
from pathlib import Path

from spikelet.atomic import replacing
from spikelet.bundle import archive, golden, manifest, safetensors, schema, strict_json
from spikelet.bundle.fields import Fields
from spikelet.bundle.golden import Golden
from spikelet.bundle.manifest import Manifest
from spikelet.errors import BundleError, GraphError
from spikelet.graph import IR_VERSION, Graph
from spikelet.lowering import onnx as lowering
from spikelet.lowering.protobuf import External
from spikelet.ranges import exact_steps
from spikelet.version import __version__

SUFFIX = ".snnb"
WEIGHTS = "weights.safetensors"
MEMBERS = ("manifest.json", WEIGHTS, "step.onnx", "golden.safetensors", "card.md")
MAX_FILE = 2**31


@dataclass(frozen=True)
class Bundle:
    """graph: the network. manifest: what is said of it. golden: its proof. card: a model card in Markdown.

    digest: sha256 of the file it was read from, or "" for one that was not.
    """

    graph: Graph
    manifest: Manifest
    golden: Golden
    card: str
    digest: str = ""


def write(bundle: Bundle, path: Path) -> None:
    """Write the file whole or not at all; the same bundle gives the same bytes.

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
    with replacing(path) as file:
        for part in archive.pack({"manifest.json": encoded, **members}):
            file.write(part)


def read(path: Path) -> Bundle:
    """Read a bundle, checking every rule of the format; weights stay in the memory-mapped file.

    Raises:
        BundleError: there is no such file, or it breaks a rule: the message says which member and how.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size == 0 or size > MAX_FILE:
                raise BundleError(f"{path}: {size} bytes; expected a bundle of 1 to {MAX_FILE}")
            buffer = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        return decode(buffer)
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from None


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
    _check_exact(graph, described)
    same_lowering = source.whole("lowering_version") == lowering.LOWERING_VERSION
    if same_lowering and _step_onnx(graph, members[WEIGHTS]) != bytes(members["step.onnx"]):
        raise BundleError("step.onnx: is not the graph of the manifest")
    proof = golden.decode(safetensors.decode("golden.safetensors", members["golden.safetensors"]), graph)
    try:
        card = bytes(members["card.md"]).decode()
    except UnicodeDecodeError as error:
        raise BundleError(f"card.md: not UTF-8 text ({error})") from None
    return Bundle(graph, described, proof, card, hashlib.sha256(buffer).hexdigest())


def _check_members(source: Fields, members: dict[str, memoryview]) -> None:
    listed = source.object("members")
    for name in MEMBERS:
        if name not in members:
            raise BundleError(f"{name} is missing")
    for name, data in members.items():
        if name not in MEMBERS:
            raise BundleError(f"{name} is no member of a bundle")
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


def _step_onnx(graph: Graph, weights: bytes | memoryview) -> bytes:
    """One time-step as ONNX; its weights are those of the safetensors member, by file name and offset."""
    places = {
        name: External(WEIGHTS, offset, length) for name, (offset, length) in safetensors.data_offsets(weights).items()
    }
    return lowering.step_model(graph, places)


def _fingerprint(data: bytes) -> dict[str, str | int]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
