"""Options of the data readers, for data that can be read in several ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spikelet.choices import LAYOUTS as LAYOUTS
from spikelet.choices import SPLITS as SPLITS
from spikelet.choices import Layout as Layout
from spikelet.choices import Split as Split
from spikelet.data.log_mel import INPUT_FEATURES, LogMel, stated_features
from spikelet.options import LARGEST, LEAST, choice, instance, real
from spikelet.options import span as checked_span

INPUT_RANGE = "input_range"
"""Key in the provenance of a bundle: the measured values that 0 and 255 represent, [low, high]."""


@dataclass(frozen=True)
class DataOptions:
    """Options of the data readers. The defaults accept every form with one meaning and refuse the others.

    Attributes:
        layout: Axes of an array: N images, C channels, H rows, W columns, F features, L values of a line. "auto"
            accepts an array that fits the network in one way only.
        white: Value of a white pixel, above 0: values 0…white become 0…255. None uses the largest value of the bit
            depth for image files, and expects whole values 0…255 in arrays.
        span: (low, high) of measured values: low…high become 0…255, and values beyond become 0 or 255.
        features: Features that are computed from sound recordings, or None for data without sound.

    Raises:
        UsageError: An option is of a wrong type or out of range.

    Examples:
        >>> from spikelet.data.arrays import as_pixels
        >>> import numpy as np
        >>> scaled = np.array([[[0.0, 0.5], [0.25, 1.0]]])
        >>> as_pixels(scaled, (1, 2, 2), DataOptions(white=1.0)).tolist()
        [[[[0, 128], [64, 255]]]]
    """

    layout: Layout = "auto"
    white: float | None = None
    span: tuple[float, float] | None = None
    features: LogMel | None = None

    def __post_init__(self) -> None:
        choice("layout", self.layout, LAYOUTS)
        if self.white is not None:
            object.__setattr__(self, "white", real("white", self.white, LEAST, LARGEST))
        if self.span is not None:
            object.__setattr__(self, "span", checked_span("range", self.span))
        if self.features is not None:
            instance("features", self.features, LogMel)

    @property
    def provenance(self) -> dict[str, object]:
        """Conversion of measured values to 0…255, as entries of a bundle's provenance."""
        entries: dict[str, object] = {} if self.span is None else {INPUT_RANGE: list(self.span)}
        return entries if self.features is None else {**entries, INPUT_FEATURES: self.features.as_dict()}


DEFAULTS = DataOptions()


def stated_span(provenance: Mapping[str, object]) -> tuple[float, float] | None:
    """Return the range of measured values that a bundle states, or None for a network that takes pixels.

    Raises:
        UsageError: The stated range is invalid.
    """
    instance("provenance", provenance, Mapping)
    stated = provenance.get(INPUT_RANGE)
    return None if INPUT_RANGE not in provenance else checked_span(f"provenance.{INPUT_RANGE}", stated)


def stated_options(provenance: Mapping[str, object]) -> DataOptions:
    """Return the options that a bundle's provenance states for its input data."""
    return DataOptions(span=stated_span(provenance), features=stated_features(provenance))
