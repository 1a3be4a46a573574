"""Panels without results name the task that may provide them, and advise once it has ended."""

from contextlib import contextmanager
from itertools import chain
from threading import Event

import pytest

from gui_support.driving import drop, until
from spikelet.errors import SpikeletError
from spikelet_gui.models.session.kept.keeper import Keeper, Restored
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.widgets.no_results import EARLIER, NoResults

KEPT = ("accuracy", "energy", "plan", "residuals", "robustness")  # panels whose results are kept between sessions


def messages(window, names=KEPT):
    """Return the messages of panels without results, by panel."""
    return {
        name: [view.message.text() for view in window.content.panels[name].findChildren(NoResults)] for name in names
    }


@contextmanager
def running(window, task):
    """Run a task until the end of the block."""
    end = Event()
    window.inspector.jobs.start(task, lambda _: end.wait(), lambda _: None, window.inspector.failed.emit)
    try:
        yield
    finally:
        end.set()


def test_no_panel_asks_for_a_measurement_while_earlier_results_are_read(opened, rest, data, monkeypatch):
    read = Event()

    def restore(*_):
        read.wait()
        return Restored()

    for name in KEPT:
        opened.show_panel(name)
        rest(opened)
    drop(opened, data)
    rest(opened)
    advice = messages(opened)
    monkeypatch.setattr(Keeper, "restore", restore)
    drop(opened, data)
    assert {*chain(*messages(opened).values())} == {EARLIER["image"]}
    until(lambda: opened.inspector.jobs.running("kept"))
    assert {*chain(*messages(opened).values())} == {EARLIER["kept"]}
    read.set()
    rest(opened)
    assert messages(opened) == advice


@pytest.mark.parametrize(
    ("task", "panels"),
    [
        ("sweep", ("accuracy", "energy")),
        ("plan", ("plan",)),
        ("residuals", ("residuals",)),
        ("robustness", ("robustness",)),
        ("compare", ("compare",)),
        ("second", ("compare",)),
        ("verify", ("validate",)),
        ("validate", ("validate",)),
    ],
)
def test_a_running_task_replaces_the_advice(opened, rest, task, panels):
    for name in panels:
        opened.show_panel(name)
        rest(opened)
    advice = messages(opened, PANELS)
    with running(opened, task):
        for name in panels:
            changed = [a for a, b in zip(messages(opened, [name])[name], advice[name], strict=True) if a != b]
            assert changed
            assert not [text for text in changed if "lick" in text or "Choose" in text]
    rest(opened)
    assert messages(opened, PANELS) == advice


def test_an_error_of_brian2_is_not_shown_for_another_bundle(opened, rest, leaky_path, monkeypatch):
    opened.show_panel("validate")
    rest(opened)
    brian = opened.content.panels["validate"].brian
    monkeypatch.setattr("spikelet_gui.views.panels.validate.panel.brian2_missing", lambda: "")

    def fail(*_):
        raise SpikeletError("no neurons")

    monkeypatch.setattr("spikelet_gui.views.panels.validate.panel.validation", lambda *_: fail)
    brian.run()
    rest(opened)
    assert brian.empty.message.text() == "no neurons"
    opened.inspector.open(leaky_path)
    rest(opened)
    assert brian.empty.message.text().endswith("Click Validate.")
