"""Read and write bundle files."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from spikelet import display, options
from spikelet.bundle import archive, golden, manifest, rules, safetensors, schema, step, strict_json
from spikelet.bundle.fields import Fields
from spikelet.bundle.golden import Golden
from spikelet.bundle.manifest import Manifest
from spikelet.bundle.step import STEP, StepModel, too_large
from spikelet.errors import BundleError
from spikelet.files.atomic import replacing
from spikelet.files.pointer import refuse_pointer
from spikelet.graph import IR_VERSION, Graph
from spikelet.inputs import DEFAULT_STEPS, MAX_STEPS
from spikelet.lowering.onnx.step import LOWERING_VERSION
from spikelet.signing import Policy, enforce
from spikelet.version import __version__

SUFFIX = ".snnb"
MANIFEST, WEIGHTS, GOLDEN, CARD = "manifest.json", schema.WEIGHTS, golden.MEMBER, "card.md"
MEMBERS = (MANIFEST, WEIGHTS, STEP, GOLDEN, CARD)
MAX_FILE = 2**31
SMALL_FILE = 2**22  # bytes of a file that is read into memory; a larger one is mapped
MAX_CARD = 2**20
MAX_MESSAGE = 500  # characters of an error
LARGEST_DEFAULT = 1024  # time-steps that are run without --steps


@dataclass(frozen=True, repr=False)
class Bundle:
    """A network with its metadata and golden inputs.

    Attributes:
        graph: The network.
        manifest: Metadata.
        golden: Golden inputs with their spikes and logits.
        card: Model card in Markdown.
        digest: SHA-256 of the file in hexadecimal, or "" if the bundle was not read from a file.
        pages: Memory map of the file, or None if it is not mapped.
        stored_step: The file's step.onnx, or None if the bundle was not read from a file.
    """

    graph: Graph
    manifest: Manifest
    golden: Golden
    card: str
    digest: str = ""
    pages: mmap.mmap | None = field(default=None, repr=False, compare=False)
    stored_step: StepModel | None = field(default=None, repr=False, compare=False)

    @property
    def step(self) -> StepModel:
        """One time-step as an ONNX model: the file's step.onnx, or the one that `write` would store."""
        if self.stored_step is not None:
            return self.stored_step
        return step.encode(self.graph, safetensors.encode(schema.encode(self.graph)[1]))

    @cached_property
    def step_limit(self) -> int | None:
        """Largest T of a run: `exact_steps`, or the T that the bundle was made for; None for float32.

        Beyond `exact_steps`, an engine proves that its own accumulators are wide enough, see `Engine.widen`.
        """
        exact, made_for = self.manifest.exact_steps, self._made_for
        return exact if exact is None or made_for is None else max(exact, made_for)

    @cached_property
    def default_steps(self) -> int:
        """Number of time-steps of a run without --steps: the T that the bundle was made for, or 8; at most 1024."""
        steps = DEFAULT_STEPS if self._made_for is None else min(self._made_for, LARGEST_DEFAULT)
        return steps if self.step_limit is None else min(steps, self.step_limit)

    @property
    def _made_for(self) -> int | None:
        """`--steps` of the conversion, if the manifest states it."""
        steps = self.manifest.conversion.get("steps")
        return steps if isinstance(steps, int) and not isinstance(steps, bool) and 1 <= steps <= MAX_STEPS else None

    def facts(self) -> dict[str, str]:
        """Return the entries of a summary by name."""
        manifest, graph = self.manifest, self.graph
        exact = f"exact within {manifest.exact_steps} time-steps, {manifest.bits} bits"
        return {
            "input": display.size(graph.input.shape),
            "classes": str(graph.classes),
            "spiking layers": str(len(graph.spiking)),
            "neurons": f"{graph.neuron_count:,}",
            "arithmetic": exact if graph.exact else "float32",
        }

    def __repr__(self) -> str:
        """Return the name and the sizes of the network in one line."""
        return display.line("Bundle", self.manifest.name, self.facts())

    def _repr_html_(self) -> str:
        """Return a table for notebooks."""
        facts = self.facts() | {"labels": display.several(self.manifest.labels or ()) or "none"}
        return display.html(f"Bundle {self.manifest.name}", facts | {"sha256": self.digest or "not stored in a file"})

    def release(self) -> None:
        """Release the resident pages of a mapped file. They are read again on access."""
        if self.pages is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.pages.madvise(mmap.MADV_DONTNEED)


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
    _card(memoryview(members[CARD]))
    return {MANIFEST: encoded, **members}


def read(path: str | Path, policy: Policy | None = None) -> Bundle:
    """Read a bundle and check its signature, if required, and every rule of the format.

    A file of up to 4 MiB is read into memory, so that later changes of the file have no effect. A larger file is mapped
    into memory; while it is open, it must be replaced by renaming, never overwritten or truncated. If a signature is
    required, a file of any size is read into memory.

    Args:
        path: The bundle file.
        policy: Signature policy; None uses the policy of the environment.

    Raises:
        BundleError: The file cannot be read or violates a rule. The message names the member and the rule.
        SignatureError: The policy requires a signature that the file does not have.

    Examples:
        >>> from spikelet import bundle, shipped
        >>> contents = bundle.read(shipped.demo())
        >>> contents.manifest.name, contents.manifest.exact_steps, contents.graph.input.shape
        ('vgg9-cifar10', 43, (3, 32, 32))
    """
    path = options.path("path", path)
    policy = Policy.from_environment() if policy is None else policy
    options.instance("policy", policy, Policy)
    content = _content(path, in_memory=policy.required)
    try:
        enforce(path, content, policy)
        bundle = decode(content)
    except BundleError as error:
        error.locate(path)
        raise
    bundle = replace(bundle, pages=content.obj if isinstance(content.obj, mmap.mmap) else None)
    bundle.release()
    return bundle


