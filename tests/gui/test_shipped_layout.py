"""Nothing is cut in any panel for any shipped bundle, at the sizes of common screens and at 200%.

Work of the window's thread for another theme and for panels that are shown first is divided; it is counted, not timed.

Results that take long to compute are synthetic: only their space is tested.
"""

import pytest

from gui_support.cutting import wrong
from gui_support.driving import at_200_percent, draw, drawn, start_again
from gui_support.results import IMAGES, fill
from gui_support.turns import Turns
from spikelet import shipped
from spikelet_gui.models.session import measured_run
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.shell.app import settle
from spikelet_gui.views.widgets.theme import theme

# Tests of the shipped networks compile the same libraries.
pytestmark = pytest.mark.usefixtures("flags_of_users")
SIZES = ((960, 600), (1280, 800), (1440, 900), (1920, 1080))
SIZES_AT_200_PERCENT = {"vgg9-cifar10": ((960, 510), (1280, 800)), "spoken-digits": ((960, 510),)}
BUNDLES = ("vgg9-cifar10", "resnet20-cifar10", "vgg5-fashion-mnist")
STEPS = {"vgg9-cifar10": 15, "spoken-digits": 15}  # of the others: 4
MOST = {"calls": 40_000, "polished": 120, "restyled": 800}  # in an iteration; the Layers panel at once: 68,000 calls
PAGES = {"accuracy": ("pages", "choice"), "layers": ("pages", "choice")}  # panels with two contents


@pytest.fixture(scope="module", params=BUNDLES)
def filled(common, request):
    """A window for all bundles, with results in all panels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured_run, "FIRST_SWEEP", IMAGES)  # no result of the first images remains in `fill`
        start_again(common, shipped.named(request.param), theme().name)
        common.inspector.set_steps(STEPS.get(request.param, 4))
        fill(common)
        yield common


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_nothing_is_cut(filled, size):
    assert faults(filled, size) == {}


def faults(window, size):
    """Return cut and overlapping parts by panel and content, and panels that are wider than a window of this size."""
    problems = {}
    window.resize(*size)
    for name in PANELS:
        window.show_panel(name)
        panel = window.content.panels[name]
        for content in (0, 1) if name in PAGES else (0,):
            if name in PAGES:
                panel.choice.choose(content)
                panel.pages.setCurrentIndex(content)
            settle(window)
            draw(window, panel, whole=size[0] == 960)
            cut = wrong(panel)
            bar = window.content.pages[name].horizontalScrollBar().maximum()
            if cut or bar:
                problems[name, content] = [*cut, *([f"{bar} pixels too wide"] if bar else [])]
    cut = [*wrong(window.content.transport), *wrong(window.content.rail)]
    return {**problems, "frame": cut} if cut else problems


@pytest.mark.parametrize("filled", BUNDLES[:1], indirect=True)  # the counts of all bundles differ by a tenth
def test_another_theme_and_the_first_showing_of_panels_are_divided(filled):
    """`tests/stress/test_responsive.py` measures the processor time of the same iterations."""
    heavy, turns = {}, Turns()
    for name in ("theme", *PANELS):
        with drawn(filled), turns:
            filled.toggle_theme() if name == "theme" else filled.show_panel(name)
            settle(filled)
        assert turns.most["calls"] > 100
        heavy |= {(name, kind): count for kind, count in turns.most.items() if count > MOST[kind]}
    assert heavy == {}


@pytest.mark.parametrize("filled", list(SIZES_AT_200_PERCENT), indirect=True)
def test_nothing_is_cut_at_200_percent(filled):
    """A window of 960 × 510 is what a screen of 1920 × 1080 has beside its task bar."""
    sizes = SIZES_AT_200_PERCENT[filled.inspector.document.path.stem]
    with at_200_percent(filled):
        problems = {size: faults(filled, size) for size in sizes}
    assert problems == {size: {} for size in sizes}
