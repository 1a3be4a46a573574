"""Speed of the inspector: start of the window, and frames per second while the time cursor moves.

make bench-gui. A frame moves the cursor by one time-step and draws the Layers panel: a raster of 4,096 neurons and
1,024 time-steps, potentials of three of them, and the feature maps of the counts so far.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QCoreApplication

from networks import Builder
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.verify import record_golden
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.shell.app import make_window, settle

DEMO = Path(__file__).resolve().parents[2] / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb"
STEPS, FRAMES = 1024, 1023


def wide_bundle():
    """Return a bundle of 4,096 neurons that is exact for at least 1,024 time-steps."""
    net = Builder((1, 16, 16), np.random.default_rng(0))
    weight = net.integers(-2, 2, (16, 1, 3, 3), np.int8)
    from spikelet.nodes import Conv2d

    net.add("conv1", Conv2d(weight, net.integers(-9, 9, 16), (1, 1), (1, 1)))
    net.neuron("if1", scale=1500)
    graph = net.graph(3)
    assert graph.neurons("if1") == 4096
    assert exact_steps(graph) >= STEPS
    inputs = np.random.default_rng(1).integers(0, 256, (1, 1, 16, 16)).astype(np.uint8)
    return Bundle(graph, Manifest("wide", None, 8, exact_steps(graph)), record_golden(graph, inputs, 4), "# wide\n")


def started(path):
    """Return the wall-clock and processor time, in seconds, from imports to a window with a drawn bundle."""
    begun, busy = time.perf_counter(), time.process_time()
    window = make_window(Settings(theme="dark"))
    window.resize(1280, 800)
    window.show()
    window.inspector.open(path)
    while window.inspector.trace is None:
        QCoreApplication.processEvents()
        time.sleep(0.001)
    QCoreApplication.processEvents()
    took = time.perf_counter() - begun, time.process_time() - busy
    settle(window)
    return window, took


def scrubbed(path):
    """Return the seconds of each frame."""
    window, _ = started(path)
    window.show_panel("layers")
    window.inspector.set_steps(STEPS)
    settle(window)
    raster = window.content.panels["layers"].findChild(Raster)
    painted = []
    paint = raster.paintEvent
    raster.paintEvent = lambda event: (painted.append(1), paint(event))
    cursor, times = window.inspector.cursor, []
    for t in range(1, FRAMES + 1):
        begun = time.perf_counter()
        cursor.go(t + 1 if cursor.time == t else t)
        QCoreApplication.processEvents()
        times.append(time.perf_counter() - begun)
    assert raster._spikes.shape == (STEPS, 4096)
    window.close()
    return times, len(painted)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.snnb"
        write(wide_bundle(), path)
        shown = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO if DEMO.is_file() else path
        window, took = started(shown)
        window.close()
        print(f"window up with {shown.name} shown: {took[0]:.2f} s after imports, {took[1]:.2f} s of processor time")
        times, painted = scrubbed(path)
    ms = np.array(times) * 1000
    print(
        f"scrubbing 4,096 neurons x 1,024 time-steps, {len(ms)} frames ({painted} rasters painted): "
        f"median {np.median(ms):.1f} ms, {1000 / np.median(ms):.0f} frames a second; 95%: {np.percentile(ms, 95):.1f} ms"
    )


if __name__ == "__main__":
    main()
