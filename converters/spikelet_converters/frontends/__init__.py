"""Networks that people already have: each reader gives a `Source`."""

from spikelet_converters.frontends.source import Preprocessing, Source

__all__ = ["Preprocessing", "Source"]
