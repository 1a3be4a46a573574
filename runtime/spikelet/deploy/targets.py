"""Boards to which a bundle can be deployed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A type of board.

    Attributes:
        triplet: Prefix of its compiler; None without an operating system.
        about: Description for the README.
    """

    triplet: str | None
    about: str


TARGETS = {
    "raspberrypi": Target("aarch64-linux-gnu", "a Raspberry Pi 3, 4 or 5 with a 64-bit system"),
    "jetson": Target("aarch64-linux-gnu", "an NVIDIA Jetson (its processor; the GPU is not used)"),
    "generic-arm64": Target("aarch64-linux-gnu", "any 64-bit Arm with Linux"),
    "x86": Target("x86_64-linux-gnu", "any x86-64 with Linux"),
    "cortex-m": Target(None, "an Arm Cortex-M microcontroller"),
}
WEB = "web"
