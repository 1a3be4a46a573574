"""Selection of the hardware profile."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QSizePolicy

from spikelet.errors import SpikeletError
from spikelet.metrics.hardware import MAIN_PROFILE, Profile, builtin, load_profile
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.fields import Choice
from spikelet_gui.views.widgets.widgets import row, tool

_added: dict[str, Profile] = {}


@cache
def _builtin() -> dict[str, Profile]:
    return builtin()


def profiles() -> dict[str, Profile]:
    """Those that come with spikelet, then those that were added, by name."""
    return {**_builtin(), **_added}


def chosen_profile(inspector: Inspector) -> Profile | None:
    """The one that is chosen."""
    found = profiles()
    return found.get(inspector.settings.profile) or found.get(MAIN_PROFILE)


class ProfilePicker(View):
    """All profiles by title, and a way to add one."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.box = Choice("hardware profile")
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.setMinimumContentsLength(12)
        self.box.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.activated.connect(lambda index: inspector.set_profile(self.box.itemData(index)))
        line = row(self.box, tool("open", "Add a hardware profile from a TOML file", self._add), spacing=4)
        line.setContentsMargins(0, 0, 0, 0)
        self.setLayout(line)
        self.follow(self._fill, inspector.profile_changed)

    def _fill(self) -> None:
        chosen = chosen_profile(self.inspector)
        self.box.clear()
        for name, profile in sorted(profiles().items(), key=lambda each: (not each[1].priced, each[1].title)):
            self.box.addItem(profile.title if profile.priced else f"{profile.title} (no figure published)", name)
        if chosen is not None:
            self.box.setCurrentIndex(self.box.findData(chosen.name))

    def _add(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Add a hardware profile", "", "Profiles (*.toml)")
        if name:
            self.add(Path(name))

    def add(self, path: Path) -> None:
        """Add a profile from a file and choose it."""
        try:
            profile = load_profile(path)
        except SpikeletError as error:
            self.inspector.said.emit(str(error))
            return
        _added[profile.name] = profile
        self.inspector.set_profile(profile.name)
        self._fill()
