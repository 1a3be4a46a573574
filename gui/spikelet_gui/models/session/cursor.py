"""Time cursor shared by all panels."""

from __future__ import annotations

from spikelet_gui.models.signal import Signal

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)  # time-steps per second


class Cursor:
    """A time-step t in 1…T, and its playback.

    Attributes:
        moved: Emitted when t changes.
        changed: Emitted when T, playing, loop or speed changes.
        steps: T.
        time: t.
        playing: Whether t advances with the timer of the window.
        loop: Whether playback restarts at t = 1 after T.
        speed: Time-steps per second, one of SPEEDS.
    """

    def __init__(self, steps: int = 1) -> None:
        self.moved, self.changed = Signal[[]](), Signal[[]]()
        self.steps = steps
        self.time = 1
        self.playing = False
        self.loop = True
        self.speed = 2.0

    def set_steps(self, steps: int) -> None:
        """Set T. The cursor keeps t if possible; a cursor at the end stays at the end."""
        if steps == self.steps:
            return
        at_end = self.time == self.steps
        self.steps = steps
        self.time = steps if at_end or self.time > steps else self.time
        self.changed.emit()
        self.moved.emit()

    def go(self, time: int) -> None:
        """Move to time-step `time`, limited to 1…T."""
        time = min(max(time, 1), self.steps)
        if time != self.time:
            self.time = time
            self.moved.emit()

    def step(self, by: int) -> None:
        """Pause, and move by a number of time-steps."""
        self.pause()
        self.go(self.time + by)

    def toggle(self) -> None:
        """Play or pause. At the end, play from the beginning."""
        if self.playing:
            self.pause()
            return
        if self.time == self.steps:
            self.go(1)
        self.playing = self.steps > 1
        self.changed.emit()

    def pause(self) -> None:
        """Stop playback."""
        if self.playing:
            self.playing = False
            self.changed.emit()

    def tick(self) -> None:
        """Advance by one time-step while playing. The timer of the window calls this."""
        if not self.playing:
            return
        if self.time < self.steps:
            self.go(self.time + 1)
        elif self.loop:
            self.go(1)
        else:
            self.pause()

    def set_loop(self, loop: bool) -> None:
        """Set whether playback restarts at the end."""
        if loop != self.loop:
            self.loop = loop
            self.changed.emit()

    def set_speed(self, speed: float) -> None:
        """Set the speed, in time-steps per second, to the nearest of SPEEDS."""
        speed = min(SPEEDS, key=lambda available: abs(available - speed))
        if speed != self.speed:
            self.speed = speed
            self.changed.emit()

    def faster(self, by: int) -> None:
        """Move the speed by a number of entries of SPEEDS; negative is slower."""
        index = SPEEDS.index(self.speed) + by
        self.set_speed(SPEEDS[min(max(index, 0), len(SPEEDS) - 1)])
