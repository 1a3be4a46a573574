"""Every control of every panel can be reached by keyboard and has a name for screen readers; colours can be told apart."""

import re
from itertools import groupby

import numpy as np
import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAccessible, QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QScrollBar,
    QSpinBox,
    QTabBar,
    QToolButton,
    QWidget,
)

from gui_support.driving import drawn, drop, opened_window, until
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.cards import Card
from spikelet_gui.views.widgets.icons import STROKES, pixmap
from spikelet_gui.views.widgets.theme import DARK, LIGHT

CONTROLS = (QAbstractButton, QAbstractSlider, QComboBox, QSpinBox, QLineEdit, QTabBar, QAbstractItemView)
PARTS = (QSpinBox, QComboBox, QTabBar, QLineEdit, QAbstractItemView)  # what lies in them is reached through them
# Machado, Oliveira, Fernandes 2009, severity 1, for linear RGB
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
APART = 10.0  # difference in CIE Lab; 2.3 is just seen


@pytest.fixture(scope="module")
def whole(qapp, rest, path, data):
    """A window with all panels, filled with fast results."""
    with opened_window(path) as window:
        drop(window, data)
        rest(window)
        window.inspector.run_sweep(window.inspector.data)
        for panel in PANELS:
            window.show_panel(panel)
            rest(window)
        yield window


@pytest.fixture
def built(whole, rest):
    """The window of `whole` at its last panel, without pending work."""
    whole.show_panel("validate")
    rest(whole)
    assert set(whole.content.panels) == set(PANELS)
    assert whole.content.panels["validate"].isVisible()
    assert len(whole.inspector.source) == whole.inspector.measured.sweep.done == 60
    return whole


def controls(window):
    """Yield all controls, without the parts that Qt creates for them."""
    viewports = [area.viewport() for area in window.findChildren(QAbstractScrollArea)]
    for widget in window.findChildren(QWidget):
        inside = widget in viewports or isinstance(widget, QScrollBar | QHeaderView) or any(within(widget))
        usable = isinstance(widget, CONTROLS) or widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        if usable and not inside and not widget.objectName().startswith("qt_"):
            yield widget


def within(widget):
    """Yield for all parents of a widget whether their parts are reached through them."""
    while widget := widget.parentWidget():
        yield isinstance(widget, PARTS)


def test_every_control_has_a_name(built):
    nameless = [f"{control} in {control.parentWidget()}" for control in controls(built) if not control.accessibleName()]
    assert len(list(controls(built))) > 80
    assert not nameless


def test_every_control_is_reached_by_keyboard(built):
    missed = []
    for control in controls(built):
        grouped = isinstance(control, QAbstractButton) and control.group() is not None  # arrow keys go through those
        if not grouped and not control.focusPolicy() & Qt.FocusPolicy.TabFocus:
            missed.append(control.accessibleName())
    assert not missed


def test_tab_visits_all_visible_controls(built, rest, qtbot):
    for panel in PANELS:
        built.show_panel(panel)
        rest(built)
        built.activateWindow()
        until(built.isActiveWindow)
        everything, expected = list(controls(built)), set()
        for control in everything:
            grouped = isinstance(control, QAbstractButton) and control.group() is not None
            if control.isVisible() and control.isEnabled() and not grouped:
                expected.add(control)
        reached = set()
        for _ in range(3 * len(everything)):
            if expected <= reached:
                break
            qtbot.keyClick(built.focusWidget(), Qt.Key.Key_Tab)
            reached.add(built.focusWidget())
        assert not {control.accessibleName() for control in expected - reached}, panel


def test_the_focus_is_visible(built, rest, qtbot):
    """A control with the keyboard focus differs by a contrast of 3 from one without, in both themes."""
    for look in ("light", "dark"):
        built.set_theme(look)
        rest(built)
        unseen, kinds = set(), set()
        for panel in PANELS:
            built.show_panel(panel)
            rest(built)
            with drawn(built):
                for control in controls(built):
                    checked = isinstance(control, QAbstractButton) and control.isChecked()
                    kind = type(control), control.objectName(), checked
                    usable = control.isVisible() and control.isEnabled() and control.size() != QSize(0, 0)
                    if usable and control.focusPolicy() & Qt.FocusPolicy.TabFocus and kind not in kinds:
                        kinds.add(kind)
                        if changed_pixels(built, control) < 40:
                            unseen.add((look, panel, control.accessibleName()))
        assert len(kinds) > 15
        assert unseen == set()


def changed_pixels(window, control):
    """Return the number of pixels whose luminance changes by a contrast of 3 or more when a control gets the focus."""
    seen = []
    for widget in (window.content, control):
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        image = control.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)[..., 2::-1] / 255
        linear_rgb = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
        seen.append(linear_rgb @ [0.2126, 0.7152, 0.0722] + 0.05)
    return int((np.maximum(*seen) / np.minimum(*seen) >= 3).sum())


