"""Pictures of the inspector are complete files, or the file before them stays."""

import errno
import os

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel

from spikelet.errors import SpikeletError
from spikelet_gui.views.shell.exporting import write


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_full_disk_leaves_the_file_as_it_was(qapp, suffix, tmp_path, monkeypatch):
    path = tmp_path / f"a.{suffix}"
    label = QLabel("potential")
    label.resize(120, 40)
    assert write(label, path) == [path]
    content = path.read_bytes()
    if suffix == "png":
        assert (QImage(str(path)).width(), QImage(str(path)).height()) == (120, 40)
    else:
        assert b'width="' in content
        assert b"potential" in content

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    label.setText("threshold")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpikeletError, match=rf"a\.{suffix}: could not be written \(No space left on device\)"):
        write(label, path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
