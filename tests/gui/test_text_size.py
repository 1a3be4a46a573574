"""Painted texts fit and do not overlap, also where the system has larger fonts."""

import os
import subprocess
import sys
from pathlib import Path

from gui_support import painted

LARGE = {"QT_QPA_PLATFORM": "offscreen", "QT_FONT_DPI": "144", "QT_ENABLE_HIGHDPI_SCALING": "0"}  # 150%


def test_painted_texts_fit(qapp):
    assert painted.faults() == {}


def test_painted_texts_fit_in_large_fonts():
    """Qt reads the size of the fonts of the system once, at the start of a process."""
    done = subprocess.run(
        [sys.executable, "-m", "gui_support.painted"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **LARGE, "PYTHONPATH": str(Path(painted.__file__).parents[1])},
    )
    assert (done.stdout, done.stderr, done.returncode) == ("{}\n", "", 0)
