"""`manifest.json`: the metadata of a bundle."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from spikelet.array_fields import ShortRepr
from spikelet.bundle import records
from spikelet.bundle.fields import Fields
from spikelet.errors import BundleError
from spikelet.files.decoded import Document
from spikelet.graph import Graph
from spikelet.options import names

FORMAT = (1, 2)  # major, minor: readers require the same major version and accept any minor version
FORMATS = {1: (1, 1), 2: FORMAT}  # by version of the IR; files without copies keep their versions
VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
ARITHMETIC = ("exact", "float32")
MAX_NAME = 256  # characters of the model's name and of a label
BITS = (2, 16)  # least and greatest bits per weight
MAX_LOWERING = 2**31 - 1


@dataclass(frozen=True, repr=False)
class Manifest(ShortRepr):
    """Metadata of a bundle.

    Attributes:
        name: Name of the model.
        labels: Names of the classes, or None.
        bits: Bits per weight of an exact bundle; None for float32.
        exact_steps: Time-steps within which the network is proven exact; None for float32.
        provenance: Origin of the network: data, method, L, T, seed, commands.
        results: Measured results, each with its data set, number of samples, digest and engine.
        conversion: Conversion report by layer.
    """

    name: str
    labels: tuple[str, ...] | None = None
    bits: int | None = None
    exact_steps: int | None = None
    provenance: Document = field(default_factory=dict)
    results: list[Document] = field(default_factory=list)
    conversion: Document = field(default_factory=dict)


def encode(manifest: Manifest) -> Document:
    """Convert to JSON, without graph, versions and members, which the writer adds."""
    labels = manifest.labels if manifest.labels is None else names("labels", manifest.labels)
    return {
        "name": manifest.name,
        "arithmetic": "float32" if manifest.bits is None else "exact",
        "bits": manifest.bits,
        "exact_steps": manifest.exact_steps,
        "labels": labels if labels is None else list(labels),
        "provenance": manifest.provenance,
        "results": manifest.results,
        "conversion": manifest.conversion,
    }


def decode(source: Fields, graph: Graph) -> Manifest:
    """Read the manifest written by `encode`.

    Args:
        source: The JSON object.
        graph: The network that it describes.

    Raises:
        BundleError: An entry is missing, has a wrong type, or contradicts the graph.
    """
    exact, classes = graph.exact, graph.classes
    arithmetic = source.text("arithmetic")
    if arithmetic != ARITHMETIC[0 if exact else 1]:
        weights = "integers" if exact else "float32"
        raise BundleError.at(
            f"{source.path}.arithmetic",
            f"{arithmetic!r} contradicts the weights, which are {weights}",
            found=arithmetic,
        )
    labels = None if source.null("labels") else source.texts("labels", MAX_NAME)
    if labels is not None and len(labels) != classes:
        reason = f"expected {classes}, one per class, found {len(labels)}"
        raise BundleError.at(f"{source.path}.labels", reason, expected=str(classes), found=str(len(labels)))
    for key in ("bits", "exact_steps"):
        if not exact and not source.null(key):
            raise BundleError.at(f"{source.path}.{key}", "expected null in a float32 bundle", expected="null")
    if "producer" in source:
        producer = source.object("producer")
        producer.text("name"), producer.text("version")
    records.check_provenance(source, "provenance", graph.input.shape)
    records.check_results(source, "results")
    records.check_conversion(source, "conversion")
    return Manifest(
        name=source.text("name", MAX_NAME),
        labels=labels,
        bits=source.whole("bits", *BITS) if exact else None,
        exact_steps=source.whole("exact_steps", 1) if exact else None,
        provenance=source.object("provenance").raw(),
        results=[result.raw() for result in source.objects("results")],
        conversion=source.object("conversion").raw(),
    )


def check_versions(source: Fields, newest: int) -> int:
    """Return the version of the IR, 1 to `newest`. Raise BundleError for an unsupported format or IR version."""
    text = source.text("format_version")
    if not VERSION.fullmatch(text) or int(text.partition(".")[0]) != FORMAT[0]:
        remedy = "A newer spikelet may read the file"
        raise BundleError.at(
            f"{source.path}.format_version",
            f"{text!r}; this version of spikelet reads {FORMAT[0]}.x. {remedy}",
            expected=f"{FORMAT[0]}.x",
            found=text,
            remedy=remedy,
        )
    ir_version = source.whole("ir_version")
    if not 1 <= ir_version <= newest:
        known = f"1 to {newest}"
        raise BundleError.at(
            f"{source.path}.ir_version",
            f"{ir_version}; this version of spikelet reads {known}",
            expected=known,
            found=str(ir_version),
        )
    return ir_version
