"""Cards: titled boxes with an export menu, of which the panels consist."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout

from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.text import Elided, label

TableSource = Callable[[], DataTable | None]


class Card(QFrame):
    """A titled box. The note beside the title is shown below the title if it does not fit.

    Attributes:
        name: The title.
        data: Returns the data for CSV, or None before they are computed; None for a card without data.
        head: Layout of the title line.
        body: Layout of the content.
    """

    def __init__(self, title: str, note: str = "", data: TableSource | None = None) -> None:
        super().__init__()
        self.setObjectName("card")
        self.data = data
        self.name = title
        self.body = QVBoxLayout()
        self.body.setSpacing(8)
        self.head = QHBoxLayout()
        self.head.setSpacing(8)
        self.title, self.below = label(title, "title"), label("", "caption", wrap=True)
        self.note = Elided(note, overflow=self.below)
        self.title.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.head.addWidget(self.title)
        self.head.addWidget(self.note, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(14, 10, 14, 12)
        outer.setSpacing(8)
        outer.addLayout(self.head)
        outer.addWidget(self.below)
        outer.addLayout(self.body, 1)

    def set_note(self, note: str) -> None:
        """Set the note beside the title."""
        self.note.show_text(note)


class CardView(View):
    """A view that consists of one card.

    Args:
        inspector: The models.
        title: Title of the card.
        note: Note beside the title.
        data: Returns the data of the card for CSV, or None before they are computed.

    Attributes:
        inspector: The models.
        card: The card.
        head: Layout of the title line.
        body: Layout of the content.
    """

    _in_slices = True

    def __init__(self, inspector: Inspector, title: str, note: str = "", data: TableSource | None = None) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card(title, note, data)
        self.head, self.body = self.card.head, self.card.body
        self.fill(self.card)

    def set_note(self, note: str) -> None:
        """Set the note beside the title."""
        self.card.set_note(note)
