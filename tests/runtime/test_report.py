"""The verbs energy, report and compare, and the page and pictures that they make."""

import csv
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest

from networks import small_graph
from spikelet import cli
from spikelet.bundle import Bundle, Manifest, write
from spikelet.data import ImageSet, arrays
from spikelet.metrics.accuracy import wilson
from spikelet.metrics.charts import Bar, Curve, bars, curves, ranges, raster
from spikelet.metrics.hardware import names
from spikelet.metrics.markdown import to_html
from spikelet.metrics.svg import Axis
from spikelet.ranges import exact_steps
from spikelet.session import load
from spikelet.verify import record_golden

LABELS = ("ant", "bee", "cat")
EVIL = "<script>alert('x')</script> & co"
STEP = {
    "steps": 8,
    "spike_rate": 0.25,
    "over_firing": 0.125,
    "under_firing": 0.0625,
    "correlation": None,
    "rms_residual": 0.1,
}


def save(path, seed, images, name, card="# small\n\nA card.\n", results=(), conversion=None):
    graph = small_graph(seed)
    manifest = Manifest(name, LABELS, 4, exact_steps(graph), results=list(results), conversion=conversion or {})
    write(Bundle(graph, manifest, record_golden(graph, images.images[:2], 4), card), path)


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


class Page(HTMLParser):
    """Collects tags with their attributes, and text; refuses tags that do not close."""

    VOID = ("meta",)

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


