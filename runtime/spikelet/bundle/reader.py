"""Read bundle files, and check every rule of the format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spikelet import options
from spikelet.bundle import archive, card, golden, manifest, rules, safetensors, schema, step, strict_json
from spikelet.bundle.bundle import Bundle
from spikelet.bundle.fields import Fields
from spikelet.bundle.members import CARD, GOLDEN, MANIFEST, MEMBERS, WEIGHTS
from spikelet.bundle.step import STEP, StepModel
from spikelet.errors import BundleError
from spikelet.files.substitute import refuse_substitute
from spikelet.graph import IR_VERSION
from spikelet.signing import Policy, enforce

MAX_FILE = 2**31
MAX_MESSAGE = 500  # characters of an error


def read(path: str | Path, policy: Policy | None = None) -> Bundle:
    """Read a bundle and check its signature, if required, and every rule of the format.

    The file is read into memory, so that later changes of the file have no effect.

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
        ('vgg9-cifar10', 47, (3, 32, 32))
    """
    path = options.path("path", path)
    policy = Policy.from_environment() if policy is None else policy
    options.instance("policy", policy, Policy)
    content = _content(path)
    try:
        enforce(path, content, policy)
        return decode(content)
    except BundleError as error:
        error.locate(path)
        raise


def _content(path: Path) -> memoryview:
    """Return the bytes of a file.

    They are not mapped: overwriting a mapped file changes the weights of a running network, and truncating it ends the
    process with SIGBUS.
    """
    try:
        # reading a pipe or a device may not terminate
        if path.exists() and not path.is_file():
            raise BundleError.at(str(path), "is not a file; expected a bundle, a file .snnb")
        refuse_substitute(path, BundleError, "ZIP")
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size > MAX_FILE:
                expected = f"at most {MAX_FILE >> 30} GiB"
                actual = f"{size:,} bytes"
                raise BundleError.at(str(path), f"expected {expected}, found {actual}", expected=expected, found=actual)
            file.seek(0)
            return memoryview(file.read(size))
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
        text = card.decode(members[CARD])
    digest = hashlib.sha256(buffer).hexdigest()
    return Bundle(graph, described, golden_inputs, text, digest, stored_step=stored_step)


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
