"""Results of the analyses of the open bundle, and the second bundle of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.metrics.fault_results import Robustness
from spikelet.verify import StepVerification, Verification
from spikelet_gui.models.activity.compare import Comparison, Survey
from spikelet_gui.models.analysis.browse import Filter
from spikelet_gui.models.analysis.checks import Checks
from spikelet_gui.models.analysis.planning import Planned
from spikelet_gui.models.analysis.residuals import Residuals
from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.session.document import Document, open_document
from spikelet_gui.models.session.kept.keeper import Restored
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.signal import Signal

if TYPE_CHECKING:
    from spikelet_converters.brian2 import ValidationReport


@dataclass(frozen=True)
class SurveyKey:
    """Identifies what a comparison on many images was computed from.

    Attributes:
        digests: Digests of both bundles.
        engines: Both engines.
        steps: T.
        data: Digest of the images.
    """

    digests: tuple[str, str]
    engines: tuple[str, str]
    steps: int
    data: str


@dataclass(frozen=True)
class ComparisonKey:
    """Identifies the inputs of a comparison.

    Attributes:
        digests: Digests of both bundles.
        engines: Both engines.
        steps: T.
        input: Bytes that identify the input.
    """

    digests: tuple[str, str]
    engines: tuple[str, str]
    steps: int
    input: bytes


class Results:
    """Results of the analyses of the open bundle.

    Attributes:
        second_changed: Emitted when the second bundle is opened or closed.
        comparison_changed: Emitted when a comparison or a survey is set.
        checks_changed: Emitted when a verification or a validation is set.
        residuals_changed: Emitted when the residuals are set.
        filter_changed: Emitted when other images are listed.
        robustness_changed: Emitted when the accuracy under faults, partial or complete, is set.
        planned_changed: Emitted when the settings of the bundle are set.
        second: The second bundle of a comparison; None compares the open bundle with itself.
        picked_engines: Engines that the user picked for both sides of a comparison; "" for none.
        comparison: Comparison on one image.
        comparison_key: Inputs of the comparison, or None.
        survey: Comparison on many images.
        checks: Verification and validation.
        residuals: Float and spiking network, layer by layer.
        robustness: Accuracy under faults.
        planned: Settings of the bundle, or of the one from which it was derived.
        filter: Conditions on the images of the browser, or None.
        digests: Digests of the data sets of `residuals`, `robustness` and `planned`, by "residuals", "robustness" and
            "plan"; for a subset of a data set, that of the whole set.
    """

    def __init__(self, jobs: Jobs, settings: Settings, status: Signal[[str]], failed: Signal[[str]]) -> None:
        self.second_changed, self.comparison_changed, self.checks_changed = Signal[[]](), Signal[[]](), Signal[[]]()
        self.residuals_changed, self.robustness_changed = Signal[[]](), Signal[[]]()
        self.planned_changed = Signal[[]]()
        self.filter_changed = Signal[[]]()
        self.filter: Filter | None = None
        self._jobs, self._settings, self._status, self._report_failure = jobs, settings, status, failed
        self.second: Document | None = None
        self.second_error = ""
        self.picked_engines = ["", ""]
        self.comparison: Comparison | None = None
        self.comparison_key: ComparisonKey | None = None
        self.survey: Survey | None = None
        self._surveys: dict[SurveyKey, Survey] = {}
        self.checks = Checks()
        self.residuals: Residuals | None = None
        self.robustness: Robustness | None = None
        self.planned: Planned | None = None
        self.digests: dict[str, str] = {}

    def reset(self) -> None:
        """Discard the results of the previous bundle."""
        self.comparison, self.survey, self.comparison_key, self.checks = None, None, None, Checks()
        self.residuals, self.robustness, self.planned = None, None, None
        self.digests.clear()
        self.filter = None
        self.checks_changed.emit()

    def set_filter(self, conditions: Filter | None) -> None:
        """Set the conditions on the images of the browser; None shows what it shows first."""
        if conditions != self.filter:
            self.filter = conditions
            self.filter_changed.emit()

    def open_second(self, path: Path) -> None:
        """Open the second bundle in the background; an error is kept in `second_error`."""
        self._status.emit(f"Opening {path.name}…")
        self.second_error = ""
        self._jobs.start("second", lambda _: open_document(path), self._opened, lambda text: self._failed(path, text))

    def reload_second(self) -> None:
        """Open the file of the second bundle again. An invalid one is reported, and the bundle remains open."""
        if self.second is not None:
            self.open_second(self.second.path)

    def reopen_second(self, same: bool) -> None:
        """Open the second bundle of the last session, unless one is open.

        Args:
            same: Whether the first bundle is that of the last session.
        """
        if self.second is not None or self._jobs.running("second"):
            return
        second, self._settings.second = self._settings.second, ""  # remembered again once it is open
        if same and second:
            self.open_second(Path(second))

    def _opened(self, document: Document) -> None:
        self._status.emit(f"{document.name} is open for comparison")
        self._set_second(document)

    def _failed(self, path: Path, message: str) -> None:
        self.second_error = message
        self._report_failure.emit(message if path.name in message else f"{path.name}: {message}")

    def close_second(self) -> None:
        """Compare the open bundle with itself."""
        self._set_second(None)

    def _set_second(self, document: Document | None) -> None:
        self.second, self.comparison, self.survey, self.comparison_key = document, None, None, None
        self._settings.remember_second(None if document is None else document.path)
        self.comparison_changed.emit()
        self.second_changed.emit()

    def set_comparison(self, comparison: Comparison | None) -> None:
        """Set the comparison on one image."""
        self.comparison = comparison
        self.comparison_changed.emit()

    def set_survey(self, survey: Survey, key: SurveyKey) -> None:
        """Set the comparison on many images, and keep it for `recall_survey`."""
        self._surveys[key] = survey
        self.recall_survey(key)

    def recall_survey(self, key: SurveyKey | None) -> None:
        """Show the comparison on many images that was computed from the same, or none."""
        survey = None if key is None else self._surveys.get(key)
        if survey is not self.survey:
            self.survey = survey
            self.comparison_changed.emit()

    def set_residuals(self, residuals: Residuals, digest: str) -> None:
        """Set the residuals of all layers. digest: that of the data set."""
        self.residuals, self.digests["residuals"] = residuals, digest
        self.residuals_changed.emit()

    def set_robustness(self, robustness: Robustness, digest: str) -> None:
        """Set the accuracy under faults, partial or complete. digest: that of the data set."""
        self.robustness, self.digests["robustness"] = robustness, digest
        self.robustness_changed.emit()

    def set_planned(self, planned: Planned, digest: str) -> None:
        """Set the settings of the bundle. digest: that of the data set."""
        self.planned, self.digests["plan"] = planned, digest
        self.planned_changed.emit()

    def restore(self, restored: Restored, digest: str) -> None:
        """Set results that were kept from other sessions, unless they are being computed anew.

        Args:
            restored: The results.
            digest: That of the data set.
        """
        if restored.residuals is not None and not self._jobs.running("residuals"):
            self.set_residuals(restored.residuals, digest)
        if restored.robustness is not None and not self._jobs.running("robustness"):
            self.set_robustness(restored.robustness, digest)
        if restored.planned is not None and not self._jobs.running("plan"):
            self.set_planned(restored.planned, digest)

    def set_verified(self, verified: tuple[dict[str, Verification], StepVerification]) -> None:
        """Set the results of replaying the golden inputs: by engine, and through step.onnx."""
        self.checks.verified, self.checks.step_model = verified
        self.checks_changed.emit()

    def set_report(self, report: ValidationReport) -> None:
        """Set the validation with Brian2."""
        self.checks.report = report
        self.checks_changed.emit()
