"""Show a measured setting of a bundle in all panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet_gui.models.session.derived import with_copies
from spikelet_gui.models.session.document import Document
from spikelet_gui.models.session.inspector import Inspector

if TYPE_CHECKING:
    from spikelet_converters.planning.settings import Setting


def show_setting(inspector: Inspector, setting: Setting) -> None:
    """Show a setting of the measured ones, in the background: its network, T, and margin of early exit."""
    planned = inspector.results.planned
    if planned is None:
        return
    inspector.status.emit(f"Opening {planned.path.name} with {setting}…")
    inspector.jobs.start(
        "open",
        lambda _: with_copies(planned.bundle, planned.path, setting.copies),
        lambda document: _show(inspector, document, setting),
        inspector.failed.emit,
    )


def _show(inspector: Inspector, document: Document, setting: Setting) -> None:
    if not inspector.may_replace(document):
        return
    source, index, planned, last = inspector.source, inspector.index, inspector.results.planned, inspector.settings.data
    digest = inspector.results.digests.get("plan", "")
    inspector.settings.steps = setting.steps
    if setting.margin is not None:
        inspector.measured.set_threshold(setting.margin)
    inspector.replace(document)
    if planned is not None:
        inspector.results.set_planned(planned, digest)
    if source is not None:
        inspector.show(source, index)
        inspector.settings.data = last
    inspector.status.emit(f"{document.name} is open with {setting}")
