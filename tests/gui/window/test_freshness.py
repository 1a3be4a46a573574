"""Results measured with another T or other images are marked, and measured again by a click."""

from threading import Event

import numpy as np
import pytest
from PySide6.QtCore import Qt

from gui_support.driving import drop, opened_window


@pytest.fixture(scope="module")
def first(qapp, rest, path, data):
    """A window with a measurement on 20 of the images, with its images and the result."""
    with opened_window(path) as window:
        drop(window, data)
        rest(window)
        window.inspector.run_sweep(window.inspector.source.data, 20)
        rest(window)
        yield window, window.inspector.source, window.inspector.measured.sweep


@pytest.fixture
def measured(first, rest):
    """The window of `first` in its original state, at the first panel and T = 4."""
    window, source, sweep = first
    inspector = window.inspector
    window.show_panel("overview")
    inspector.results.reset()
    inspector.show(source)
    inspector.set_steps(4)
    inspector.measured.complete(sweep, source.data)
    rest(window)
    return window


@pytest.mark.parametrize("panel", ["overview", "layers", "accuracy", "energy"])
def test_another_t_makes_accuracy_rates_and_energy_out_of_date(measured, rest, qtbot, panel):
    measured.show_panel(panel)
    line = measured.content.stale
    assert not line.isVisible()
    measured.inspector.set_steps(6)
    rest(measured)
    assert line.isVisible()
    rates = panel in ("overview", "layers")
    assert line.text.text().startswith("Spike rates over all images are out of date" if rates else "Out of date")
    assert line.text.text().endswith(": measured at T = 4; now T = 6.")
    if panel == "accuracy":  # R measures on all images there
        qtbot.mouseClick(line.again, Qt.MouseButton.LeftButton)
    else:
        qtbot.keyClick(measured, Qt.Key.Key_R)
    rest(measured)
    assert not line.isVisible()
    assert (measured.inspector.measured.sweep.counted.steps, measured.inspector.measured.sweep.done) == (6, 20)
    measured.inspector.set_steps(5)
    measured.inspector.set_steps(6)
    rest(measured)
    assert not line.isVisible(), "the same settings again"


def test_other_images_make_results_out_of_date(measured, rest, tmp_path):
    rng = np.random.default_rng(2)
    images, labels = rng.integers(0, 256, (9, 3, 8, 8), dtype=np.uint8), rng.integers(0, 3, 9)
    np.savez(tmp_path / "other.npz", images=images, labels=labels)
    before = measured.inspector.measured.sweep.data.name
    drop(measured, tmp_path / "other.npz")
    rest(measured)
    measured.show_panel("accuracy")
    rest(measured)
    now = measured.inspector.data.name
    assert before != now
    assert measured.content.stale.text.text() == f"Out of date: measured on {before}; now {now}."
    measured.inspector.set_steps(3)
    rest(measured)
    assert measured.content.stale.text.text() == f"Out of date: measured at T = 4 on {before}; now T = 3, {now}."


def test_data_of_the_same_name_are_distinguished_by_their_content(measured, rest, tmp_path, data):
    stored = dict(np.load(data))
    changed = tmp_path / data.name
    stored["images"] = 255 - stored["images"]
    np.savez(changed, **stored)
    before = measured.inspector.data
    drop(measured, changed)
    rest(measured)
    now = measured.inspector.data
    assert before.name == now.name
    text = f"out of date: measured on {before.name} ({before.digest[:8]}); now {now.name} ({now.digest[:8]})."
    assert measured.content.stale.text.text().endswith(text)
    drop(measured, data)
    rest(measured)
    assert not measured.content.stale.isVisible(), "the same content, read again"


def test_a_task_of_another_panel_does_not_hide_that_results_are_out_of_date(measured, rest):
    measured.show_panel("accuracy")
    measured.inspector.set_steps(6)
    rest(measured)
    finish = Event()
    measured.inspector.jobs.start("robustness", lambda _: finish.wait(), lambda _: None, lambda _: None)
    assert measured.content.stale.isVisible()
    measured.show_panel("robustness")
    assert not measured.content.stale.isVisible()
    finish.set()
    rest(measured)


def test_residuals_and_faults_have_their_own_state(measured, rest, qtbot):
    measured.inspector.set_steps(6)
    rest(measured)
    for name in ("residuals", "robustness"):
        measured.show_panel(name)
        assert not measured.content.stale.isVisible(), "not measured yet"
    panel = measured.content.panels["robustness"]
    panel.devices.setCurrentIndex(panel.devices.findData(1))
    panel.run()
    measured.content.panels["residuals"].run()
    rest(measured)
    assert not measured.content.stale.isVisible()
    measured.inspector.set_steps(4)
    rest(measured)
    measured.show_panel("residuals")
    assert not measured.content.stale.isVisible(), "T = 4 is among those that were compared"
    measured.show_panel("robustness")
    assert measured.content.stale.text.text() == "Out of date: measured at T = 6; now T = 4."
    measured.set_theme("light")
    rest(measured)
    assert measured.content.stale.isVisible()
