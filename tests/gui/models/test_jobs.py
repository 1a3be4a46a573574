"""Tasks outside the window's thread, and playback of the time cursor."""

import queue
import threading

import pytest

from spikelet.errors import Cancelled, SpikeletError
from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.session.cursor import SPEEDS, Cursor

SAFETY = 3600.0  # seconds after which a test that hangs is ended


class Desk:
    """Runs functions that other threads pass to the window."""

    def __init__(self):
        self.calls = queue.Queue()
        self.jobs = Jobs(self.calls.put)
        self.jobs.patience = SAFETY

    def until(self, condition):
        while not condition():
            self.calls.get(timeout=SAFETY)()


def test_a_job_returns_its_result_and_reports_progress():
    desk, reports, results = Desk(), [], []
    desk.jobs.progressed.connect(lambda *values: reports.append(values))
    desk.jobs.start("count", lambda progress: (progress(3, 3), 7)[1], results.append, results.append)
    desk.until(lambda: results)
    assert (results, reports) == ([7], [("count", 3, 3)])
    assert not desk.jobs.busy


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SpikeletError("too bright"), "too bright"),
        (ZeroDivisionError("by nought"), "ZeroDivisionError: by nought"),
        (MemoryError(), "out of memory; try fewer time-steps or fewer images"),
    ],
)
def test_a_job_that_fails_reports_the_reason(error, message):
    desk, results, failed = Desk(), [], []

    def work(progress):
        raise error

    desk.jobs.start("fail", work, results.append, failed.append)
    desk.until(lambda: failed)
    assert (results, failed) == ([], [message])


def test_a_system_without_another_thread_is_no_crash(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    desk, failed = Desk(), []
    monkeypatch.setattr(threading.Thread, "start", refuse)
    desk.jobs.start("fail", lambda progress: None, failed.append, failed.append)
    assert failed == ["out of memory; try fewer time-steps or fewer images"]
    assert not desk.jobs.busy
    assert desk.jobs.close()


def test_an_error_of_the_system_names_its_file(tmp_path):
    desk, failed = Desk(), []
    desk.jobs.start("image", lambda progress: list((tmp_path / "removed").iterdir()), failed.append, failed.append)
    desk.until(lambda: failed)
    assert failed == [f"{tmp_path / 'removed'}: No such file or directory"]


def test_only_the_newest_pending_result_is_shown():
    desk, seen, results = Desk(), [], []

    def work(progress):
        for value in range(3):
            progress.partial(value)

    desk.jobs.start("sweep", work, results.append, results.append, seen.append)
    for thread in threading.enumerate():
        if thread.name == "spikelet-sweep":
            thread.join(SAFETY)
            assert not thread.is_alive()
    desk.until(lambda: results)
    assert seen == [2]


def test_a_cancelled_job_ends_and_is_not_heard():
    desk, results, ended = Desk(), [], threading.Event()

    def work(progress):
        try:
            while True:
                progress(1, 2)
        except Cancelled:
            ended.set()
            raise

    cancelled = []
    desk.jobs.cancelled.connect(cancelled.append)
    desk.jobs.start("long", work, results.append, results.append)
    desk.jobs.cancel("long", "unknown")
    assert cancelled == [["long"]]
    assert ended.wait(SAFETY)
    assert desk.jobs.close()
    while not desk.calls.empty():
        desk.calls.get()()
    assert results == []


def test_a_new_job_replaces_the_old_one():
    desk, results, go = Desk(), [], threading.Event()

    def slow(progress):
        go.wait(SAFETY)
        return "old"

    desk.jobs.cancelled.connect(results.append)  # not requested
    desk.jobs.start("run", slow, results.append, results.append)
    desk.jobs.start("run", lambda progress: "new", results.append, results.append)
    desk.until(lambda: results)
    go.set()
    assert desk.jobs.close()
    while not desk.calls.empty():
        desk.calls.get()()
    assert results == ["new"]


def test_the_cursor_plays_to_the_end_and_begins_again():
    cursor, moves = Cursor(3), []
    cursor.moved.connect(lambda: moves.append(cursor.time))
    cursor.toggle()
    for _ in range(4):
        cursor.tick()
    assert moves == [2, 3, 1, 2]
    cursor.set_loop(False)
    for _ in range(3):
        cursor.tick()
    assert (cursor.time, cursor.playing) == (3, False)
    cursor.toggle()
    assert (cursor.time, cursor.playing) == (1, True)
    cursor.step(-1)
    assert (cursor.time, cursor.playing) == (1, False)


def test_the_cursor_stays_at_the_end_where_it_was():
    cursor = Cursor(4)
    cursor.go(99)
    cursor.set_steps(8)
    assert cursor.time == 8
    cursor.go(3)
    cursor.set_steps(16)
    assert cursor.time == 3
    cursor.faster(100)
    assert cursor.speed == SPEEDS[-1]
