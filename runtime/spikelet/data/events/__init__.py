"""Recordings of event cameras: file formats, and conversion to one frame per time-step."""

from spikelet.data.events.binning import frames, read

__all__ = ["frames", "read"]
