"""`spikelet watch`: images that appear in a folder, frames of standard input, and a camera."""

import contextlib
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikelet import cli, load
from spikelet.cli.inference import latency
from spikelet.cli.inference.new_images import new_images
from spikelet.errors import DataError

RNG = np.random.default_rng(0)


@pytest.fixture
def workspace(folder, tmp_path, monkeypatch):
    shutil.copy(folder / "small.snnb", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_watch_classifies_existing_images(workspace, capsys):
    (workspace / "camera").mkdir()
    for index in range(3):
        Image.fromarray(RNG.integers(0, 256, (6, 6, 3)).astype(np.uint8)).save(workspace / "camera" / f"{index}.png")
    (workspace / "camera" / "broken.png").write_bytes(b"no image")
    (workspace / "camera" / "notes.txt").write_text("no image either")
    assert cli.main(["watch", "small.snnb", "camera", "--once", "--json"]) == 0
    out, err = capsys.readouterr()
    *answers, summary = map(json.loads, out.splitlines())
    assert [answer["file"] for answer in answers] == ["0.png", "1.png", "2.png", "broken.png"]
    assert all(answer["label"] in ("ant", "bee", "cat") for answer in answers[:3])
    assert "not a complete image" in answers[3]["error"]
    assert summary["images"] == 3
    assert summary["latency_ms"]["p99"] >= summary["latency_ms"]["p50"] > 0
    assert "broken.png: not a complete image" in err


def test_watch_leaves_a_file_that_still_grows(tmp_path):
    path = tmp_path / "a.png"
    seen = {}
    path.write_bytes(b"1")
    assert new_images(tmp_path, seen, wait=True) == []
    path.write_bytes(b"12")
    assert new_images(tmp_path, seen, wait=True) == []
    assert new_images(tmp_path, seen, wait=True) == [path]
    assert new_images(tmp_path, seen, wait=True) == []


@pytest.mark.parametrize("wait", [False, True])
def test_watch_classifies_a_name_again_when_its_content_changes(tmp_path, wait):
    """Cameras reuse names: they rename a new file, or overwrite a file with bytes of the same length."""
    path = tmp_path / "a.png"
    seen = {}

    def ready():
        first = new_images(tmp_path, seen, wait)
        return new_images(tmp_path, seen, wait) if wait else first

    path.write_bytes(b"one")
    assert ready() == [path]
    assert ready() == []
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))  # for clocks of any resolution
    assert ready() == [path]
    assert ready() == []
    (tmp_path / "b.tmp").write_bytes(b"six")
    os.utime(tmp_path / "b.tmp", ns=(1, 1))
    (tmp_path / "b.tmp").rename(path)
    assert ready() == [path]
    path.unlink()
    assert ready() == []
    assert seen == {}, "files that are gone take no memory"
    path.write_bytes(b"two")
    assert ready() == [path]


def test_watch_keeps_no_predictions():
    """The memory of a summary does not depend on the number of images."""
    summary = latency.Summary()
    for index in range(3 * latency.RECENT):
        summary.add(float(index))
    assert (summary.images, len(summary.times), summary.largest) == (30_000, latency.RECENT, 29_999)
    assert summary.latency()["p50"] == pytest.approx(24_999.5)


def test_watch_prints_every_prediction_at_once_and_ends_cleanly(workspace):
    """It ends at SIGTERM; SIGINT may be ignored if the tests run in the background."""
    (workspace / "camera").mkdir()
    command = [sys.executable, "-m", "spikelet", "watch", "small.snnb", "camera", "--json", "--every", "0.01"]
    with subprocess.Popen([*command, "--engine", "numpy"], cwd=workspace, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        for index in range(2):  # the same name twice; the second is written only after the first was answered
            image = Image.fromarray(RNG.integers(0, 256, (6, 6, 3)).astype(np.uint8))
            image.save(workspace / "new.png")
            os.utime(workspace / "new.png", ns=(index, index))
            (workspace / "new.png").rename(workspace / "camera" / "frame.png")
            lines.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGTERM)
        summary = json.loads(process.stdout.read())
    assert process.returncode == 0
    assert [line["file"] for line in lines] == ["frame.png", "frame.png"]
    assert summary["images"] == 2


