"""Measure the time of an image on this machine, one image at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from spikelet.engines import Engine

IMAGES = 10
SECONDS = 0.4  # of a network; more images are timed until then


def elapsed(
    engine: Engine,
    images: npt.NDArray[np.uint8],
    steps: int,
    clock: Callable[[], float] = time.perf_counter,
) -> npt.NDArray[np.float64]:
    """Return the milliseconds from the start of an image to the end of each time-step, (T,): medians over images.

    Args:
        engine: the engine.
        images: pixels, (N, *shape). Each is one run, and the first one is run once more before.
        steps: T.
        clock: returns seconds.
    """
    times: list[npt.NDArray[np.float64]] = []
    until = clock() + SECONDS
    index = -1
    while index < IMAGES or clock() < until:
        pixels = images[[max(index, 0) % len(images)]].astype(np.float32)
        ends = np.zeros(steps)
        start = clock()
        engine.reset(1)
        for t in range(steps):
            engine.step(pixels if t == 0 else None)
            ends[t] = clock() - start
        if index >= 0:  # the first run loads what later ones have in the cache
            times.append(1000 * ends)
        index += 1
    return np.median(times, axis=0)
