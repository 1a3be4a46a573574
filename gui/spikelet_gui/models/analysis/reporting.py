"""Write the report of a measurement, as `spikelet report` does, without running the images again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spikelet.engines import available
from spikelet.files.atomic import replacing
from spikelet.metrics.fault_results import Robustness
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement
from spikelet.report.document import Report, all_figures, html
from spikelet.verify import verify, verify_step
from spikelet_gui.models.jobs import Progress


def write(
    path: Path,
    measured: Measurement,
    profiles: Sequence[Profile],
    main: str,
    robustness: Robustness | None,
    progress: Progress,
) -> None:
    """Write the report as one HTML page.

    Args:
        path: File to write.
        measured: The measurement.
        profiles: Hardware profiles of the report.
        main: Name of the profile that is compared with the baselines.
        robustness: Accuracy under faults, or None.
        progress: Cancels the task.
    """
    verification = []
    for name in available(measured.bundle.graph):
        verification.append(verify(measured.bundle, name))
        progress.check()
    report = Report(
        measured=[measured],
        names=[measured.bundle.manifest.name],
        profiles=profiles,
        main=main,
        latency=[],
        verification=[verification],
        step_models=[verify_step(measured.bundle)],
        validation=None,
        robustness=None if robustness is None else robustness.as_json(),
    )
    page = html(report, all_figures(report))
    progress.check()
    with replacing(path) as file:
        file.write(page.encode())
