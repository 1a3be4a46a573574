"""Bundles, data and a window for tests; nothing here needs a screen."""

import os
import time

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication

from gui_bundles import LABELS, bundle_of, plain_graph, quiet
from networks import small_graph
from spikelet.bundle import write
from spikelet.data import ImageSet
from spikelet.gui.models.settings import Settings
from spikelet.gui.models.trace import record
from spikelet.gui.views.app import discard, make_window


@pytest.fixture(scope="module")
def bundle():
    return bundle_of(plain_graph())


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(3)
    return ImageSet(rng.integers(0, 256, (50, 3, 8, 8), dtype=np.uint8), rng.integers(0, 3, 50), None, "noise")


@pytest.fixture(scope="module")
def trace(bundle, images):
    return record(bundle, "numpy", images.images[0].astype(np.float32), 6, quiet())


@pytest.fixture
def path(tmp_path):
    """A small bundle."""
    file = tmp_path / "small.snnb"
    write(bundle_of(plain_graph()), file)
    return file


@pytest.fixture
def leaky_path(tmp_path):
    file = tmp_path / "leaky.snnb"
    write(bundle_of(small_graph(), "leaky"), file)
    return file


@pytest.fixture
def grey_path(tmp_path):
    """A bundle that takes one channel: one can draw for it."""
    file = tmp_path / "grey.snnb"
    write(bundle_of(plain_graph(channels=1), "grey"), file)
    return file


@pytest.fixture
def data(tmp_path):
    """A data set that fits `path`, as a file."""
    rng = np.random.default_rng(1)
    file = tmp_path / "images.npz"
    np.savez(
        file, images=rng.integers(0, 256, (60, 3, 8, 8), dtype=np.uint8), labels=rng.integers(0, 3, 60), classes=LABELS
    )
    return file


@pytest.fixture
def window(qtbot):
    """An empty window; its threads are gone at the end."""
    made = make_window(Settings(theme="dark", steps=4))
    made.resize(1280, 800)
    made.show()
    yield made
    discard(made)
    assert not [each for each in made.inspector.jobs._threads if each.is_alive()]
    QCoreApplication.processEvents()


@pytest.fixture
def rest(qtbot):
    """Wait until a window has nothing left to do."""

    def wait(window, seconds=60):
        quiet, until = 0, time.monotonic() + seconds
        while quiet < 3:
            QCoreApplication.processEvents()
            quiet = 0 if window.inspector.jobs.busy else quiet + 1
            assert time.monotonic() < until
            time.sleep(0.005)

    return wait


@pytest.fixture
def opened(window, rest, path):
    """A window with a bundle."""
    window.inspector.open(path)
    rest(window)
    return window
