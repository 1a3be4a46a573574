"""Options that select how ambiguous data is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spikelet.options import LARGEST, LEAST, choice, instance, real
from spikelet.options import span as checked_span

Layout = Literal["auto", "NCHW", "NHWC", "NHW", "CHW", "HWC", "HW", "NF", "NCL", "NLC", "CL", "LC", "NL"]
LAYOUTS: tuple[Layout, ...] = (
    "auto", "NCHW", "NHWC", "NHW", "CHW", "HWC", "HW", "NF", "NCL", "NLC", "CL", "LC", "NL",
)  # fmt: skip
Split = Literal["auto", "train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


@dataclass(frozen=True)
class DataOptions:
    """Options of the data readers. The defaults accept every form with one meaning and refuse the others.

    Attributes:
        layout: Axes of an array: N images, C channels, H rows, W columns, F features, L values of a line. "auto"
            accepts an array that fits the network in one way only.
        white: Value of a white pixel, above 0: values 0…white become 0…255. None takes the largest value of the bit
            depth of an image file, and whole values 0…255 of an array.
        span: (low, high) of values that are no pixels: low…high become 0…255, and values beyond become 0 or 255.

    Raises:
        UsageError: An option is of a wrong type or out of range.
    """

    layout: Layout = "auto"
    white: float | None = None
    span: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        choice("layout", self.layout, LAYOUTS)
        if self.white is not None:
            object.__setattr__(self, "white", real("white", self.white, LEAST, LARGEST))
        if self.span is not None:
            object.__setattr__(self, "span", checked_span("range", self.span))


DEFAULTS = DataOptions()

INPUT_RANGE = "input_range"
"""Key in the provenance of a bundle: the measured values that 0 and 255 stand for, [low, high]."""


def stated_span(provenance: Mapping[str, object]) -> tuple[float, float] | None:
    """Return the range of measured values that a bundle states, or None for a network that takes pixels.

    Raises:
        UsageError: What it states is no range; files with such a statement are not read.
    """
    instance("provenance", provenance, Mapping)
    stated = provenance.get(INPUT_RANGE)
    return None if INPUT_RANGE not in provenance else checked_span(f"provenance.{INPUT_RANGE}", stated)
