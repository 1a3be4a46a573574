"""Open the inspector: layers, spikes, potentials, accuracy and energy of a bundle.

Without BUNDLE, the inspector opens the bundle of the last session or the demo bundle. --screenshot writes one panel as
a PNG file and needs no screen.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from spikelet.cli.arguments import bundle_file
from spikelet.cli.output_files import check_output_file
from spikelet.errors import MissingDependency, SpikeletError, UsageError, out_of_memory

HELP = "inspect a bundle in a window"
EXAMPLE = "spikelet gui vgg9-cifar10 --screenshot layers.png --panel layers --theme light"
PANELS = ("overview", "layers", "accuracy", "energy", "plan", "residuals", "robustness", "compare", "validate")
PACKAGES = "libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1"
SCREEN = (
    f"{PACKAGES} libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 "
    "libxcb-xinerama0 libxcb-xkb1 libxkbcommon-x11-0"
)
SIZES = range(300, 8001)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "bundles",
        type=bundle_file,
        nargs="*",
        metavar="BUNDLE",
        help="bundle to open; a second one is compared with the first",
    )
    parser.add_argument("--screenshot", type=Path, metavar="OUT.png", help="write one panel to an image file and exit")
    parser.add_argument(
        "--panel", choices=PANELS, default="overview", help="panel of the screenshot (default %(default)s)"
    )
    parser.add_argument("--layer", metavar="NAME", help="layer of the screenshot")
    parser.add_argument(
        "--size", type=size, default=(1280, 800), metavar="WxH", help="size of the screenshot in pixels"
    )
    parser.add_argument(
        "--theme",
        choices=("dark", "light", "system"),
        help="colours (default: those of the last session, else of the desktop)",
    )
    parser.add_argument("--fresh", action="store_true", help="do not restore the last session")


def size(text: str) -> tuple[int, int]:
    """Convert a size such as 1280x800; a type of argparse."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if match is None or not all(int(group) in SIZES for group in match.groups()):
        raise argparse.ArgumentTypeError(f"expected WxH, each from {SIZES.start} to {SIZES.stop - 1}, found {text!r}")
    return int(match[1]), int(match[2])


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if len(args.bundles) > 2:
        raise UsageError(f"expected at most two bundles, found {len(args.bundles)}")
    if args.screenshot is not None:
        check_output_file(args.screenshot, ".png")
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    check_screen(os.environ, sys.platform)
    app = load()
    check_plugin(os.environ, sys.platform)
    if args.screenshot is None:
        return int(app.start(args.bundles, args.fresh, args.theme))
    theme = args.theme if args.theme in ("dark", "light") else "dark"
    app.screenshot(args.bundles, args.screenshot, args.panel, args.size, theme, args.layer)
    return 0


def check_screen(environment: Mapping[str, str], platform: str) -> None:
    """Raise SpikeletError if there is no screen; Qt would abort the process."""
    if not platform.startswith("linux") or "QT_QPA_PLATFORM" in environment:
        return
    if not environment.get("DISPLAY") and not environment.get("WAYLAND_DISPLAY"):
        raise SpikeletError(
            "there is no screen here (DISPLAY and WAYLAND_DISPLAY are not set); --screenshot OUT.png needs none"
        )


def check_plugin(environment: Mapping[str, str], platform: str) -> None:
    """Raise SpikeletError if the X11 plugin of Qt cannot be loaded; Qt would abort the process."""
    x11 = environment.get("QT_QPA_PLATFORM", "xcb") == "xcb" and not environment.get("WAYLAND_DISPLAY")
    if not platform.startswith("linux") or not x11:
        return
    import PySide6

    plugin = Path(PySide6.__file__).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    try:
        if plugin.is_file():
            ctypes.CDLL(str(plugin))
    except OSError as error:
        raise SpikeletError(missing_library(str(error), SCREEN)) from None


def load() -> ModuleType:
    """Import the window, and Qt with it.

    Raises:
        MissingDependency: PySide6 or pyqtgraph is not installed.
        SpikeletError: A system library is missing.
    """
    try:
        from spikelet_gui.views.shell import app
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        raise MissingDependency({"pyqtgraph": "pyqtgraph"}.get(name, "PySide6"), "gui") from None
    except ImportError as error:
        if out_of_memory(error):
            raise
        raise SpikeletError(missing_library(str(error))) from None
    return app


def missing_library(text: str, packages: str = PACKAGES) -> str:
    """Convert the loader's message "libEGL.so.1: cannot open shared object file" to one sentence with a remedy."""
    library = text.partition(":")[0]
    return f"Qt needs {library}, which is not installed; on Debian and derivatives: sudo apt-get install {packages}"
