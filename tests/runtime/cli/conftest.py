"""A folder with a small bundle and labelled images, and commands that run in it."""

import numpy as np
import pytest

from networks import small_graph
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.data import ImageSet, arrays
from spikelet.verify import record_golden

LABELS = ("ant", "bee", "cat")


@pytest.fixture(scope="module")
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 3, 6, 6))
    return ImageSet(pixels.astype(np.uint8), np.arange(20) % 3, LABELS, "insects")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, images):
    folder = tmp_path_factory.mktemp("cli")
    graph = small_graph()
    result = {"data": "insects", "digest": images.digest, "images": 20, "float_accuracy": 0.75}
    manifest = Manifest("small", LABELS, 4, exact_steps(graph), {"seed": 1}, [result])
    write(Bundle(graph, manifest, record_golden(graph, images.images[:2], 4), "# small\n"), folder / "small.snnb")
    arrays.write(folder / "insects.npz", images)
    return folder


@pytest.fixture
def call(folder, capsys, monkeypatch):
    """Run a command in the folder; gives (exit code, stdout, stderr)."""
    monkeypatch.chdir(folder)

    def run(line, paths=None):
        """Run a command. paths: replacements for words of the line."""
        capsys.readouterr()
        try:
            code = cli.main([(paths or {}).get(word, word) for word in line.split()])
        except SystemExit as stop:  # argparse
            code = stop.code
        out = capsys.readouterr()
        return code, out.out, out.err

    return run
