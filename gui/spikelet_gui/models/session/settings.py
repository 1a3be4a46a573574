"""Persistent settings: a JSON file in the user's configuration folder."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from spikelet.atomic import replacing
from spikelet.errors import SpikeletError

RECENT = 10
MAX_BYTES = 2**16


@dataclass
class Settings:
    """bundle: the last one that was open. recent: the newest first. window: geometry as Qt gives it, base64."""

    bundle: str = ""
    recent: list[str] = field(default_factory=list)
    theme: str = "system"
    panel: str = "overview"
    layer: str = ""
    image: int = 0
    steps: int = 8
    speed: float = 2.0
    loop: bool = True
    threshold: float = 2.0
    profile: str = ""
    window: str = ""

    def remember(self, path: Path) -> None:
        """A bundle was opened."""
        name = str(path.resolve())
        self.bundle = name
        self.recent = [name, *(each for each in self.recent if each != name)][:RECENT]

    def forget(self, path: str) -> None:
        """A file that is no longer there."""
        self.recent = [each for each in self.recent if each != path]
        if self.bundle == path:
            self.bundle = ""


def folder() -> Path:
    """Where the user's settings lie, as the system has it."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or str(Path.home())
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "spikelet"


def load(path: Path) -> Settings:
    """The settings in a file; what is missing, unknown or of a wrong type is as at the first start."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return Settings()
        found: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Settings()
    settings = Settings()
    if not isinstance(found, dict):
        return settings
    for each in fields(Settings):
        value, usual = found.get(each.name), getattr(settings, each.name)
        if type(value) is type(usual):
            setattr(settings, each.name, value)
        elif type(usual) is float and type(value) is int:
            setattr(settings, each.name, float(value))
    settings.recent = [each for each in settings.recent if isinstance(each, str)][:RECENT]
    return settings


def save(settings: Settings, path: Path) -> None:
    """Write them; a folder that cannot be written is no reason to stop anyone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(json.dumps(asdict(settings), indent=1).encode())
    except (OSError, SpikeletError):
        return
