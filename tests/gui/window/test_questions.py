"""What runs for long is not lost without a question."""

import math
from threading import Event

import pytest
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QMessageBox

from gui_support.driving import drop, until
from spikelet_gui.models.analysis import reporting
from spikelet_gui.models.session import tasks
from spikelet_gui.views.shell.app import ask_before_losses
from spikelet_gui.views.shell.questions import cancels_tasks


@pytest.fixture
def asked(opened, monkeypatch):
    """Questions that are asked, and the answer."""
    questions = {"answer": False, "asked": []}

    def confirm(action, lost):
        questions["asked"].append((action, lost()))
        return questions["answer"]

    monkeypatch.setattr(tasks, "LONG", 0.0)
    monkeypatch.setattr(opened.inspector, "confirm", confirm)
    yield questions
    questions["answer"] = True


@pytest.fixture
def measuring(opened, rest):
    """A measurement of the open bundle that has finished 3 of 9 parts."""
    end, cancelled = Event(), []

    def work(progress):
        progress(3, 9)
        end.wait()

    opened.inspector.jobs.cancelled.connect(cancelled.extend)
    opened.inspector.jobs.start("robustness", work, lambda _: None, pytest.fail)
    until(lambda: opened.inspector.jobs.running_for(0).get("robustness") == (3, 9))
    yield cancelled
    opened.inspector.jobs.cancelled.disconnect(cancelled.extend)
    end.set()
    rest(opened)


def test_another_bundle_ends_a_long_measurement_only_if_confirmed(opened, measuring, asked, path, leaky_path):
    inspector = opened.inspector
    inspector.open(leaky_path)
    until(lambda: asked["asked"])
    assert asked["asked"] == [("Open leaky", ["Running fault sweep 3 of 9"])]
    until(lambda: not inspector.jobs.running("open"))
    assert (inspector.document.path, measuring) == (path, [])
    assert inspector.jobs.running("robustness")
    assert opened.content.transport.text == "leaky was not opened"
    asked["answer"] = True
    inspector.open(leaky_path)
    until(lambda: inspector.document.path == leaky_path)
    assert measuring == ["robustness"]


def test_a_setting_of_the_plan_ends_a_long_measurement_only_if_confirmed(opened, measuring, asked, data):
    drop(opened, data)
    until(lambda: opened.inspector.source.name == data.name)
    opened.show_panel("plan")
    panel = opened.content.panels["plan"]
    until(panel.isVisible)
    panel.run()
    until(lambda: panel.setting.look.isVisible() and panel.setting.look.isEnabled())
    before = opened.inspector.document, opened.inspector.cursor.steps, opened.inspector.measured.threshold
    panel.setting.look.click()
    until(lambda: asked["asked"])
    until(lambda: not opened.inspector.jobs.running("open"))
    after = opened.inspector.document, opened.inspector.cursor.steps, opened.inspector.measured.threshold
    assert (after, measuring) == (before, [])


def test_short_tasks_end_without_a_question(opened, measuring, asked, leaky_path, monkeypatch):
    monkeypatch.setattr(tasks, "LONG", math.inf)
    opened.inspector.open(leaky_path)
    until(lambda: opened.inspector.document.path == leaky_path)
    assert (asked["asked"], measuring) == ([], ["robustness"])


def test_the_window_is_closed_during_a_long_task_only_if_confirmed(opened, measuring, asked):
    event = QCloseEvent()
    QApplication.sendEvent(opened, event)
    assert not event.isAccepted()
    assert asked["asked"] == [("Quit", ["Running fault sweep 3 of 9"])]
    assert opened.isVisible()
    assert measuring == []


@pytest.mark.parametrize(("chosen", "answer"), [("Open", True), ("Keep running", False)])
def test_the_question_names_what_is_lost(opened, monkeypatch, chosen, answer):
    seen = []

    def click(box):
        buttons = {button.text().replace("&", ""): button for button in box.buttons()}
        seen.append((box.text(), box.informativeText(), set(buttons), box.defaultButton().text().replace("&", "")))
        buttons[chosen].click()

    monkeypatch.setattr(QMessageBox, "exec", click)
    assert (
        cancels_tasks(opened, opened.inspector.jobs, "Open <b>net</b>", lambda: ["Measuring accuracy 10 of 500"])
        is answer
    )
    ((text, more, buttons, default),) = seen
    assert text == "Open <b>net</b> and cancel running tasks?"
    assert more == "Measuring accuracy 10 of 500\n\nResults that are not complete are lost."
    assert (buttons, default) == ({"Open", "Keep running"}, "Keep running")


def test_an_open_question_follows_its_tasks(opened, rest, monkeypatch, leaky_path):
    """A question whose tasks have ended asks nothing any more: the bundle is opened."""
    shown, step, end, inspector = [], Event(), Event(), opened.inspector

    def work(progress):
        progress(3, 9)
        step.wait()
        progress(9, 9)
        end.wait()

    def wait(box):
        shown.append(box.informativeText().partition("\n")[0])
        step.set()
        until(lambda: "9 of 9" in box.informativeText())
        shown.append(box.informativeText().partition("\n")[0])
        end.set()
        until(lambda: box.clickedButton() is not None)

    monkeypatch.setattr(tasks, "LONG", 0.0)
    monkeypatch.setattr(QMessageBox, "exec", wait)
    ask_before_losses(opened)
    inspector.jobs.start("robustness", work, lambda _: None, pytest.fail)
    until(lambda: inspector.jobs.running_for(0).get("robustness") == (3, 9))
    inspector.open(leaky_path)
    rest(opened)
    assert shown == ["Running fault sweep 3 of 9", "Running fault sweep 9 of 9"]
    assert inspector.document.path == leaky_path
    opened.inspector.confirm = lambda action, lost: True


def test_two_reports_are_written_at_the_same_time(opened, rest, tmp_path, data, asked, monkeypatch):
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.source.data)
    rest(opened)
    end, verify = Event(), reporting.verify

    def verify_later(bundle, engine):
        end.wait()
        return verify(bundle, engine)

    monkeypatch.setattr(reporting, "verify", verify_later)
    pages = [tmp_path / "first.html", tmp_path / "second.html"]
    for page in pages:
        opened.exporter.write(page)
    opened.close()
    end.set()
    assert asked["asked"] == [("Quit", ["Writing the report first.html", "Writing the report second.html"])]
    rest(opened)
    assert all("<svg" in page.read_text() for page in pages)


def test_the_key_of_a_running_task_does_not_start_it_anew(opened, measuring, data):
    drop(opened, data)
    until(lambda: opened.inspector.source.name == data.name)
    opened.show_panel("robustness")
    until(lambda: opened.content.panels["robustness"].isVisible())
    opened.run_panel()
    assert opened.inspector.jobs.running_for(0)["robustness"] == (3, 9)
    assert opened.content.transport.text == "Running already; Esc cancels it"
