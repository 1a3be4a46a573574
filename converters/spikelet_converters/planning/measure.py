"""Measure all settings of one number of copies: one run over T time-steps includes every smaller T and early exit.

Accumulates at T or at an exit are counted. Their distribution over nodes, on which an estimate of memory traffic
depends, is that of the longest run; see `spikelet.metrics.exits.operations_at_exit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikelet.data import ImageSet
from spikelet.engines import create
from spikelet.graph import Graph
from spikelet.metrics.accuracy import wilson
from spikelet.metrics.energy import LEVELS, spiking_levels
from spikelet.metrics.exits import Exit, at_threshold, operations_at_exit, thresholds
from spikelet.metrics.fanout import sites
from spikelet.metrics.hardware import Profile
from spikelet.metrics.operations import Operations, operations
from spikelet.metrics.tally import Tally, tally
from spikelet_converters.planning.settings import Point, Setting
from spikelet_converters.planning.timing import elapsed, run_times

EXITS = 9  # number of margins for each T


@dataclass(frozen=True)
class Counted:
    """The measurements of one network.

    Attributes:
        graph: The network.
        copies: Number of copies k of its neurons.
        tally: Counts of the run over the largest T.
        labels: True classes, (N,).
        profile: Hardware profile of the energy, or None.
        elapsed: Milliseconds to the end of each time-step, (T,), or None.
        runs: Milliseconds of a run of 1, 2, … T time-steps without early exit, (T,), or None.
    """

    graph: Graph
    copies: int
    tally: Tally
    labels: npt.NDArray[np.int64]
    profile: Profile | None
    elapsed: npt.NDArray[np.float64] | None
    runs: npt.NDArray[np.float64] | None

    def settings(self, early_exit: bool) -> list[Setting]:
        """Return every T and, with early exit, margins that split the images into shares of about equal size."""
        settings: list[Setting] = []
        for steps in range(1, self.tally.steps + 1):
            settings.append(Setting(self.copies, steps))
            if early_exit and steps > 1:
                settings += [Setting(self.copies, steps, margin) for margin in _margins(self.tally.margins[:steps])]
        return settings

    def points(self, settings: Sequence[Setting]) -> list[Point]:
        """Return the points of settings of this network, of at most the T of the run."""
        ops = operations(self.graph, sites(self.graph), self.tally)
        return [self._point(setting, ops) for setting in settings]

    def _point(self, setting: Setting, ops: Operations) -> Point:
        truncated = _first_steps(self.tally, setting.steps)
        exits = at_threshold(truncated, self.labels, np.inf if setting.margin is None else setting.margin)
        assert exits.accuracy is not None
        low, high = wilson(exits.accuracy * truncated.images, truncated.images)
        ops_at_exit = operations_at_exit(ops, exits)
        counted = sum(ops_at_exit.total(field) for field in ("acs", "macs", "adds", "static_macs", "static_adds"))
        return Point(
            setting=setting,
            accuracy=exits.accuracy,
            low=low,
            high=high,
            steps=exits.steps,
            neurons=sum(ops.neurons.values()),
            operations=counted,
            energy=None if self.profile is None else _energy(self.graph, ops_at_exit, self.profile),
            time=self._time(setting, exits),
        )

    def _time(self, setting: Setting, exits: Exit) -> float | None:
        if self.elapsed is None or self.runs is None:
            return None
        if setting.margin is None:
            return float(self.runs[setting.steps - 1])
        return _mean_time(self.elapsed, exits)


def count(
    graph: Graph,
    copies: int,
    data: ImageSet,
    steps: int,
    engine: str,
    threads: int | None,
    profile: Profile | None,
    timed: bool,
    on_progress: Callable[[int, int], None],
) -> Counted:
    """Run a network over all images for T time-steps.

    Args:
        graph: The network.
        copies: Number of copies k of its neurons.
        data: Images with labels.
        steps: T.
        engine: Name of the engine, or "auto".
        threads: Number of threads; None for the default of the engine.
        profile: Hardware profile of the energy, or None.
        timed: Whether to measure the time of an image.
        on_progress: Called with (images done, number of images).
    """
    assert data.labels is not None
    counted = tally(graph, sites(graph), data.images, steps, engine, threads, on_progress)
    times, runs = None, None
    if timed:
        runner = create(graph, engine, (), threads, steps=steps)
        times, runs = elapsed(runner, data.images, steps), run_times(runner, data.images, steps)
    return Counted(graph, copies, counted, data.labels, profile, times, runs)


def _first_steps(counted: Tally, steps: int) -> Tally:
    """Return the tally of the first time-steps of a run, with the fields that early exit needs."""
    return replace(
        counted,
        steps=steps,
        predictions=counted.predictions[:steps],
        margins=counted.margins[:steps],
        events=counted.events[:steps],
    )


def _margins(margins: npt.NDArray[np.float64]) -> list[float]:
    """Return margins of early exit, ascending, without 0, at which no image takes a second time-step."""
    # rounded, so that they can be typed
    rounded = {float(f"{threshold:.3g}") for threshold in thresholds(margins, EXITS + 2) if threshold > 0}
    return sorted(rounded)


def _energy(graph: Graph, ops_at_exit: Operations, profile: Profile) -> float:
    """Return the upper bound of the energy in µJ, at the last level that the profile has figures for."""
    levels = spiking_levels(graph, ops_at_exit, profile)
    last = [levels[level] for level in LEVELS if levels[level] is not None][-1]
    assert last is not None
    return last.high / 1e6


def _mean_time(times: npt.NDArray[np.float64], exits: Exit) -> float:
    """Return the mean over the images of the time at which they exit."""
    shares = np.asarray(exits.share_by_step)
    return float((shares * times[: len(shares)]).sum())
