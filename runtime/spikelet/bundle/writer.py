"""Write bundle files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from spikelet import options
from spikelet.bundle import archive, card, golden, manifest, rules, safetensors, schema, step, strict_json
from spikelet.bundle.bundle import Bundle
from spikelet.bundle.fields import Fields
from spikelet.bundle.golden import Golden
from spikelet.bundle.manifest import Manifest
from spikelet.bundle.members import CARD, GOLDEN, MANIFEST, WEIGHTS
from spikelet.bundle.step import STEP
from spikelet.errors import BundleError
from spikelet.files.atomic import replacing
from spikelet.graph import Graph
from spikelet.lowering.onnx.step import LOWERING_VERSION
from spikelet.version import __version__


def write(bundle: Bundle, path: str | Path) -> str:
    """Write a bundle file atomically. Equal bundles give identical bytes.

    Args:
        bundle: The bundle.
        path: File to write; an existing file is replaced.

    Returns:
        SHA-256 of the file, in hexadecimal.

    Raises:
        BundleError: The bundle breaks a rule of the format: `read` would refuse the file.
        UsageError: An argument or a part of the bundle is of a wrong type.
        SpikeletError: The folder is not writable or the disk is full. An existing file is left unchanged.

    Examples:
        >>> import tempfile
        >>> from spikelet import bundle, shipped
        >>> contents = bundle.read(shipped.demo())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     digest = bundle.write(contents, f"{folder}/copy.snnb")
        >>> digest == contents.digest
        True
    """
    path = options.path("path", path)
    options.instance("bundle", bundle, Bundle)
    try:
        members = _encoded(bundle)
    except BundleError as error:
        error.locate(f"{path}: not written, since no reader would take it")
        raise
    digest = hashlib.sha256()
    with replacing(path) as file:
        for part in archive.pack(members):
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def _encoded(bundle: Bundle) -> dict[str, bytes]:
    """Return the members in order, after the checks of the reader."""
    parts = {"graph": Graph, "manifest": Manifest, "golden": Golden, "card": str}
    for name, kind in parts.items():
        options.instance(f"bundle.{name}", getattr(bundle, name), kind)
    document, tensors = schema.encode(bundle.graph)
    weights, recorded = safetensors.encode(tensors), golden.encode(bundle.golden)
    members = {
        WEIGHTS: weights,
        STEP: bytes(step.encode(bundle.graph, weights).content),
        GOLDEN: safetensors.encode(recorded),
        CARD: bundle.card.encode("utf-8", "surrogatepass"),  # the check names the character
    }
    text = {
        "format_version": ".".join(map(str, manifest.FORMATS[bundle.graph.ir_version])),
        "ir_version": bundle.graph.ir_version,
        "lowering_version": LOWERING_VERSION,
        "producer": {"name": "spikelet", "version": __version__},
        **manifest.encode(bundle.manifest),
        "graph": document,
        "members": {name: _fingerprint(data) for name, data in members.items()},
    }
    try:
        encoded = json.dumps(text, indent=1, allow_nan=False, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError, RecursionError) as error:
        raise BundleError.at(MANIFEST, f"cannot be written as JSON ({error})") from None
    source = Fields(MANIFEST, strict_json.decode(MANIFEST, encoded))
    manifest.decode(source, bundle.graph)
    golden.decode(recorded, bundle.graph)
    rules.check_arithmetic(bundle.graph, bundle.manifest)
    rules.check_recording(bundle.manifest, bundle.golden)
    card.decode(memoryview(members[CARD]))
    return {MANIFEST: encoded, **members}


def _fingerprint(data: bytes) -> dict[str, str | int]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
