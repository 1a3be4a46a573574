"""Persistent settings: a JSON file in the user's configuration folder."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from spikelet.errors import SpikeletError
from spikelet.files.atomic import replacing

RECENT = 10  # largest number of recent bundles, and of recent data sets
RATES = ("image", "all")  # spike rates of the drawing of the network: of this image, or over all images
MAX_BYTES = 2**16
MOST = 2**31 - 1  # of a number
PATH_CHARACTERS, PART_BYTES = 4096, 255  # of a path, and of the name of a file or folder


@dataclass
class Settings:
    """Settings and the last session.

    Attributes:
        bundle: Path of the bundle that was opened last.
        second: Path of the bundle that is compared with it, or "".
        recent: Paths of recent bundles, the newest first.
        data: The images that were opened last, as `DataFile.entry`; empty for the shipped ones.
        recent_data: Recent images, the newest first, in the same form.
        theme: Dark, light or system.
        panel: Name of the panel.
        layer: Selected spiking layer.
        image: Index of the image.
        steps: T.
        speed: Time-steps per second of playback.
        loop: Whether playback restarts at the end.
        threshold: Margin of early exit, in logits.
        profile: Name of the hardware profile.
        rates: Spike rates that the drawing of the network shows, one of RATES.
        window: Geometry of the window in Qt's format, base64.
    """

    bundle: str = ""
    second: str = ""
    recent: list[str] = field(default_factory=list)
    data: list[object] = field(default_factory=list)
    recent_data: list[object] = field(default_factory=list)
    theme: str = "system"
    panel: str = "overview"
    layer: str = ""
    image: int = 0
    steps: int = 8
    speed: float = 2.0
    loop: bool = True
    threshold: float = 2.0
    profile: str = ""
    rates: str = RATES[1]
    window: str = ""

    def remember(self, path: Path) -> None:
        """Record that a bundle was opened."""
        self.bundle = self._listed(path)

    def remember_second(self, path: Path | None) -> None:
        """Record that a bundle was opened for comparison, or with None that it was closed; it stays a recent one."""
        self.second = "" if path is None else self._listed(path)

    def _listed(self, path: Path) -> str:
        """Put a path at the head of the recent bundles, and return it as it is kept."""
        opened = str(path.resolve())
        self.recent = [opened, *(recent for recent in self.recent if recent != opened)][:RECENT]
        return opened

    def remember_data(self, entry: list[object]) -> None:
        """Record that images were opened, see `DataFile.entry`."""
        self.data = entry
        self.recent_data = [entry, *(recent for recent in self.recent_data if recent != entry)][:RECENT]

    def forget(self, path: str) -> None:
        """Remove a file that no longer exists."""
        self.recent = [recent for recent in self.recent if recent != path]
        if self.bundle == path:
            self.bundle = ""


def folder() -> Path:
    """Return the folder of the user's settings, by the conventions of the operating system."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or str(Path.home())
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "spikelet"


def load(path: Path) -> Settings:
    """Read settings. Defaults replace entries that are missing or not valid; unknown entries are ignored."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return Settings()
        stored: object = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Settings()
    settings = Settings()
    if not isinstance(stored, dict):
        return settings
    for setting in fields(Settings):
        value, default = stored.get(setting.name), getattr(settings, setting.name)
        same_type = type(value) is type(default) or (type(default) is float and type(value) is int)
        if same_type and VALID.get(setting.name, _any)(value):
            setattr(settings, setting.name, type(default)(value))
    settings.recent = [recent for recent in settings.recent if is_path(recent)][:RECENT]
    settings.recent_data = [entry for entry in settings.recent_data if _names_data(entry)][:RECENT]
    return settings


def is_path(value: object) -> bool:
    """Return whether a value is a text that the operating system permits as a path, of a file that may be missing."""
    if not isinstance(value, str) or len(value) > PATH_CHARACTERS or "\0" in value:
        return False
    try:
        return all(len(os.fsencode(part)) <= PART_BYTES for part in Path(value).parts)
    except UnicodeEncodeError:  # half a surrogate pair
        return False


def _names_data(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) > 0 and is_path(entry[0])


def _any(value: object) -> bool:
    return True


VALID: dict[str, Callable[[Any], bool]] = {
    "bundle": is_path,
    "second": is_path,
    "data": lambda entry: not entry or _names_data(entry),
    "image": lambda index: 0 <= index <= MOST,
    "steps": lambda steps: 1 <= steps <= MOST,
    "speed": lambda speed: 0 < speed <= MOST,
    "threshold": lambda threshold: 0 <= threshold <= MOST,
    "window": str.isascii,
}
"""Conditions on values of settings, which another program may have written."""


def save(settings: Settings, path: Path) -> None:
    """Write settings. A file that cannot be written is ignored: the session continues without it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(json.dumps(asdict(settings), indent=1).encode())
    except (OSError, SpikeletError):
        return
