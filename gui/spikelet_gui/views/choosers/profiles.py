"""Selection of the hardware profile."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QSizePolicy

from spikelet.errors import SpikeletError
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.profiles import add_profile, find_profile, profiles
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.controls import Choice, tool
from spikelet_gui.views.widgets.layouts import row


class ProfilePicker(View):
    """A list of all profiles, and a button to add one from a file."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.box = Choice("hardware profile")
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.setMinimumContentsLength(12)
        self.box.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.activated.connect(lambda index: inspector.set_profile(self.box.itemData(index)))
        line = row(self.box, tool("open", "Add a hardware profile from a TOML file", self._ask), spacing=4)
        line.setContentsMargins(0, 0, 0, 0)
        self.setLayout(line)
        self.follow(self._fill, inspector.profile_changed)

    def _fill(self) -> None:
        self.box.clear()
        for name, profile in sorted(profiles().items(), key=lambda item: (not item[1].priced, item[1].title)):
            self.box.addItem(profile.title if profile.priced else f"{profile.title} (no figure published)", name)
        self.box.setCurrentIndex(self.box.findData(find_profile(self.inspector.settings.profile).name))

    def _ask(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Add a hardware profile", "", "Profiles (*.toml)")
        if name:
            self.add(Path(name))

    def add(self, path: Path) -> None:
        """Add a profile from a file and choose it; an error is shown in the status line."""
        try:
            profile = add_profile(path)
        except SpikeletError as error:
            self.inspector.failed.emit(str(error))
            return
        self.inspector.set_profile(profile.name)
        self._fill()
