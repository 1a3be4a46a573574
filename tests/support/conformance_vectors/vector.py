"""The type of a vector, and the registry to which the modules of this package add vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from conformance_vectors.sketch import Sketch

Members = dict[str, bytes]
Pixels = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Vector:
    """An accepted file.

    Attributes:
        sketch: The network.
        inputs: (N, *shape) golden inputs.
        steps: T of the golden inputs.
        frames: (T, N, *shape) sequence, which is written with its results to a file beside the bundle; or None.
        labels: Names of the classes, or None.
        exact_steps: Value in the manifest; None for the proven number.
        edit: Changes the members before they are packed; digests in the manifest are updated afterwards.
    """

    sketch: Sketch
    inputs: Pixels
    steps: int
    frames: Pixels | None = None
    labels: tuple[str, ...] | None = None
    exact_steps: int | None = None
    edit: Callable[[Members], Members] = field(default=lambda members: members)


@dataclass(frozen=True)
class Refusal:
    """A file that breaks one rule.

    Attributes:
        section: Group of the rule, as in `second_reader.refused.SECTIONS`.
        rule: The rule, a sentence.
        content: The bytes of the file.
    """

    section: str
    rule: str
    content: Callable[[], bytes]


ACCEPTED: dict[str, tuple[str, Callable[[], Vector]]] = {}
REFUSED: dict[str, Refusal] = {}
# accepted by a reader, but replaying the golden inputs must report a difference
DIFFERING: dict[str, tuple[str, Callable[[], bytes]]] = {}


def vector(name: str, tests: str) -> Callable[[Callable[[], Vector]], Callable[[], Vector]]:
    """Register an accepted vector under a name, with a description of its purpose."""

    def register(make: Callable[[], Vector]) -> Callable[[], Vector]:
        assert name not in ACCEPTED
        ACCEPTED[name] = (tests, make)
        return make

    return register


def refusal(name: str, section: str, rule: str, content: Callable[[], bytes]) -> None:
    """Register a file that breaks a rule."""
    assert name not in REFUSED
    REFUSED[name] = Refusal(section, rule, content)


def differing(name: str, tests: str, content: Callable[[], bytes]) -> None:
    """Register a file that is read, but whose golden data differs from the results of its network."""
    assert name not in DIFFERING
    DIFFERING[name] = (tests, content)