def test_tab_visits_controls_in_reading_order(built, rest, qtbot):
    """From the rail over the header and the cards, one after the other, to the footer."""
    for panel in PANELS:
        built.show_panel(panel)
        rest(built)
        built.content.setFocus()
        built.activateWindow()
        until(built.isActiveWindow)
        order = []
        while (control := next_control(built, qtbot)) not in order:
            order.append(control)
        parts = [part_of(built, control) for control in order]
        runs = [part for part, _ in groupby(parts)]
        assert len(runs) == len(set(runs)), panel
        assert [runs[0], runs[1], runs[-1]] == [built.content.rail, built.content.header, built.content.transport], (
            panel
        )
        assert order[0] is built.content.rail.buttons[panel], "the button that is checked"
        tops = [part.mapTo(built, part.rect().topLeft()) for part in runs[2:-1]]
        columns = {}
        for top in tops:
            columns.setdefault(top.x() // 40, []).append(top.y())
        assert all(heights == sorted(heights) for heights in columns.values()), panel


def next_control(window, qtbot):
    """Press Tab, and return the widget that has the focus."""
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
    return window.focusWidget()


def part_of(window, control):
    """Return the bar or the card that a control is in, or the control itself."""
    part = control
    while (parent := part.parentWidget()) not in (None, window.content) and not isinstance(part, Card):
        if isinstance(parent, Panel):
            return control
        part = parent
    return part


def test_a_file_may_be_dropped_anywhere(built):
    """A widget that accepts drops hides them from the window; fields accept text only."""
    widgets = built.findChildren(QWidget)
    takers = [widget for widget in widgets if widget.acceptDrops() and not isinstance(widget, QLineEdit)]
    assert built.acceptDrops()
    assert takers == []


def test_drawn_values_have_a_description(built, rest):
    """What a screen reader cannot see: the values of rasters and bars."""
    residuals = built.content.panels["residuals"]
    residuals.run()
    rest(built)
    for panel in ("layers", "compare", "residuals"):
        built.show_panel(panel)
        rest(built)
    spikes = built.inspector.trace.spikes[built.inspector.selection.layer]
    size = f"{spikes.shape[1]} neurons, {len(spikes)} time-steps"
    first, difference = (
        built.content.panels["layers"].findChild(Raster),
        built.content.panels["compare"].difference.raster,
    )
    assert first.accessibleDescription() == f"{size}: spikes {spikes.sum()}"
    assert difference.accessibleDescription() == f"{size}: both {spikes.sum()}"
    layers = residuals.state.layers()
    assert residuals.bars.accessibleDescription().count("; ") == len(layers) - 1
    assert residuals.bars.accessibleDescription().startswith(f"if1: under-firing {layers[0].under:.1%}, over-firing")


def test_charts_are_named_and_described(built, rest):
    """With a screen reader, a chart that is drawn says the ends and extremes of its curves and its highest bars."""
    assert all(plot.accessibleName() for plot in built.findChildren(Plot))
    QAccessible.setActive(True)
    try:
        for panel in ("overview", "layers", "accuracy"):
            built.show_panel(panel)
            rest(built)
            with drawn(built):
                built.grab()
    finally:
        QAccessible.setActive(False)
    texts = {plot.accessibleName(): plot.accessibleDescription() for plot in built.findChildren(Plot)}
    shares = [point["accuracy"] for point in built.inspector.measured.sweep.accuracy]
    low, high = min(shares), max(shares)
    ends = f"{shares[0]:.1%} at 1 to {shares[-1]:.1%} at {len(shares)}"
    lowest, highest = f"{low:.1%} at {shares.index(low) + 1}", f"{high:.1%} at {shares.index(high) + 1}"
    assert texts["accuracy by time-step"] == f"{ends}, lowest {lowest}, highest {highest}"
    assert texts["margin over time"].startswith("Line at 2")
    assert " at 1 to " in texts["margin over time"]
    for name in built.inspector.class_names:
        assert f"{name}: " in texts["class evidence over time"]
    assert re.match(r"\d+ bars, the highest \d+ at \d+", texts["rate histogram"])


def test_icons_are_distinguishable(qapp):
    """Of any two icons, a tenth of the drawn pixels differ; those of one meaning share their strokes."""
    drawn = {}
    for name, strokes in STROKES.items():
        image = pixmap(name, 24, "#000000").toImage()
        drawn[strokes] = np.frombuffer(image.constBits(), np.uint8).reshape(24, 24, 4)[..., 3] > 100
    names = list(drawn)
    alike = [
        (a, b)
        for index, a in enumerate(names)
        for b in names[:index]
        if (drawn[a] ^ drawn[b]).sum() < 0.1 * (drawn[a] | drawn[b]).sum()
    ]
    assert alike == []
    assert len({STROKES[panel] for panel in PANELS}) == len(PANELS)


def test_no_two_buttons_beside_each_other_have_one_icon(built):
    card = built.content.panels["overview"].input.card
    header = {button.icon().cacheKey() for button in built.content.header.findChildren(QToolButton)}
    assert len(header) == len(built.content.header.findChildren(QToolButton))
    images = [button.icon().pixmap(24).toImage() for button in card.findChildren(QToolButton) if button.isEnabled()]
    recent = built.content.header.recent.icon().pixmap(24).toImage()
    assert recent not in images


@pytest.mark.parametrize("look", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("eyes", DEFICIENCIES)
def test_colours_of_curves_differ_for_all_eyes(look, eyes):
    seen = [lab(np.array(DEFICIENCIES[eyes]) @ linear(hue)) for hue in look.series[:5]]
    pairs = {(a, b): float(np.linalg.norm(seen[a] - seen[b])) for a in range(len(seen)) for b in range(a)}
    over, under = (lab(np.array(DEFICIENCIES[eyes]) @ linear(hue)) for hue in (look.over, look.under))
    pairs["over", "under"] = float(np.linalg.norm(over - under))
    assert {pair: gap for pair, gap in pairs.items() if gap < APART} == {}


def linear(name):
    """Convert #rrggbb to linear RGB, 0 to 1."""
    value = np.array([int(name[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """Convert linear RGB to CIE Lab (D65)."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
