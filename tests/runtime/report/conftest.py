"""Two bundles with images, commands in their folder, and a report that is written once."""

import numpy as np
import pytest

from page_support.reports import EVIL, LABELS, STEP, save
from spikelet import cli
from spikelet.data import ImageSet, arrays


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return ImageSet(rng.integers(0, 256, (40, 3, 6, 6)).astype(np.uint8), np.arange(40) % 3, LABELS, "insects")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, images):
    folder = tmp_path_factory.mktemp("report")
    known = {
        "data": "insects",
        "digest": images.digest,
        "float_accuracy": 0.75,
        "agreement_with_float": 0.9,
        "steps": 8,
    }
    conversion = {"layers": [{"layer": "if1", "activation": 0.5, "by_step": [STEP]}]}
    save(folder / "a.snnb", 0, images, "one", results=[known], conversion=conversion)
    save(folder / "b.snnb", 1, images, "two")
    save(folder / "same.snnb", 2, images, "two")
    save(
        folder / "evil.snnb",
        0,
        images,
        EVIL,
        card=f"# {EVIL}\n\n* {EVIL}\n\n| {EVIL} | b |\n|---|---|\n| 1 | {EVIL} |\n",
    )
    arrays.write(folder / "insects.npz", images)
    arrays.write(folder / "bare.npz", ImageSet(images.images, None, None, "bare"))
    arrays.write(folder / "far.npz", ImageSet(images.images, np.arange(40) % 7, None, "far"))
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def call(folder, capsys, monkeypatch):
    """Run a command in the folder; gives (exit code, stdout, stderr)."""
    monkeypatch.chdir(folder)

    def run(line):
        capsys.readouterr()
        try:
            code = cli.main(line.split())
        except SystemExit as stop:
            code = stop.code
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


@pytest.fixture(scope="module")
def page(folder):
    target = folder / "page.html"
    code = cli.main(
        f"report {folder}/a.snnb {folder}/insects.npz -o {target} --steps 4 --figures {folder}/figures".split()
    )
    assert code == 0
    return target.read_text("utf-8")
