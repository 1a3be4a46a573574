"""The content of the window: header, panels and footer, for the current theme."""

from __future__ import annotations

from collections.abc import Mapping

import shiboken6
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.catalogue import PANELS, Panels
from spikelet_gui.views.shell.actions import Actions
from spikelet_gui.views.shell.changed import ChangedLine
from spikelet_gui.views.shell.exporting import Exporter
from spikelet_gui.views.shell.header import Header
from spikelet_gui.views.shell.pages import ProblemPage, WelcomePage
from spikelet_gui.views.shell.rail import Rail
from spikelet_gui.views.shell.stale import StaleLine
from spikelet_gui.views.shell.transport import Transport
from spikelet_gui.views.widgets import theme
from spikelet_gui.views.widgets.base import Panel, release_all
from spikelet_gui.views.widgets.controls import Segments
from spikelet_gui.views.widgets.scrolling import Page
from spikelet_gui.views.widgets.slices import slices
from spikelet_gui.views.widgets.tab_order import set_tab_order

SMALLEST = 800, 500  # width and height of the content; a screen of 1920 × 1080 at 200% has 960 × 540
Choices = Mapping[str, Mapping[str, int]]
"""Chosen segments by panel and accessible name."""


class Content(QWidget):
    """Header, panels and footer. The views of a theme are built with it; another theme needs another content.

    Args:
        frame: Scroll area of the window, to which the content is added.
        actions: What the controls start.
        exporter: Adds menus to the plots of panels.
        inspector: The models.
        choices: What is chosen in the panels when they are built.

    Attributes:
        choices: What was chosen in the panels when they were deleted.
        panels: The panels by name.
        pages: The scroll areas of the panels, by name.
    """

    def __init__(
        self, frame: Page, actions: Actions, exporter: Exporter, inspector: Inspector, choices: Choices
    ) -> None:
        super().__init__()
        self._inspector, self._exporter, self.choices = inspector, exporter, choices
        self.setObjectName("root")
        self.setMinimumSize(*map(theme.length, SMALLEST))
        frame.set_content(self)  # in the window before its contents: a widget that changes its parent is styled again
        self.rail = Rail(actions.show_panel)
        self.header = Header(actions, exporter, inspector)
        self.changed = ChangedLine(inspector)
        self.stale = StaleLine(inspector, self.shown_panel)
        self.stack = QStackedWidget()
        self.transport = Transport(inspector)
        self.welcome, self.problem = WelcomePage(actions, inspector), ProblemPage(actions, inspector)
        self.stack.addWidget(self.welcome)
        self.stack.addWidget(self.problem)
        self._lay_out()
        self.pages: dict[str, Page] = {}
        self.panels = Panels(inspector, self._add_page, self._complete)
        self.setFocus()  # the first button must not have the focus
        self.show_state()

    def _lay_out(self) -> None:
        outer, right = QHBoxLayout(self), QVBoxLayout()
        for layout in (outer, right):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
        outer.addWidget(self.rail)
        outer.addLayout(right, 1)
        for line in (self.header, self.changed, self.stale):
            right.addWidget(line)
        right.addWidget(self.stack, 1)
        right.addWidget(self.transport)

    def _add_page(self, name: str, panel: Panel) -> None:
        """Add a panel that is not built yet."""
        panel.setObjectName(f"panel-{name}")
        self.pages[name] = Page()
        self.stack.addWidget(self.pages[name])
        self.pages[name].set_content(panel)

    def _complete(self, name: str, panel: Panel) -> None:
        self._exporter.add_menus(panel)
        set_tab_order(self)
        for segments in panel.findChildren(Segments):
            segments.pick(self.choices.get(name, {}).get(segments.accessibleName(), segments.chosen))

    @property
    def panel(self) -> str:
        """Name of the current panel."""
        name = self._inspector.settings.panel
        return name if name in PANELS else "overview"

    def shown_panel(self) -> Panel | None:
        """Return the current panel; None before it is built, and while no bundle is open or a refused one is shown."""
        return self.panels.get(self.panel) if self._inspector.shown is not None else None

    def show_state(self) -> None:
        """Show the start page, the errors of a refused bundle, or the current panel."""
        inspector = self._inspector
        self.rail.mark(self.panel)
        if inspector.problem is not None:
            self.stack.setCurrentWidget(self.problem)
        elif inspector.document is None:
            self.stack.setCurrentWidget(self.welcome)
        else:
            self._show_page(self.panel)
        self.stale.show_state()

    def _show_page(self, name: str) -> None:
        """Show a panel after it is built; another panel can be chosen meanwhile."""
        if self.panel != name or self._inspector.shown is None:
            return
        if self.panels.build_slice(name):
            self.stack.setCurrentWidget(self.pages[name])
            self.stale.show_state()
        else:
            slices().add(self.stack, lambda: self._show_page(name))

    def scroll_panel(self, pages: int) -> None:
        """Scroll the current panel down by a number of pages; negative is up."""
        if self.panel in self.pages:
            self.pages[self.panel].turn(pages)

    def release(self) -> None:
        """Complete the panels that are partly built, and release what all views hold."""
        self.panels.finish()
        release_all(self)

    def delete_pages(self) -> None:
        """Delete the panels. `choices` has what was chosen in them."""
        self.release()
        choices = {**self.choices}
        for name, page in self.pages.items():
            segments = self.panels[name].findChildren(Segments)
            choices[name] = {control.accessibleName(): control.chosen for control in segments}
            shiboken6.delete(page)
        self.panels.clear()
        self.pages.clear()
        self.choices = choices
