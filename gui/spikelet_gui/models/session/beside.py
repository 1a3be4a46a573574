"""What is held beside the open bundle: its float network, a second bundle, faulty devices, and other judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikelet.metrics.robustness import Robustness
from spikelet.verify import Verification
from spikelet_gui.models.analysis.checks import Checks
from spikelet_gui.models.analysis.compare import Comparison, Survey
from spikelet_gui.models.analysis.residuals import Residuals
from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.session.document import Document, open_document
from spikelet_gui.models.signal import Signal


class Beside:
    """opened: another second bundle, or none. compared: a comparison or a survey is there. checked: a judge has spoken.
    resolved: the residuals of the float network are there. stressed: so is what faulty devices do, so far or in full.

    other: the second bundle; None stands for the open one itself. key: of what the comparison is of.
    """

    def __init__(self, jobs: Jobs, said: Signal) -> None:
        self.opened, self.compared, self.checked, self.resolved = Signal(), Signal(), Signal(), Signal()
        self.stressed = Signal()
        self._jobs, self._said = jobs, said
        self.other: Document | None = None
        self.comparison: Comparison | None = None
        self.survey: Survey | None = None
        self.key: Any = None
        self.checks = Checks()
        self.residuals: Residuals | None = None
        self.robustness: Robustness | None = None

    def reset(self) -> None:
        """Another bundle is open: what was found is of the last one."""
        self.comparison, self.survey, self.key, self.checks = None, None, None, Checks()
        self.residuals, self.robustness = None, None
        self.checked.emit()

    def open(self, path: Path) -> None:
        """Open the second bundle."""
        self._said.emit(f"Opening {path.name}…")
        self._jobs.start("other", lambda _: open_document(path), self._opened, self._said.emit)

    def _opened(self, document: Document) -> None:
        self._said.emit(f"{document.name} is open for comparison")
        self._set(document)

    def close(self) -> None:
        """The open bundle is held against itself."""
        self._set(None)

    def _set(self, document: Document | None) -> None:
        self.other, self.comparison, self.survey, self.key = document, None, None, None
        self.compared.emit()
        self.opened.emit()

    def set_comparison(self, comparison: Comparison | None) -> None:
        """Set the comparison on one image."""
        self.comparison = comparison
        self.compared.emit()

    def set_survey(self, survey: Survey) -> None:
        """Set the comparison over many images."""
        self.survey = survey
        self.compared.emit()

    def set_residuals(self, residuals: Residuals) -> None:
        """Float against spiking."""
        self.residuals = residuals
        self.resolved.emit()

    def set_robustness(self, robustness: Robustness | None) -> None:
        """What faulty devices answer, as far as it is known."""
        self.robustness = robustness
        self.stressed.emit()

    def set_verified(self, found: dict[str, Verification]) -> None:
        """Set the verification results."""
        self.checks.verified = found
        self.checked.emit()

    def set_report(self, report: Any) -> None:
        """Set the report of Brian2, a ValidationReport."""
        self.checks.report = report
        self.checked.emit()
