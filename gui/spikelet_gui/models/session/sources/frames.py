"""Colours and text of the frames of a recording of events."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.display import significant
from spikelet_gui.models.activity.trace import Trace

Colours = npt.NDArray[np.uint8]
OFF, ON = (70, 140, 255), (255, 165, 60)  # polarity 0 is blue, polarity 1 orange
NAMES = ("blue", "orange")


def coloured(frame: npt.NDArray[np.float32], largest: float) -> Colours:
    """Return a frame (C, H, W) as (H, W, 3) uint8, from black for no events to full colour for `largest` events.

    Two channels are the polarities and have the colours OFF and ON; other numbers of channels are summed to grey.
    """
    scaled = np.clip(frame / max(largest, 1.0), 0, 1)
    if len(scaled) == 2:
        colours = np.array((OFF, ON), np.float32)
        return np.minimum(np.einsum("chw,ck->hwk", scaled, colours), 255).astype(np.uint8)
    grey = np.minimum(255 * scaled.sum(axis=0), 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def description(trace: Trace, time: int, binning: str) -> str:
    """Return the number of events at time-step `time` and how they are counted.

    Args:
        trace: The run on the recording.
        time: The time-step.
        binning: How the recording is divided into time-steps.
    """
    events, total = float(trace.frame(time).sum()), float(trace.frames.sum())
    colours = "; polarity 0 is blue, 1 orange" if trace.frames.shape[1] == 2 else ""
    part, whole = (significant(count, 6, zeros=False) for count in (events, total))
    return f"t = {time}: {part} of {whole} events, in {binning}{colours}."