class TestEnergy:
    def test_json_says_on_what_and_is_one_object(self, call, images):
        code, out, err = call("energy a.snnb insects.npz --steps 3 --engine numpy --json")
        assert (code, err) == (0, "")
        found = json.loads(out)
        assert (found["images"], found["steps"], found["engine"]) == (40, 3, "numpy")
        assert (found["data"], found["data_digest"]) == ("insects", images.digest)
        right = round(found["accuracy"][-1]["accuracy"] * 40)
        assert [found["accuracy"][-1]["low"], found["accuracy"][-1]["high"]] == list(wilson(right, 40))
        assert found["float_network"] == {"accuracy": 0.75, "agreement": 0.9, "agreement_steps": 8}
        assert "estimate" in found["energy"]["note"]
        assert found["energy"]["assumptions"]
        priced = [each["profile"] for each in found["energy"]["profiles"]]
        bare = [each["profile"] for each in found["energy"]["without_figures"]]
        assert sorted(priced + bare) == names()
        assert bare == ["akida", "loihi2", "speck", "xylo"]
        assert found["neurobench"]["images"] == 32

    def test_counts_are_those_of_the_spikes_of_run(self, call):
        found = json.loads(call("energy a.snnb insects.npz --steps 5 --json")[1])
        ran = json.loads(call("run a.snnb insects.npz --steps 5 --json")[1])
        assert [each["accuracy"] for each in found["accuracy"]] == ran["accuracy"]
        assert {each["layer"]: each["rate"] for each in found["layers"]} == pytest.approx(ran["spike_rate"])

    def test_text_holds_the_word_and_the_assumptions(self, call):
        code, out, _ = call("energy a.snnb insects.npz --steps 3")
        assert code == 0
        assert "Energy here is an estimate, not a measurement" in out
        assert "Assumptions" in out
        assert "float network" in out
        assert "crossover with 2-bit activations" in out
        assert "Left out, as no figure is published:" in out
        assert "loihi2: no energy per operation: NA in G. Tang et al." in out

    def test_one_profile_shows_its_sources(self, call):
        code, out, _ = call("energy a.snnb insects.npz --steps 3 --profile loihi")
        assert code == 0
        assert "* ac: M. Davies et al., Loihi, IEEE Micro 38(1), 2018" in out
        assert "cmos45" not in out

    def test_a_profile_without_figures(self, call):
        code, out, _ = call("energy a.snnb insects.npz --steps 3 --profile akida")
        assert code == 0
        assert "akida: no energy per operation. typical power: 30 mW" in out

    def test_a_profile_of_my_own(self, call, folder):
        (folder / "my.toml").write_text(
            'name = "mine"\ntitle = "Mine"\n[figures.ac]\nvalue = 1\nunit = "uJ"\nsource = "me, here, today"\n'
        )
        found = json.loads(call("energy a.snnb insects.npz --steps 3 --profile my.toml --json")[1])
        (mine,) = found["energy"]["profiles"]
        acs = found["operations"]["per_image"]["acs"]
        assert mine["spiking"]["operations"] == pytest.approx({"low": acs, "high": acs})
        assert mine["spiking"]["neurons"] is None

    def test_no_labels_no_accuracy_and_it_says_so(self, call):
        code, out, _ = call("energy a.snnb bare.npz --steps 2")
        assert code == 0
        assert "The images have no labels, so there is no accuracy." in out
        assert json.loads(call("energy a.snnb bare.npz --steps 2 --json")[1])["accuracy"] is None

    @pytest.mark.parametrize(
        ("line", "code", "message"),
        [
            ("energy a.snnb far.npz", 1, "far: has a label of 6, the network's classes are 0…2"),
            ("energy a.snnb empty", 1, "empty: no images in it, nor in folders of classes"),
            ("energy a.snnb none", 2, "none: no such file or folder"),
            ("energy a.snnb insects.npz --profile abacus", 2, "profile 'abacus': neither a file nor one of akida"),
            (
                "energy a.snnb insects.npz --profile bad.toml",
                2,
                "bad.toml: figures: ac: value: expected 0 or more, found -1",
            ),
            ("energy a.snnb insects.npz --profile uncited.toml", 2, "uncited.toml: figures: ac: has no source"),
            ("energy a.snnb insects.npz --steps 0", 2, "expected a whole number of 1 or more, found '0'"),
            (
                "energy a.snnb insects.npz --steps 99999999",
                2,
                "steps: 99999999 asked for, but this bundle is proven exact",
            ),
            ("energy a.snnb insects.npz --buffer 0", 2, "expected a whole number of 1 or more, found '0'"),
            ("energy insects.npz insects.npz", 1, "insects.npz: "),
            ("report a.snnb insects.npz -o page.pdf", 2, "page.pdf: a page's name ends in .html"),
            ("report a.snnb insects.npz -o none/page.html", 2, "none: no such folder"),
            ("report a.snnb insects.npz", 2, "the following arguments are required: -o/--output"),
            ("report a.snnb insects.npz -o x.html --figures a.snnb", 2, "a.snnb: is a file; expected a folder"),
            ("report a.snnb insects.npz -o x.html --validation bad.toml", 2, "bad.toml: not a JSON file"),
            ("report a.snnb insects.npz -o x.html --validation list.json", 2, "list.json: expected one JSON object"),
            ("compare a.snnb insects.npz", 2, "expected two bundles or more and at most one DATA, found 1 and 1"),
            ("compare a.snnb b.snnb insects.npz bare.npz", 2, "found 2 and 2"),
            ("compare a.snnb b.snnb insects.npz --figures f", 2, "--figures needs a page to go with: -o FILE.html"),
        ],
    )
    def test_wrong_calls(self, call, folder, line, code, message):
        bad = 'name = "bad"\ntitle = "Bad"\n[figures.ac]\nvalue = -1\nunit = "pJ"\nsource = "me, here"\n'
        (folder / "bad.toml").write_text(bad)
        (folder / "uncited.toml").write_text(bad.replace('source = "me, here"\n', "").replace("-1", "1"))
        (folder / "list.json").write_text("[1]")
        found, out, err = call(line)
        assert found == code
        assert message in err
        assert out == ""
        assert "Traceback" not in err


@pytest.fixture(scope="module")
def page(folder):
    target = folder / "page.html"
    code = cli.main(
        f"report {folder}/a.snnb {folder}/insects.npz -o {target} --steps 4 --figures {folder}/figures".split()
    )
    assert code == 0
    return target.read_text("utf-8")


