"""Time cursor shared by all panels."""

from __future__ import annotations

from spikelet_gui.models.signal import Signal

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)  # time-steps a second


class Cursor:
    """A time-step t in 1…T, and whether it runs.

    moved: emitted when t changes. changed: when T, playing, loop or speed do.
    """

    def __init__(self, steps: int = 1) -> None:
        self.moved, self.changed = Signal(), Signal()
        self.steps = steps
        self.time = 1
        self.playing = False
        self.loop = True
        self.speed = 2.0

    def set_steps(self, steps: int) -> None:
        """T from now on; t stays where it is if it can, and at the end if it was there."""
        if steps == self.steps:
            return
        at_end = self.time == self.steps
        self.steps = steps
        self.time = steps if at_end or self.time > steps else self.time
        self.changed.emit()
        self.moved.emit()

    def go(self, time: int) -> None:
        """To time-step `time`, or the nearest there is."""
        time = min(max(time, 1), self.steps)
        if time != self.time:
            self.time = time
            self.moved.emit()

    def step(self, by: int) -> None:
        """One or more time-steps on or back; stops playing."""
        self.pause()
        self.go(self.time + by)

    def toggle(self) -> None:
        """Play or pause; at the end, from the beginning."""
        if self.playing:
            self.pause()
            return
        if self.time == self.steps:
            self.go(1)
        self.playing = self.steps > 1
        self.changed.emit()

    def pause(self) -> None:
        """Stop playing."""
        if self.playing:
            self.playing = False
            self.changed.emit()

    def tick(self) -> None:
        """One time-step on, while playing: the window's timer calls this."""
        if not self.playing:
            return
        if self.time < self.steps:
            self.go(self.time + 1)
        elif self.loop:
            self.go(1)
        else:
            self.pause()

    def set_loop(self, loop: bool) -> None:
        """Whether to begin again at the end."""
        if loop != self.loop:
            self.loop = loop
            self.changed.emit()

    def set_speed(self, speed: float) -> None:
        """Time-steps a second, one of SPEEDS."""
        speed = min(SPEEDS, key=lambda each: abs(each - speed))
        if speed != self.speed:
            self.speed = speed
            self.changed.emit()

    def faster(self, by: int) -> None:
        """So many entries of SPEEDS faster, or slower."""
        place = SPEEDS.index(self.speed) + by
        self.set_speed(SPEEDS[min(max(place, 0), len(SPEEDS) - 1)])