FRAMES = RNG.integers(0, 256, (3, 6, 6, 3)).astype(np.uint8)


def watched(monkeypatch, capsys, content, *options):
    """Return the lines of JSON that `watch` prints for the bytes of standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    code = cli.main(["watch", "small.snnb", "-", "--engine", "numpy", "--json", *options])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


@pytest.mark.parametrize(
    ("options", "content"),
    [
        ([], FRAMES.tobytes()),
        (["--frame-format", "bgr24"], FRAMES[..., ::-1].tobytes()),
        (["--frame", "6x12"], np.concatenate([FRAMES[:, :3], FRAMES, FRAMES[:, 3:]], axis=1).tobytes()),
    ],
)
def test_frames_of_standard_input_are_answered_as_the_same_images(workspace, monkeypatch, capsys, options, content):
    """Other channel orders are converted, and frames of other proportions are cropped around their centre."""
    expected = load(workspace / "small.snnb", "numpy").run(np.moveaxis(FRAMES, -1, 1), 4).predictions[-1]
    code, (*answers, summary), err = watched(monkeypatch, capsys, content, *options)
    assert (code, err) == (0, "")
    assert [answer["file"] for answer in answers] == ["frame 0", "frame 1", "frame 2"]
    assert [answer["class"] for answer in answers] == expected.tolist()
    assert summary["images"] == 3


def test_an_input_that_ends_within_a_frame_is_an_error_after_the_summary(workspace, monkeypatch, capsys):
    code, lines, err = watched(monkeypatch, capsys, FRAMES.tobytes()[:-1])
    assert code == 1
    assert [line.get("images") for line in lines] == [None, None, 2, None]
    assert "frame 2: the input ended after 107 of 108 bytes; expected frames of 6×6 pixels, rgb24" in lines[-1]["error"]
    assert lines[-1]["error"] in err
    assert len(watched(monkeypatch, capsys, FRAMES.tobytes(), "--once")[1]) == 2
    assert watched(monkeypatch, capsys, b"")[1][0]["latency_ms"] is None


def test_frames_that_need_too_much_memory_are_refused_before_they_are_read(workspace, monkeypatch, capsys):
    code, lines, _ = watched(monkeypatch, capsys, b"", "--frame", "99999999x99999999")
    assert code == 1
    assert "frames of 99999999×99999999 pixels" in lines[-1]["error"]


@pytest.mark.skipif(sys.platform != "linux", reason="Video4Linux is a part of Linux")
def test_a_camera_is_watched_until_it_is_unplugged(workspace, monkeypatch, capsys):
    """Device, size and format reach the camera, and the error follows the summary."""
    opened = []

    @contextlib.contextmanager
    def camera(*arguments):
        opened.append(arguments)
        yield itertools.chain(FRAMES, map(unplugged, [0]))

    def unplugged(_):
        raise DataError("the camera has ended")

    monkeypatch.setattr("spikelet.data.camera.v4l2.camera", camera)
    line = ["watch", "small.snnb", "/dev/null", "--engine", "numpy", "--json"]
    assert cli.main([*line, "--frame-format", "yuyv"]) == 1
    *answers, summary, error = map(json.loads, capsys.readouterr().out.splitlines())
    assert [answer["file"] for answer in answers] == ["frame 0", "frame 1", "frame 2"]
    assert (summary["images"], error) == (3, {"error": "the camera has ended"})
    assert cli.main([*line, "--once", "--frame", "320x240"]) == 0
    assert opened == [(Path("/dev/null"), 640, 480, "yuyv"), (Path("/dev/null"), 320, 240, None)]
