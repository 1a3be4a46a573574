"""`spikelet gui` from the command line: pictures without a screen, and errors in one sentence."""

import argparse
import subprocess
import sys

import pytest
from PySide6.QtGui import QImage

from spikelet.cli import main
from spikelet.errors import SpikeletError
from spikelet_gui.cli import gui
from spikelet_gui.views.shell.app import open_all


@pytest.mark.parametrize("panel", gui.PANELS)
def test_a_panel_is_drawn_without_a_screen(qapp, path, tmp_path, prepared_validation, panel):
    out = tmp_path / "out.png"
    call = ["gui", str(path), "--screenshot", str(out), "--panel", panel, "--size", "1000x640", "--theme", "light"]
    assert main(call) == 0
    image = QImage(str(out))
    assert (image.width(), image.height()) == (1000, 640)
    colours = {image.pixel(x, y) for x in range(0, 1000, 3) for y in range(0, 640, 3)}
    assert len(colours) > 20


def test_a_separate_process_draws_and_ends_without_output(path, tmp_path):
    out = tmp_path / "out.png"
    done = subprocess.run(
        [sys.executable, "-m", "spikelet", "gui", str(path), "--screenshot", str(out)],
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert out.is_file()


def test_a_broken_bundle_is_refused_in_one_sentence(qapp, tmp_path, capsys):
    broken = tmp_path / "broken.snnb"
    broken.write_text("hello")
    assert main(["gui", str(broken), "--screenshot", str(tmp_path / "out.png")]) == 1
    message = f"spikelet gui: {broken}: not a bundle: the file does not begin as a ZIP archive\n"
    assert capsys.readouterr().err == message


def test_a_second_bundle_is_compared_with_the_first(window, rest, path, leaky_path):
    open_all(window, [path, leaky_path])
    rest(window)
    assert window.inspector.document.path == path
    assert window.inspector.results.second.path == leaky_path


def test_a_second_bundle_that_is_broken_is_refused_in_one_sentence(qapp, path, tmp_path, capsys):
    broken = tmp_path / "broken.snnb"
    broken.write_text("hello")
    assert main(["gui", str(path), str(broken), "--screenshot", str(tmp_path / "out.png"), "--panel", "compare"]) == 1
    message = f"spikelet gui: {broken}: not a bundle: the file does not begin as a ZIP archive\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["--screenshot", "out.jpg"], "out.jpg: expected a name that ends in .png"),
        (["--screenshot", "no/such/out.png"], "no/such: no such folder"),
    ],
)
def test_a_call_that_cannot_be_meant(path, capsys, call, message):
    assert main(["gui", str(path), *call]) == 2
    assert capsys.readouterr().err == f"spikelet gui: {message}\n"


def test_a_layer_of_another_network_is_refused(qapp, path, tmp_path, capsys):
    out = tmp_path / "out.png"
    assert main(["gui", str(path), "--screenshot", str(out), "--panel", "layers", "--layer", "conv9"]) == 2
    assert "--layer: unknown layer conv9; expected one of if1" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("text", ["1280", "1280x", "10x10", "axb", "99999x10"])
def test_a_size_is_width_and_height(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected WxH"):
        gui.size(text)


def test_a_machine_without_a_screen_gets_a_remedy():
    with pytest.raises(SpikeletError) as caught:
        gui.check_screen({}, "linux")
    assert str(caught.value) == (
        "there is no screen here (DISPLAY and WAYLAND_DISPLAY are not set); --screenshot OUT.png needs none"
    )
    gui.check_screen({"QT_QPA_PLATFORM": "offscreen"}, "linux")
    gui.check_screen({}, "darwin")


def test_a_library_that_is_missing_is_named_with_its_packages(path, monkeypatch, capsys):
    """As on a Debian without graphics: importing Qt fails in the loader."""
    monkeypatch.setitem(sys.modules, "spikelet_gui.views.shell.app", None)

    class Loader:
        def find_spec(self, name, *_):
            if name == "spikelet_gui.views.shell.app":
                raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.delitem(sys.modules, "spikelet_gui.views.shell.app")
    import spikelet_gui.views.shell as views

    monkeypatch.delattr(views, "app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])
    assert main(["gui", str(path), "--screenshot", "out.png"]) == 1
    assert capsys.readouterr().err == (
        "spikelet gui: Qt needs libEGL.so.1, which is not installed; on Debian and derivatives: "
        "sudo apt-get install libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1\n"
    )


def test_a_missing_qt_is_reported_with_its_extra(path, monkeypatch, capsys):
    import spikelet_gui.views.shell as views

    for name in [module for module in sys.modules if module.startswith("spikelet_gui.views.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(views, "app", raising=False)
    for name in [module for module in sys.modules if module.startswith("PySide6")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["gui", str(path), "--screenshot", "out.png"]) == 1
    assert capsys.readouterr().err == 'spikelet gui: PySide6 is not installed: pip install "spikelet[gui]"\n'
