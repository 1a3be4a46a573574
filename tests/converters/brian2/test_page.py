"""The page and the Markdown of a validation, and the command that writes them."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from networks import small_graph
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.data.pixels import quantised
from spikelet.engines.numpy import NumpyEngine
from spikelet.verify import record_golden
from spikelet_converters.brian2 import validate
from spikelet_converters.brian2.dynamics import sweep
from spikelet_converters.brian2.page import html, save

pytestmark = pytest.mark.usefixtures("simulated_once")

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 3, 6, 6)).astype(np.uint8)
GRAPH = small_graph()
BUNDLE = Bundle(GRAPH, Manifest("a <b>", bits=8, exact_steps=exact_steps(GRAPH)), record_golden(GRAPH, IMAGES, 2), "")


class Deaf(NumpyEngine):
    """An engine whose second layer does not fire at the third time-step."""

    def spikes(self, layer):
        result = super().spikes(layer)
        return result & (layer != "if2" or self.time != 3)


@pytest.fixture(scope="module")
def sound():
    return validate(BUNDLE, IMAGES, steps=4)


@pytest.fixture(scope="module")
def broken():
    return validate(BUNDLE, IMAGES, steps=4, engine=Deaf)


@pytest.fixture(scope="module")
def dynamics():
    return sweep("numpy")


def pictures(text):
    return [ElementTree.fromstring(item) for item in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def test_the_page_is_self_contained_and_shows_a_raster_of_each_layer(sound, dynamics):
    text = html(sound, dynamics)
    assert "ok: " in text
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "a &lt;b&gt; against Brian2" in text
    titles = [item.find("{*}title").text for item in pictures(text)]
    assert [title.partition(":")[0] for title in titles[1:4]] == ["if1", "if2", "if3"]
    assert titles[0].startswith("Potential after the reset: if2, neuron ")
    assert [title for title in titles if title.startswith("f-I curve")] == [
        f"f-I curve: {kind}, constant current" for kind in ("IF", "LIF", "LIF, float32")
    ]


def test_differences_are_drawn_and_marked(sound, broken):
    apart = [html(item).count('fill="#f6c6c6"') for item in (sound, broken)]
    legend = 3  # one a raster
    assert apart[0] == legend
    first = broken.first_divergence
    sample = next(item.sample for item in broken.layers if item.name == "if2")
    drawn = sample.spikes[0] != sample.spikes[1]
    assert apart[1] == legend + drawn.sum() > legend
    assert drawn.any(1).nonzero()[0].tolist() == [2]
    assert sample.neurons[0] == first.neuron
    assert "those that diverge first" in html(broken)
    assert "DIFFERS" in html(broken)


def test_markdown_has_its_pictures_beside_it(broken, tmp_path):
    save(tmp_path / "said.md", broken, None)
    text = (tmp_path / "said.md").read_text()
    links = re.findall(r"\]\((.*?)\)", text)
    assert links
    for link in links:
        ElementTree.parse(tmp_path / link)
    assert "| if2 | 36 | " in text
    assert f"time-step {broken.first_divergence.step}, image {broken.first_divergence.image}" in text


class TestVerb:
    @pytest.fixture
    def call(self, tmp_path, capsys, monkeypatch):
        write(BUNDLE, tmp_path / "small.snnb")
        np.save(tmp_path / "images.npy", IMAGES)
        np.save(tmp_path / "sequence.npy", np.stack([IMAGES] * 3))
        monkeypatch.chdir(tmp_path)

        def run(line):
            capsys.readouterr()
            try:
                code = cli.main(["validate", *line.split()])
            except SystemExit as stop:
                code = stop.code
            out = capsys.readouterr()
            return code, out.out, out.err

        return run

    def test_json_is_one_object_in_the_promised_shape(self, call):
        code, out, err = call("small.snnb images.npy --images 2 --steps 3 --neurons 5 --engine numpy --json")
        result = json.loads(out)
        assert (code, err) == (0, "")
        assert (result["ok"], result["images"], result["steps"], result["engine"]) == (True, 2, 3, "numpy")
        keys = {"name", "neurons", "spikes", "differing_spikes", "max_potential_difference", "first_divergence"}
        assert all(set(layer) == keys for layer in result["layers"])
        assert [layer["neurons"] for layer in result["layers"]] == [5, 5, 5, 3]

    def test_a_validation_of_all_neurons_and_its_section_in_the_report(self, call, tmp_path):
        code, out, _ = call("small.snnb images.npy --all --steps 3 -o said.html")
        assert code == 0
        assert re.search(r"^if1 +144 +\d+ +0 +0$", out, re.MULTILINE)
        assert "Report saved: said.html" in out
        assert "<svg" in (tmp_path / "said.html").read_text()
        assert call("small.snnb images.npy --steps 3 -o small.validation.json")[0] == 0
        assert cli.main(["report", "small.snnb", "images.npy", "--steps", "3", "--no-latency", "-o", "page.html"]) == 0
        text = (tmp_path / "page.html").read_text()
        assert "Independent simulator" in text
        assert "brian2_version" in text

    def test_a_sequence_gives_each_step_its_input(self, call):
        code, out, _ = call("small.snnb sequence.npy --json")
        result = json.loads(out)
        assert (code, result["steps"], result["images"], result["ok"]) == (0, 3, 3, True)
        code, _, err = call("small.snnb sequence.npy --steps 5")
        assert code == 2
        assert "the sequence has 3 time-steps, 5 were requested" in err

    def test_a_sequence_of_measured_values_becomes_pixels(self, call):
        measured = np.random.default_rng(1).uniform(-1.2, 1.2, (3, 2, *IMAGES.shape[1:]))
        np.save("measured.npy", measured)
        np.save("pixels.npy", quantised(measured, -1, 1))
        _, of_measured, err = call("small.snnb measured.npy --range -1 1 --neurons 5 --json")
        _, of_pixels, _ = call("small.snnb pixels.npy --neurons 5 --json")
        assert err == ""
        assert json.loads(of_measured)["layers"] == json.loads(of_pixels)["layers"]

    @pytest.mark.parametrize(
        ("line", "code", "message"),
        [
            ("--dynamics --steps 8", 2, "--dynamics alone takes no --steps, --neurons or --all"),
            ("", 2, "expected a BUNDLE, or --dynamics to sweep single neurons"),
            ("none.snnb", 2, "none.snnb: no such file or folder"),
            ("images.npy", 1, "images.npy: "),
            ("small.snnb", 2, "no shipped images fit an input of (3, 6, 6)"),
            ("small.snnb images.npy --all --neurons 3", 2, "not allowed with argument --all"),
            ("small.snnb images.npy --neurons 0", 2, "expected a whole number of 1 or more, found '0'"),
            ("small.snnb images.npy --steps 60000", 2, "is proven exact for"),
            ("small.snnb images.npy --engine none", 2, "invalid choice: 'none'"),
            (
                "small.snnb images.npy -o said.pdf",
                2,
                "said.pdf: expected a name that ends in .html, .htm, .md or .json",
            ),
            ("small.snnb images.npy -o no/said.md", 2, "no: no such folder"),
            ("small.snnb images.npy --eps -1", 2, "--eps: expected 0 or more, found -1"),
            ("small.snnb images.npy --seed -1", 2, "--seed: expected 0 or more, found -1"),
        ],
    )
    def test_contradictory_options_are_refused_in_a_sentence(self, call, line, code, message):
        result, out, err = call(line)
        assert result == code
        assert message in err
        assert "Traceback" not in err
        assert out == ""

    def test_dynamics_alone_and_with_a_bundle(self, call):
        code, out, _ = call("--dynamics --engine numpy --json")
        assert code == 0
        assert json.loads(out)["ok"]
        assert len(json.loads(out)["kinds"]) == 12
        code, out, _ = call("small.snnb images.npy --steps 2 --dynamics --engine native")
        assert code == 0
        assert "engine, Brian2 and closed forms agree" in out
        assert "float32" not in out  # an engine of integers has no such neurons
