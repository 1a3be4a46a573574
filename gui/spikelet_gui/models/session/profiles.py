"""Hardware profiles of the inspector: the built-in ones, and those that were added in this session."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.metrics.hardware import MAIN_PROFILE, Profile, builtin, load_profile

added: dict[str, Profile] = {}


@cache
def _builtin() -> dict[str, Profile]:
    return builtin()


def profiles() -> dict[str, Profile]:
    """Return the built-in profiles, then the added ones, by name."""
    return {**_builtin(), **added}


def find_profile(name: str) -> Profile:
    """Return the profile of that name, or the main profile if there is none."""
    available = profiles()
    return available.get(name) or available[MAIN_PROFILE]


def add_profile(path: Path) -> Profile:
    """Read a profile from a TOML file and add it; a profile that was added before by the same name is replaced.

    Raises:
        UsageError: The file is not a valid profile, or it has the name of a built-in profile with other content.
    """
    profile = load_profile(path)
    existing = _builtin().get(profile.name)
    if existing is not None and existing != profile:
        raise UsageError.at(
            path.name,
            f"the name {profile.name!r} belongs to a built-in profile; choose another name",
            found=profile.name,
            remedy="choose another name",
        )
    if existing is None:
        added[profile.name] = profile
    return profile
