"""Deployment to boards: the written folder runs, and images in a watched folder are classified."""

import configparser
import contextlib
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from networks import small_graph
from spikelet import cli, load
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.cli.inference import latency
from spikelet.cli.inference.new_images import new_images
from spikelet.data.camera.frames import Form, decoded, fitted
from spikelet.errors import DataError
from spikelet.verify import record_golden

RNG = np.random.default_rng(0)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    graph = small_graph()
    golden = record_golden(graph, RNG.integers(0, 256, (2, 3, 6, 6)).astype(np.float32), 4)
    manifest = Manifest("small", ("ant", "bee", "cat"), 8, exact_steps(graph))
    write(Bundle(graph, manifest, golden, "# small\n"), tmp_path / "small.snnb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(folder, *arguments):
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "SPIKELET_CFLAGS": "-O0"}
    return subprocess.run(
        ["./start.sh", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_folder_runs_by_itself(workspace):
    assert cli.main(["deploy", "small.snnb", "--target", "x86", "-o", "board.tar.gz", "--json"]) == 0
    with tarfile.open(workspace / "board.tar.gz") as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4 and later
        tar.extractall(workspace / "there")
    folder = workspace / "there" / "board"
    assert {path.name for path in folder.iterdir()} >= {"app", "model.snnb", "start.sh", "README.md"}
    assert not (folder / "app" / "spikelet" / "converters").exists()
    done = start(folder)
    assert done.returncode == 0, done.stderr
    assert "native ok: 0 differing spikes" in done.stdout
    done = start(folder, "inspect", "--json")
    assert json.loads(done.stdout)["labels"] == ["ant", "bee", "cat"]
    # nothing is read from the folder in which it was built
    code = "import sys, spikelet; print(spikelet.__file__)"
    app = {"PYTHONPATH": str(folder / "app"), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=app, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == str(folder / "app" / "spikelet" / "__init__.py")


def test_without_a_cross_compiler_the_board_compiles(workspace, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["deploy", "small.snnb", "--target", "jetson", "-o", "board"]) == 0
    assert "not compiled here; the board compiles the network at the first start" in capsys.readouterr().out
    assert "requires `gcc` on the board" in (workspace / "board" / "README.md").read_text()


def test_a_float32_network_promises_no_compilation(workspace, monkeypatch, capsys):
    graph = small_graph(exact=False)
    golden = record_golden(graph, RNG.integers(0, 256, (2, 3, 6, 6)).astype(np.float32), 4)
    write(Bundle(graph, Manifest("soft", None, None, None), golden, "# soft\n"), workspace / "soft.snnb")
    for board, path in (("here", os.environ["PATH"]), ("board", "/nowhere")):  # with and without a compiler
        with monkeypatch.context() as patch:
            patch.setenv("PATH", path)
            assert cli.main(["deploy", "soft.snnb", "--target", "x86", "-o", board]) == 0
        printed, readme = capsys.readouterr().out, (workspace / board / "README.md").read_text()
        assert "a float32 network is not compiled: engines onnx and numpy run it" in printed
        assert "| none: a float32 network is not compiled" in readme
        for text in (printed, readme):
            assert "compiles" not in text
            assert "at the first start" not in text
            assert "gcc" not in text
    done = start(workspace / "board", "verify", "--engine", "numpy")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("target", ["jetson", "raspberrypi", "generic-arm64", "x86"])
def test_the_readme_of_a_board_has_a_way_to_a_newer_python(workspace, monkeypatch, target):
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["deploy", "small.snnb", "--target", target, "-o", "board"]) == 0
    readme = (workspace / "board" / "README.md").read_text()
    assert "uv venv --python 3.12 env" in readme
    assert "NumPy 1.24 or later" in readme
    environment = {"PATH": os.defpath, "PYTHON": "no-such-python"}
    done = subprocess.run(
        ["sh", "board/start.sh"], cwd=workspace, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr[:32]) == (1, "no-such-python: no such command;")
    old = workspace / "old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    environment = {"PATH": os.defpath, "PYTHON": str(old)}
    done = subprocess.run(
        ["sh", "board/start.sh"], cwd=workspace, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"Python 3.11 or later is required, {old} is older: see README.md" in done.stderr


def test_a_microcontroller_gets_c(workspace):
    assert cli.main(["deploy", "small.snnb", "--target", "cortex-m", "-o", "board"]) == 0
    done = subprocess.run(["make", "-C", "board", "test"], capture_output=True, text=True, check=True)
    assert "pass: 2 images" in done.stdout


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("deploy small.snnb --target x86 -o .", ".: already exists"),
        ("deploy small.snnb --target x86 -o none/board", "none: no such folder"),
        ("watch small.snnb small.snnb", "small.snnb: is a file; watch takes a folder"),
        ("watch small.snnb . --frame 6x6", "the source is a folder"),
        ("watch small.snnb - --frame 6", "expected a size such as 640x480, found '6'"),
    ],
)
def test_invalid_calls_are_refused(workspace, capsys, line, message):
    assert cli.main(line.split()) == 2
    assert message in capsys.readouterr().err


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


def test_frames_of_webcams_have_the_colours_of_bt_601():
    """Grey, black, white, and the primaries of the standard's table at full saturation, two pixels each."""
    colours = {
        (128, 128, 128): (126, 128, 128),
        (0, 0, 0): (16, 128, 128),
        (255, 255, 255): (235, 128, 128),
        (255, 0, 0): (81, 90, 240),
        (0, 255, 0): (145, 54, 34),
        (0, 0, 255): (41, 240, 110),
    }
    content = b"".join(bytes([y, u, y, v]) for y, u, v in colours.values())
    pixels = decoded(content, Form(2 * len(colours), 1, "yuyv"))
    assert pixels.shape == (1, 12, 3)
    assert np.abs(pixels[0, ::2].astype(int) - list(colours)).max() <= 2
    assert (pixels[0, ::2] == pixels[0, 1::2]).all()
    with pytest.raises(DataError, match="an even number of columns, found 3"):
        Form(3, 1, "yuyv")


@pytest.mark.parametrize("shape", [(5,), (2, 6, 6)])
def test_networks_that_take_no_frames_are_refused(shape):
    with pytest.raises(DataError, match="a frame has 1 or 3 channels"):
        fitted(FRAMES[0], shape)
    assert (fitted(FRAMES[0][..., 0], (3, 6, 6)) == FRAMES[0][..., 0]).all()


@pytest.mark.parametrize(("target", "compiled"), [("x86", True), ("generic-arm64", False)])
def test_the_service_of_systemd_starts_the_folder(workspace, monkeypatch, target, compiled):
    if not compiled:
        monkeypatch.setattr("shutil.which", lambda name: None)
    assert cli.main(["deploy", "small.snnb", "--target", target, "-o", "board"]) == 0
    monkeypatch.undo()
    text = (workspace / "board" / "spikelet.service").read_text()
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(text)
    assert unit["Service"]["ExecStart"] == "/opt/spikelet/start.sh watch /srv/spikelet/camera --json"
    assert ("SPIKELET_CACHE=/opt/spikelet/cache" in text) == compiled
    if shutil.which("systemd-analyze"):
        (workspace / "here.service").write_text(text.replace("/opt/spikelet", str(workspace / "board")))
        command = ["systemd-analyze", "verify", str(workspace / "here.service")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "here.service" not in done.stderr
