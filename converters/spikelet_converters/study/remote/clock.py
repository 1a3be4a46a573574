"""Stop a training before a time limit, after its last epoch that fits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from spikelet.files.decoded import Document
from spikelet_converters.training.execution import TrainingProgress

MARGIN = 1.2  # an epoch may take this many times longer than the longest before it
Now = Callable[[], float]


class TimeUp(Exception):
    """The time of a call is used up. The run continues from its last complete epoch."""


@dataclass
class Clock:
    """Time left for training in a call.

    Attributes:
        seconds: Length of the call.
        reserve: Seconds at the end of the call, reserved for packing.
        now: Function that returns the time in seconds.
    """

    seconds: float
    reserve: float
    now: Now = time.monotonic
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.now()

    @property
    def left(self) -> float:
        """Seconds left for training."""
        return self.started + self.seconds - self.reserve - self.now()


class EpochWatch:
    """Callbacks of a training that raise `TimeUp` when the next epoch may not end in time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun = clock.now()
        self._longest = 0.0

    def on_batch(self, progress: TrainingProgress) -> None:
        """Raise `TimeUp` within an epoch, which is then lost, if no time is left."""
        if self._clock.left <= 0:
            raise TimeUp

    def on_epoch(self, row: Document) -> None:
        """Raise `TimeUp` after an epoch, whose checkpoint has been written, if the next one may not end in time."""
        ended = self._clock.now()
        self._longest = max(self._longest, ended - self._begun)
        self._begun = ended
        if self._clock.left < MARGIN * self._longest:
            raise TimeUp
