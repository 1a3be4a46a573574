"""Measure the time of an image on this machine, one image at a time.

With early exit an image is run one time-step after another. Otherwise the engine receives T in advance, as in
`Model.run`, and may evaluate layer by layer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from spikelet.engines import Engine

IMAGES = 10  # smallest number of images
SECONDS = 0.4  # time for a network, in which more images are timed
IMAGES_OF_RUN, SECONDS_OF_RUN = 5, 0.1  # the same for each T


def elapsed(
    engine: Engine,
    images: npt.NDArray[np.uint8],
    steps: int,
    clock: Callable[[], float] = time.perf_counter,
) -> npt.NDArray[np.float64]:
    """Return the milliseconds from the start of an image to the end of each time-step, (T,): medians over images.

    Args:
        engine: The engine.
        images: Pixels, (N, *shape). Each is one run, after a warm-up run of the first image.
        steps: T.
        clock: Returns seconds.
    """
    times = _timed(engine, images, steps, None, IMAGES, SECONDS, clock)
    return np.median(times, axis=0)


def run_times(
    engine: Engine,
    images: npt.NDArray[np.uint8],
    steps: int,
    clock: Callable[[], float] = time.perf_counter,
) -> npt.NDArray[np.float64]:
    """Return the milliseconds of a run of 1, 2, … T time-steps without early exit, (T,): medians over images.

    Args:
        engine: The engine.
        images: Pixels, (N, *shape).
        steps: T.
        clock: Returns seconds.
    """
    medians = []
    for length in range(1, steps + 1):
        window = length if engine.fits(1, length) else None
        times = _timed(engine, images, length, window, IMAGES_OF_RUN, SECONDS_OF_RUN, clock)
        medians.append(float(np.median([ends[-1] for ends in times])))
    return np.array(medians)


def _timed(
    engine: Engine,
    images: npt.NDArray[np.uint8],
    steps: int,
    window: int | None,
    count: int,
    seconds: float,
    clock: Callable[[], float],
) -> list[npt.NDArray[np.float64]]:
    """Return the milliseconds to the end of each time-step, (T,), for each of `count` images or more."""
    times: list[npt.NDArray[np.float64]] = []
    until = clock() + seconds
    index = -1
    while index < count or clock() < until:
        pixels = images[[max(index, 0) % len(images)]].astype(np.float32)
        ends = np.zeros(steps)
        start = clock()
        engine.reset(1, window)
        for t in range(steps):
            engine.step(pixels if t == 0 else None)
            ends[t] = clock() - start
        if index >= 0:  # the first run loads what later ones have in the cache
            times.append(1000 * ends)
        index += 1
    return times
