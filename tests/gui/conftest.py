"""Bundles, data and windows for tests, without a screen.

Files are written once for a whole run and are not to be changed: a test that needs a broken one writes a copy.
"""

import os

# two screens, see `driving.at_200_percent`; the processes of tests that set the platform have one
os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={os.path.dirname(__file__)}/screens.json"
os.environ["QT_SCREEN_SCALE_FACTORS"] = "scaled=2"

import numpy as np
import pytest

from gui_support.bundles import LABELS, bundle_of, plain_graph, quiet
from gui_support.driving import draw_once, empty_window, start_again
from gui_support.validation import send_report
from networks import small_graph
from spikelet.bundle import write
from spikelet.data import ImageSet
from spikelet_converters.planning import timing
from spikelet_gui.models.activity.trace import record
from spikelet_gui.models.analysis import checks
from spikelet_gui.views.shell.app import settle


@pytest.fixture(scope="module", autouse=True)
def _few_images_timed():
    """Time the fewest images for a plan: that a time is shown is tested, not the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "SECONDS", 0)
        patch.setattr(timing, "SECONDS_OF_RUN", 0)
        yield


@pytest.fixture(scope="session")
def bundle():
    return bundle_of(plain_graph())


@pytest.fixture(scope="session")
def images():
    rng = np.random.default_rng(3)
    return ImageSet(rng.integers(0, 256, (50, 3, 8, 8), dtype=np.uint8), rng.integers(0, 3, 50), None, "noise")


@pytest.fixture(scope="session")
def trace(bundle, images):
    return record(bundle, "numpy", images.images[:1].astype(np.float32), 6, quiet())


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("inspector")


@pytest.fixture(scope="session")
def path(folder):
    """A small bundle."""
    write(bundle_of(plain_graph()), folder / "small.snnb")
    return folder / "small.snnb"


@pytest.fixture(scope="session")
def leaky_path(folder):
    write(bundle_of(small_graph(), "leaky"), folder / "leaky.snnb")
    return folder / "leaky.snnb"


@pytest.fixture(scope="session")
def grey_path(folder):
    """A bundle with one input channel, for which images can be drawn."""
    write(bundle_of(plain_graph(channels=1), "grey"), folder / "grey.snnb")
    return folder / "grey.snnb"


@pytest.fixture(scope="session")
def data(folder):
    """A data set that fits `path`, as a file."""
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 256, (60, 3, 8, 8), dtype=np.uint8), rng.integers(0, 3, 60)
    np.savez(folder / "images.npz", images=images, labels=labels, classes=LABELS)
    return folder / "images.npz"


@pytest.fixture
def prepared_validation(monkeypatch):
    """The process of Brian2 sends a prepared report. `test_brian2_agrees` runs Brian2."""
    monkeypatch.setattr(checks, "validate_alone", send_report)


@pytest.fixture(scope="session")
def rest():
    """Wait until a window has no pending work."""
    return settle


@pytest.fixture
def window(qapp):
    """An empty window."""
    with empty_window() as window:
        yield window


@pytest.fixture(scope="module")
def common(qapp):
    """A window that the tests of a module share; see `opened`."""
    with empty_window() as window:
        yield window


@pytest.fixture
def opened(common, path):
    """A window with a bundle, as in a new session. It is drawn at the end of each test."""
    start_again(common, path)
    yield common
    draw_once(common)
