"""Whether results were measured with other settings than those of the window."""

from __future__ import annotations

from spikelet_gui.models.session.inspector import Inspector


def outdated(steps: int, data: str, inspector: Inspector, digest: str = "") -> str:
    """Return what has changed since a measurement; "" if nothing has.

    Args:
        steps: T of the measurement.
        data: Name of its images.
        inspector: The present settings.
        digest: Digest of its data set, which tells apart data of equal name; "" compares names.
    """
    before, now = [], []
    if steps != inspector.cursor.steps:
        before.append(f"at T = {steps}")
        now.append(f"T = {inspector.cursor.steps}")
    images = inspector.data
    if images is not None and (images.digest != digest if digest else images.name != data):
        same = images.name == data
        before.append(f"on {data} ({digest[:8]})" if same else f"on {data}")
        now.append(f"{images.name} ({images.digest[:8]})" if same else images.name)
    return f"Out of date: measured {' '.join(before)}; now {', '.join(now)}." if before else ""


def outdated_sweep(inspector: Inspector) -> str:
    """Return what has changed since accuracy, spike rates and operations were measured; "" if nothing has."""
    sweep, data = inspector.sweep, inspector.sweep_data
    if sweep is None or data is None:
        return ""
    return outdated(sweep.counted.steps, data.name, inspector, data.digest)


def sweep_again(inspector: Inspector) -> None:
    """Measure as many images again with the present settings."""
    data, sweep = inspector.data, inspector.sweep
    if data is not None and sweep is not None:
        inspector.run_sweep(data, len(sweep.data))
