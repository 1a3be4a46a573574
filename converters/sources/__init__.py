"""Networks that people already have: each reader gives a `Source`."""

from spikelet.converters.sources.source import Preprocessing, Source

__all__ = ["Preprocessing", "Source"]
