"""An open bundle, or the errors of an invalid one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spikelet import bundle as bundles
from spikelet.bundle import Bundle, archive, strict_json
from spikelet.bundle.members import MANIFEST, MEMBERS
from spikelet.engines import available, choose
from spikelet.errors import BundleError, SpikeletError
from spikelet.signing import Status, status

UNSIGNED = Status("unsigned", "", "")
State = Literal["ok", "failed", "unknown"]
PER_NEURON = 5  # bytes per neuron and time-step in a trace: one spike and one potential
MEMORY = 2**29  # largest size of a trace in bytes
MAX_STEPS = 1024


@dataclass(frozen=True)
class Document:
    """A bundle and the file that it was read from.

    Attributes:
        path: The file.
        bundle: Content of the file.
        engines: Engines that can run the bundle on this machine.
        engine: The fastest of these engines.
        signature: State of the signature.
        origin: File of the bundle from which this one was derived, or None.
    """

    path: Path
    bundle: Bundle
    engines: tuple[str, ...] = ("numpy",)
    engine: str = "numpy"
    signature: Status = UNSIGNED
    origin: Path | None = None

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.bundle.manifest.name

    @property
    def most_steps(self) -> int:
        """Largest T that can be shown: proven exact, and small enough for memory."""
        graph = self.bundle.graph
        neurons = graph.neuron_count
        limit = max(1, min(MAX_STEPS, MEMORY // (PER_NEURON * neurons)))
        return min(limit, self.bundle.manifest.exact_steps or limit)

    @property
    def limit_reason(self) -> str:
        """Why T is at most `most_steps`."""
        proven = self.bundle.manifest.exact_steps == self.most_steps
        reason = "for more, values are not proven exact" if proven else "more need too much memory"
        return f"T is at most {self.most_steps:,}; {reason}"


@dataclass(frozen=True)
class Check:
    """Result of checking one member of a file."""

    member: str
    state: State
    message: str


class BrokenBundle(SpikeletError):
    """A file that is not a valid bundle.

    Attributes:
        path: The file.
        checks: One check per member; empty if the members could not be checked.
    """

    def __init__(self, path: Path, message: str, checks: tuple[Check, ...]) -> None:
        super().__init__(message)
        self.path, self.checks = path, checks


def open_document(path: Path) -> Document:
    """Read a bundle and check every rule of the format.

    Raises:
        BrokenBundle: The file cannot be read or violates a rule of the format.
    """
    try:
        bundle = bundles.read(path)
    except BundleError as error:
        message = error.reason if error.where == str(path) else error.message
        raise BrokenBundle(path, message, diagnose(path, error)) from None
    return Document(path, bundle, available(bundle.graph), choose(bundle.graph), status(path))


def diagnose(path: Path, error: BundleError) -> tuple[Check, ...]:
    """Check every member of a file that was refused with `error`."""
    try:
        members = archive.unpack(path.read_bytes())
    except (OSError, BundleError):
        members = {}
    listed = _listed(members)
    checks = {name: _check(name, members, listed) for name in dict.fromkeys([*MEMBERS, *members])}
    if error.member:
        message = error.reason if error.where == error.member else error.message
        checks[error.member] = Check(error.member, "failed", message)
    return tuple(checks.values())


def _check(name: str, members: dict[str, memoryview], listed: dict[str, object]) -> Check:
    if not members:
        return Check(name, "unknown", "not checked")
    if name not in members:
        return Check(name, "failed", "is missing")
    if name == MANIFEST:
        return Check(name, "ok", "readable")
    entry = listed.get(name)
    if not isinstance(entry, dict):
        return Check(name, "failed", "is not listed in the manifest")
    if entry.get("sha256") != hashlib.sha256(members[name]).hexdigest():
        return Check(name, "failed", "its bytes were changed")
    return Check(name, "ok", "matches the manifest")


def _listed(members: dict[str, memoryview]) -> dict[str, object]:
    """Return the entries of the manifest about other members; empty if the manifest is invalid."""
    try:
        value = strict_json.decode(MANIFEST, members[MANIFEST]).get("members")
    except (KeyError, BundleError):
        return {}
    return value if isinstance(value, dict) else {}


def attempt(path: Path) -> Document | BrokenBundle:
    """Return the document, or the error of an invalid file."""
    try:
        return open_document(path)
    except BrokenBundle as broken:
        return broken
