"""The version of spikelet. It is stored in every bundle."""

__version__ = "0.1.0"
