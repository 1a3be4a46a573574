"""Check whether results were measured with other settings than those of the window."""

from __future__ import annotations

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.sources.inputs import missing_images


def outdated(steps: int, data: str, inspector: Inspector, digest: str = "", subject: str = "") -> str:
    """Return a message on settings that have changed since a measurement, or "".

    Args:
        steps: T of the measurement.
        data: Name of the measured images.
        inspector: The current settings.
        digest: Digest of the measured data set, which distinguishes data of equal name; "" compares names.
        subject: What is out of date, in the plural; "" if it is everything that is shown.
    """
    before, now = [], []
    if steps != inspector.cursor.steps:
        before.append(f"at T = {steps}")
        now.append(f"T = {inspector.cursor.steps}")
    images = inspector.data
    if images is not None and (images.digest != digest if digest else images.name != data):
        same_name = images.name == data
        before.append(f"on {data} ({digest[:8]})" if same_name else f"on {data}")
        now.append(f"{images.name} ({images.digest[:8]})" if same_name else images.name)
    if not before:
        return ""
    state = f"{subject} are out of date" if subject else "Out of date"
    return f"{state}: measured {' '.join(before)}; now {', '.join(now)}."


def outdated_sweep(inspector: Inspector, subject: str = "") -> str:
    """Return a message on settings that have changed since the accuracy was measured, or ""; see `outdated`."""
    sweep, data = inspector.measured.sweep, inspector.measured.data
    if sweep is None or data is None:
        return ""
    return outdated(sweep.counted.steps, data.name, inspector, data.digest, subject)


def sweep_all(inspector: Inspector) -> None:
    """Measure on all images of the open data set, or on the shipped images."""
    if inspector.document is None:
        return
    if inspector.data is None:
        inspector.failed.emit(missing_images(inspector.source, "a data set"))
    else:
        inspector.run_sweep(inspector.data)


def sweep_again(inspector: Inspector) -> None:
    """Measure as many images again with the current settings."""
    data, sweep = inspector.data, inspector.measured.sweep
    if data is None:  # recordings are open
        data = inspector.measured.data
    if data is not None and sweep is not None:
        inspector.run_sweep(data, len(sweep.data))


def unmeasured(inspector: Inspector, advice: str) -> str:
    """Return the message of a card without results: `advice` if a measurement is possible, else the reason why not."""
    return advice if inspector.data is not None else missing_images(inspector.source, "a data set")