class TestReport:
    def test_it_is_one_file_that_asks_nobody(self, page):
        tags = Page(page).tags
        loads = [value for tag, attrs in tags for name, value in attrs.items() if name in ("src", "href", "srcset")]
        assert loads
        assert all(value.startswith("#") for value in loads)
        assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object"}
        assert not re.search(r"url\(|@import", page)
        assert "default-src 'none'" in page

    def test_links_lead_to_sections(self, page):
        tags = Page(page).tags
        anchors = {attrs["id"] for tag, attrs in tags if tag == "section"}
        assert {attrs["href"][1:] for tag, attrs in tags if tag == "a"} == anchors

    def test_all_that_was_promised_is_there(self, page):
        text = " ".join(Page(page).words)
        for title in (
            *(
                "Accuracy",
                "Early exit",
                "Spikes",
                "Operations",
                "Energy (estimate)",
                "NeuroBench",
                "Time on this machine",
            ),
            *("Verification", "Conversion", "Model card", "Sources", "Assumptions"),
        ):
            assert title in text
        assert "estimate, not a measurement" in text
        assert "Agreement with the float network at T = 8: 90.0% of the images" in text
        assert "No result of an independent simulator was given" in text
        assert "0.500 8 0.250 12.5% 6.2% -" in text
        assert "doi:10.1109/ISSCC.2014.6757323" in text

    def test_numbers_are_those_of_energy(self, page, call, folder):
        found = json.loads(call("energy a.snnb insects.npz --steps 4 --json")[1])
        text = " ".join(Page(page).words)
        assert f"{found['accuracy'][-1]['accuracy']:.2%}" in text
        assert f"{found['operations']['per_image']['acs']:,.0f} accumulates" in text

    def test_figures_are_whole_and_stand_alone(self, page, folder):
        figures = sorted((folder / "figures").glob("*.svg"))
        assert {path.stem for path in figures} >= {
            *("accuracy", "early-exit-threshold", "early-exit-accuracy", "spike-rates", "operations", "raster"),
            *("energy", "energy-cmos45-int8", "latency"),
        }
        for path in figures:
            root = ET.fromstring(path.read_text("utf-8"))
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            width, height = float(root.get("width")), float(root.get("height"))
            for element in root.iter():
                for x, limit in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                    if element.get(x) is not None:
                        assert -1 <= float(element.get(x)) <= limit + 1, (path.name, element.attrib)
            rows = list(csv.reader(path.with_suffix(".csv").read_text("utf-8").splitlines()))
            assert len(rows) > 1
            assert {len(row) for row in rows} == {len(rows[0])}

    def test_csv_holds_the_numbers(self, page, call, folder):
        found = json.loads(call("energy a.snnb insects.npz --steps 4 --json")[1])
        with (folder / "figures" / "accuracy.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [float(row["accuracy"]) for row in rows[:4]] == [each["accuracy"] for each in found["accuracy"]]
        assert (rows[4]["network"], rows[4]["accuracy"]) == ("one: float network", "0.75")
        with (folder / "figures" / "raster.csv").open() as file:
            spikes = list(csv.DictReader(file))
        result = load(folder / "a.snnb").run(arrays.read(folder / "insects.npz").images[:1], 4, record=["if1"])
        fired = result.spikes["if1"][:, 0].reshape(4, -1)
        assert all(fired[int(s["time_step"]) - 1, int(s["neuron"])] for s in spikes if s["layer"] == "if1")

    def test_json_names_the_files(self, call):
        found = json.loads(call("report a.snnb insects.npz -o j.html --steps 2 --no-latency --json")[1])
        assert found["report"] == "j.html"
        assert found["latency"] == []
        assert [each["ok"] for each in found["verification"][0]] == [True] * 3  # numpy, onnx, native
        assert found["bundles"][0]["steps"] == 2

    def test_text_ends_with_the_path(self, call):
        code, out, _ = call("report a.snnb insects.npz -o j.html --steps 2 --no-latency")
        assert code == 0
        assert out.endswith("j.html: the report\n")
        assert "crossover with int8" in out

    def test_a_hostile_bundle_stays_text(self, call, folder):
        assert call("report evil.snnb insects.npz -o evil.html --steps 2 --no-latency --figures evil")[0] == 0
        page = Page((folder / "evil.html").read_text("utf-8"))
        assert "script" not in {tag for tag, _ in page.tags}
        assert EVIL in "".join(page.words)
        for path in (folder / "evil").glob("*.svg"):
            ET.fromstring(path.read_text("utf-8"))

    def test_without_labels(self, call, folder):
        assert call("report a.snnb bare.npz -o bare.html --steps 2 --no-latency")[0] == 0
        page = Page((folder / "bare.html").read_text("utf-8"))
        assert "The images have no labels, so there is no accuracy." in " ".join(page.words)

    def test_the_verdict_of_a_simulator_is_shown(self, call, folder):
        verdict = {"ok": True, "simulator": "Brian2", "layers": [{"layer": "if1", "differing": 0}]}
        (folder / "brian.json").write_text(json.dumps(verdict))
        assert call("report a.snnb insects.npz -o v.html --steps 2 --no-latency --validation brian.json")[0] == 0
        text = " ".join(Page((folder / "v.html").read_text("utf-8")).words)
        assert "Independent simulator" in text
        assert "Brian2" in text
        assert "differing if1 0" in text

    def test_nothing_is_written_when_it_fails(self, call, folder):
        assert call("report a.snnb far.npz -o failed.html")[0] == 1
        assert not (folder / "failed.html").exists()


class TestCompare:
    def test_side_by_side_in_the_terminal(self, call):
        code, out, _ = call("compare a.snnb b.snnb insects.npz --steps 3")
        assert code == 0
        found = [json.loads(call(f"energy {name}.snnb insects.npz --steps 3 --json")[1]) for name in "ab"]
        line = next(line for line in out.splitlines() if line.startswith("accuracy at T = 3"))
        assert re.findall(r"(\S+) \(", line) == [f"{each['accuracy'][-1]['accuracy']:.2%}" for each in found]
        assert "not in the bundle" in next(line for line in out.splitlines() if line.startswith("float network"))
        assert "estimate, not a measurement" in out

    def test_on_one_page(self, call, folder):
        call("compare a.snnb b.snnb same.snnb insects.npz --steps 2 --no-latency -o c.html --figures c")
        text = " ".join(Page((folder / "c.html").read_text("utf-8")).words)
        assert "Model card of one" in text
        assert "Side by side" in text
        names = {path.stem for path in (folder / "c").glob("*.svg")}
        assert {"raster-1", "raster-2", "raster-3", "accuracy", "energy-cmos45-int8"} <= names
        with (folder / "c" / "accuracy.csv").open() as file:
            networks = {row["network"] for row in csv.DictReader(file)}
        assert len({name for name in networks if name.startswith("two ")}) == 2  # told apart by their digests

    def test_the_same_bundle_twice(self, call):
        code, out, _ = call("compare a.snnb a.snnb insects.npz --steps 2")
        assert code == 0
        assert " #1 " in out
        assert " #2" in out

    def test_json(self, call):
        found = json.loads(call("compare a.snnb b.snnb insects.npz --steps 2 --json")[1])
        assert [each["bundle"] for each in found["bundles"]] == ["one", "two"]


class TestCharts:
    @pytest.mark.parametrize(
        ("low", "high", "ticks"),
        [
            (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
            (0.62, 0.88, [0.65, 0.7, 0.75, 0.8, 0.85]),
            (-1, 9, [-0.0, 2, 4, 6, 8]),
            (3, 3, [3]),
        ],
    )
    def test_ticks_are_round_and_inside(self, low, high, ticks):
        assert Axis("x", low, high, 0, 100).ticks() == pytest.approx(ticks)

    def test_decades(self):
        axis = Axis("x", 1, 1e4, 0, 400, log=True)
        assert axis.ticks() == pytest.approx([1, 10, 100, 1000, 10000])
        assert [axis(value) for value in (1, 10, 1e4, 0)] == pytest.approx([0, 100, 400, 0])

    def test_long_names_are_cut_to_fit(self):
        name = "n" * 300
        for svg in (
            curves("t", [Curve(name, [(1, 0.5), (2, 0.6)])], "x", "y"),
            bars("t", [Bar(name, 1.0)], "x"),
            ranges("t", [(name, [(1.0, 2.0)])], ("one",), "x"),
            raster("t", [(name, np.ones((2, 3), np.bool_))]),
        ):
            words = [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
            (cut,) = (each for each in words if each.startswith("nn"))
            assert len(cut) in (32, 76)
            assert cut.endswith("…")

    def test_odd_data_still_draws(self):
        for svg in (
            curves("t", [Curve("a", [(1, 0.5)])], "x", "y"),
            curves("t", [Curve("a", level=0.3)], "x", "y"),
            bars("t", [Bar("a", 0.0)], "x"),
            ranges("t", [("a", [None, (0.0, 0.0)])], ("one", "two"), "x"),
            raster("t", [("a", np.zeros((100, 3), np.bool_))]),
        ):
            assert "nan" not in svg
            ET.fromstring(svg)


class TestMarkdown:
    @pytest.mark.parametrize(
        ("text", "html"),
        [
            ("# A <b>", "<h3>A &lt;b&gt;</h3>"),
            ("one\ntwo", "<p>one two</p>"),
            ("* a\n* `b`", "<ul><li>a</li><li><code>b</code></li></ul>"),
            (
                "| a |\n|---|\n| & |",
                '<div class="wide"><table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&amp;</td></tr></tbody></table></div>',
            ),
            ("|---|", ""),
            ("", ""),
        ],
    )
    def test_what_cards_are_written_in(self, text, html):
        assert to_html(text) == html
