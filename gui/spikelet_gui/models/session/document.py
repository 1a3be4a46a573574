"""An open bundle, or the errors of an invalid one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spikelet import bundle as bundles
from spikelet.bundle import Bundle, archive, strict_json
from spikelet.bundle.bundle import MEMBERS
from spikelet.engines import available, choose
from spikelet.errors import BundleError, SpikeletError
from spikelet.signing import Status, status

UNSIGNED = Status("unsigned", "", "")
State = Literal["ok", "failed", "unknown"]
PER_NEURON = 5  # bytes that a neuron and time-step take while it is shown: a spike and a potential
MEMORY = 2**29


@dataclass(frozen=True)
class Document:
    """A bundle and the file it came from. engines: those that can run it here. engine: the fastest of them.

    signature: what is known of who made it.
    """

    path: Path
    bundle: Bundle
    engines: tuple[str, ...] = ("numpy",)
    engine: str = "numpy"
    signature: Status = UNSIGNED

    @property
    def name(self) -> str:
        """Of the model."""
        return self.bundle.manifest.name

    @property
    def most_steps(self) -> int:
        """Time-steps that can be shown: those that are proven exact, and that fit into memory."""
        graph = self.bundle.graph
        neurons = sum(graph.neurons(name) for name in graph.spiking)
        fit = max(1, min(1024, MEMORY // (PER_NEURON * neurons)))
        return min(fit, self.bundle.manifest.exact_steps or fit)


@dataclass(frozen=True)
class Check:
    """What is known of one member of a file."""

    member: str
    state: State
    message: str


class BrokenBundle(SpikeletError):
    """A file that is no bundle, or a bundle that was changed. checks: member by member."""

    def __init__(self, path: Path, message: str, checks: tuple[Check, ...]) -> None:
        super().__init__(message)
        self.path, self.checks = path, checks


def open_document(path: Path) -> Document:
    """Read a bundle with all its checks.

    Raises:
        BrokenBundle: it breaks a rule of the format.
    """
    try:
        bundle = bundles.read(path)
    except BundleError as error:
        message = str(error).removeprefix(f"{path}: ")
        raise BrokenBundle(path, message, diagnose(path, message)) from None
    return Document(path, bundle, available(bundle.graph), choose("auto", bundle.graph), status(path))


def diagnose(path: Path, message: str) -> tuple[Check, ...]:
    """What can be said of each member of a file that was refused with `message`."""
    try:
        members = archive.unpack(path.read_bytes())
    except (OSError, BundleError):
        members = {}
    listed = _listed(members)
    found = {name: _check(name, members, listed) for name in dict.fromkeys([*MEMBERS, *members])}
    # the reader's message is shown at the member that it names
    named = next((name for name in found if name in message), None)
    if named is not None:
        found[named] = Check(named, "failed", message.partition(named)[2].lstrip(": ") or message)
    return tuple(found.values())


def _check(name: str, members: dict[str, memoryview], listed: dict[str, object]) -> Check:
    if not members:
        return Check(name, "unknown", "not reached")
    if name not in members:
        return Check(name, "failed", "is missing")
    if name == "manifest.json":
        return Check(name, "ok", "is read")
    entry = listed.get(name)
    if not isinstance(entry, dict):
        return Check(name, "failed", "the manifest does not list it")
    if entry.get("sha256") != hashlib.sha256(members[name]).hexdigest():
        return Check(name, "failed", "its bytes were changed")
    return Check(name, "ok", "as the manifest says")


def _listed(members: dict[str, memoryview]) -> dict[str, object]:
    try:
        value = strict_json.decode("manifest.json", members["manifest.json"]).get("members")
    except (KeyError, BundleError):
        return {}
    return value if isinstance(value, dict) else {}


def attempt(path: Path) -> Document | BrokenBundle:
    """`open_document`, with what is wrong with the file as an answer."""
    try:
        return open_document(path)
    except BrokenBundle as broken:
        return broken
