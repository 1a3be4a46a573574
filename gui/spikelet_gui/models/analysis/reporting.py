"""The report of what was measured, as `spikelet report` writes it, without running the images again."""

from __future__ import annotations

from pathlib import Path

from spikelet.atomic import replacing
from spikelet.engines import available
from spikelet.metrics.hardware import MAIN_PROFILE, builtin
from spikelet.metrics.measurement import Measurement
from spikelet.metrics.robustness import Robustness
from spikelet.report.document import Report, all_figures, html
from spikelet.verify import verify
from spikelet_gui.models.jobs import Progress


def write(path: Path, measured: Measurement, profile: str, robustness: Robustness | None, progress: Progress) -> None:
    """One HTML page. profile: name of the one that is compared in full. robustness: of faulty devices, if known."""
    known = builtin()
    verification = []
    for name in available(measured.bundle.graph):
        verification.append(verify(measured.bundle, name))
        progress.check()
    report = Report(
        measured=[measured],
        names=[measured.bundle.manifest.name],
        profiles=list(known.values()),
        main=profile if profile in known else MAIN_PROFILE,
        latency=[],
        verification=[verification],
        validation=None,
        robustness=None if robustness is None else robustness.as_json(),
    )
    page = html(report, all_figures(report))
    progress.check()
    with replacing(path) as file:
        file.write(page.encode())
