"""Names and bounds of the settings of sound features, checked in bundles and in options."""

from __future__ import annotations

from collections.abc import Mapping

from spikelet import options
from spikelet.choices import FEATURES
from spikelet.errors import UsageError

KIND = FEATURES[0]
WHOLE = {"bands": (1, 512), "frames": (1, 4096)}
REAL = {"window": (0.001, 10.0), "hop": (0.001, 10.0), "low": (0.0, 1e6), "high": (1.0, 1e6), "floor": (-200.0, -1.0)}
LEAST_BAND = 1.0  # Hz from `low` to `high`: closer frequencies are equal on the mel scale in float64
SETTINGS = (*WHOLE, *REAL)


def log_mel(name: str, stated: Mapping[str, object]) -> dict[str, int | float]:
    """Return the settings of log-mel features.

    Args:
        name: Name of the settings, for messages.
        stated: The settings by name, in seconds, Hz and dB.

    Raises:
        UsageError: A setting is missing, unknown, of a wrong type or out of range.
    """
    differing = sorted(set(SETTINGS).symmetric_difference(stated), key=str)
    if differing:
        found = f"{options.shown(differing[0])} is {'unknown' if differing[0] in stated else 'missing'}"
        expected = f"the settings {', '.join(SETTINGS)}"
        raise UsageError.at(name, f"{found}; expected {expected}", expected=expected, found=found)
    whole = {key: options.whole(f"{name}.{key}", stated[key], *bounds) for key, bounds in WHOLE.items()}
    real = {key: options.real(f"{name}.{key}", stated[key], *bounds) for key, bounds in REAL.items()}
    if real["high"] - real["low"] < LEAST_BAND:
        expected = f"low and high at least {LEAST_BAND:g} Hz apart"
        found = f"{real['low']:g} and {real['high']:g}"
        raise UsageError.at(name, f"expected {expected}, found {found}", expected=expected, found=found)
    return {**whole, **real}


def stated_log_mel(name: str, stated: object) -> dict[str, int | float] | None:
    """Return the settings that a bundle states, or None for features of another kind.

    Args:
        name: Name of the settings, for messages.
        stated: An object with the text `kind` and, for log-mel features, exactly their settings.

    Raises:
        UsageError: `stated` is not such an object, or a setting is invalid.
    """
    if not isinstance(stated, Mapping):
        found = options.shown(stated)
        raise UsageError.at(name, f"expected an object, found {found}", expected="an object", found=found)
    settings = dict(stated)
    if "kind" not in settings:
        raise UsageError.at(name, "kind is missing", expected="kind")
    kind = settings.pop("kind")
    options.instance(f"{name}.kind", kind, str)
    return log_mel(name, settings) if kind == KIND else None
