"""Options that select how ambiguous data is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Layout = Literal["auto", "NCHW", "NHWC", "NHW", "CHW", "HWC", "HW", "NF"]
LAYOUTS: tuple[Layout, ...] = ("auto", "NCHW", "NHWC", "NHW", "CHW", "HWC", "HW", "NF")
Split = Literal["auto", "train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


@dataclass(frozen=True)
class DataOptions:
    """Options of the data readers. The defaults accept every form with one meaning and refuse the others.

    Attributes:
        layout: Axes of an array: N images, C channels, H rows, W columns, F features. "auto" accepts an array that fits
            the network in one way only.
        white: Value of a white pixel: values 0…white become 0…255. None takes the largest value of the bit depth of an
            image file, and whole values 0…255 of an array.
    """

    layout: Layout = "auto"
    white: float | None = None


DEFAULTS = DataOptions()
