"""Recordings of event cameras: their files, and frames for the time-steps of a network."""

from spikelet.data.events.binning import frames, read

__all__ = ["frames", "read"]