def _content(path: Path, in_memory: bool) -> memoryview:
    try:
        # reading a pipe or a device may not terminate
        if path.exists() and not path.is_file():
            raise BundleError.at(str(path), "cannot be read (not a file)")
        refuse_pointer(path, BundleError)
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size == 0 or size > MAX_FILE:
                expected = f"a bundle of 1 to {MAX_FILE}"
                raise BundleError.at(
                    str(path), f"{size} bytes; expected {expected}", expected=expected, found=f"{size} bytes"
                )
            if in_memory or size <= SMALL_FILE:
                file.seek(0)
                return memoryview(file.read(size))
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise BundleError.at(str(path), f"cannot be read ({error.strerror})") from None


def decode(buffer: bytes | memoryview) -> Bundle:
    """Decode and check the bundle in `buffer`. Raises BundleError, as `read` does."""
    options.content("buffer", buffer)
    try:
        return _decoded(buffer)
    except BundleError as error:
        error.shorten(MAX_MESSAGE)  # texts of the file can be long
        raise


def _decoded(buffer: bytes | memoryview) -> Bundle:
    members = archive.unpack(buffer)
    if MANIFEST not in members:
        raise _refused(MANIFEST, "is missing", separator=" ")
    with _errors_of(MANIFEST):
        source = Fields(MANIFEST, strict_json.decode(MANIFEST, members[MANIFEST]))
        ir_version = manifest.check_versions(source, IR_VERSION)
        _check_members(source, members)
        document = source.object("graph")
    with _errors_of(WEIGHTS):
        tensors = safetensors.decode(WEIGHTS, members[WEIGHTS])
    with _errors_of(MANIFEST):
        graph = schema.decode(document, tensors, ir_version)
        described = manifest.decode(source, graph)
    # checked first: golden inputs, logits and spikes have full size, so that all later sizes are bounded by the file
    with _errors_of(GOLDEN):
        golden_inputs = golden.decode(safetensors.decode(GOLDEN, members[GOLDEN]), graph)
    graph = graph.with_activity(golden.Activity(graph, golden_inputs.spikes))
    with _errors_of(MANIFEST):
        rules.check_arithmetic(graph, described)
        version = source.whole("lowering_version", 0, manifest.MAX_LOWERING)
    with _errors_of(GOLDEN):
        rules.check_recording(described, golden_inputs)
    with _errors_of(STEP):
        stored_step = StepModel(members[STEP], members[WEIGHTS], version)
        step.check(graph, stored_step)
    with _errors_of(CARD):
        card = _card(members[CARD])
    digest = hashlib.sha256(buffer).hexdigest()
    return Bundle(graph, described, golden_inputs, card, digest, stored_step=stored_step)


@contextmanager
def _errors_of(member: str) -> Iterator[None]:
    """Set the member of every BundleError that does not name one yet."""
    try:
        yield
    except BundleError as error:
        error.member = error.member or member
        raise


def _refused(member: str, reason: str, separator: str = ": ", expected: str = "", found: str = "") -> BundleError:
    """Return the error for an invalid member."""
    text = f"{member}{separator}{reason}"
    return BundleError(text, where=member, reason=reason, expected=expected, found=found).within(member)


def _card(content: memoryview) -> str:
    if len(content) > MAX_CARD:
        raise too_large(CARD, len(content), MAX_CARD)
    try:
        text = bytes(content).decode()
        strict_json.check_text(text, allowed="\n\t")
    except ValueError as error:  # includes UnicodeDecodeError
        raise BundleError.at(CARD, f"not plain UTF-8 text ({error})") from None
    return text


def _check_members(source: Fields, members: dict[str, memoryview]) -> None:
    for name in MEMBERS:
        if name not in members:
            raise _refused(name, "is missing", separator=" ")
    for name in members:
        if name not in MEMBERS:
            raise _refused(name, "is not a member of a bundle", separator=" ")
    if tuple(members) != MEMBERS:
        raise BundleError(f"its members are not in the order {', '.join(MEMBERS)}; it was re-packed by another tool")
    listed = source.object("members")
    listed.only(*MEMBERS[1:])
    for name in MEMBERS[1:]:
        data, entry = members[name], listed.object(name)
        entry.only("sha256", "size")
        size = entry.whole("size")
        if size != len(data):
            reason = f"expected {size} bytes as listed in the manifest, found {len(data)}"
            raise _refused(name, reason, expected=f"{size} bytes", found=f"{len(data)} bytes")
        if entry.text("sha256") != hashlib.sha256(data).hexdigest():
            raise _refused(name, "its bytes were changed (sha256 differs from the manifest's)")


def _fingerprint(data: bytes) -> dict[str, str | int]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
