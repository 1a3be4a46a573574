"""The report of a bundle: its contents, its files, and text that cannot become markup."""

import csv
import json
import re
import xml.etree.ElementTree as ET

import pytest

from page_support.reports import EVIL, Page, validation_of
from spikelet.bundle import read
from spikelet.data import arrays
from spikelet.deploy.web.document import document
from spikelet.session import load

NAME = 'a", "digest": "' + "0" * 64


class TestReport:
    def test_it_is_one_file_without_requests(self, page):
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

    def test_all_sections_are_present(self, page):
        text = " ".join(Page(page).texts)
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
        assert "Agreement with the source network at T = 8: 90.0% of the images" in text
        assert "No result of an independent simulator was given" in text
        assert "0.500 8 0.250 12.5% 6.2% -" in text
        assert "doi:10.1109/ISSCC.2014.6757323" in text

    def test_numbers_are_those_of_energy(self, page, call, folder):
        report = json.loads(call("energy a.snnb insects.npz --steps 4 --json")[1])
        text = " ".join(Page(page).texts)
        assert f"{report['accuracy'][-1]['accuracy']:.2%}" in text
        assert f"{report['operations']['per_image']['acs']:,.0f} accumulates" in text

    def test_figures_are_complete_and_self_contained(self, page, folder):
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

    def test_csv_contains_the_numbers(self, page, call, folder):
        report = json.loads(call("energy a.snnb insects.npz --steps 4 --json")[1])
        with (folder / "figures" / "accuracy.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [float(row["accuracy"]) for row in rows[:4]] == [point["accuracy"] for point in report["accuracy"]]
        assert (rows[4]["network"], rows[4]["accuracy"]) == ("one: source network", "0.75")
        with (folder / "figures" / "raster.csv").open() as file:
            spikes = list(csv.DictReader(file))
        result = load(folder / "a.snnb").run(arrays.read(folder / "insects.npz").images[:1], 4, record=["if1"])
        fired = result.spikes["if1"][:, 0].reshape(4, -1)
        assert all(fired[int(s["time_step"]) - 1, int(s["neuron"])] for s in spikes if s["layer"] == "if1")

    def test_json_names_the_files(self, call):
        report = json.loads(call("report a.snnb insects.npz -o j.html --steps 2 --no-latency --json")[1])
        assert report["report"] == "j.html"
        assert report["latency"] == []
        assert [verification["ok"] for verification in report["verification"][0]] == [True] * 3  # numpy, onnx, native
        assert report["bundles"][0]["steps"] == 2

    def test_text_ends_with_the_path(self, call):
        code, out, _ = call("report a.snnb insects.npz -o j.html --steps 2 --no-latency")
        assert code == 0
        assert out.endswith("Report saved: j.html\n")
        assert "break-even with int8" in out

    def test_a_hostile_bundle_stays_text(self, call, folder):
        assert call("report evil.snnb insects.npz -o evil.html --steps 2 --no-latency --figures evil")[0] == 0
        page = Page((folder / "evil.html").read_text("utf-8"))
        assert "script" not in {tag for tag, _ in page.tags}
        assert EVIL in "".join(page.texts)
        for path in (folder / "evil").glob("*.svg"):
            ET.fromstring(path.read_text("utf-8"))

    def test_without_labels(self, call, folder):
        assert call("report a.snnb bare.npz -o bare.html --steps 2 --no-latency")[0] == 0
        page = Page((folder / "bare.html").read_text("utf-8"))
        assert "The images have no labels, so there is no accuracy." in " ".join(page.texts)

    def test_the_verdict_of_a_simulator_is_shown(self, call, folder):
        verdict = validation_of(folder / "a.snnb")
        (folder / "brian.json").write_text(json.dumps(verdict))
        assert call("report a.snnb insects.npz -o v.html --steps 2 --no-latency --validation brian.json")[0] == 0
        text = " ".join(Page((folder / "v.html").read_text("utf-8")).texts)
        assert "Independent simulator" in text
        assert "brian2_version 2.9.0 bundle one" in text
        assert "first divergence if1 6 12 0 0.0 -" in text

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"digest": "0" * 64}, "v.json: is the validation of another bundle, one"),
            ({"digest": None}, "v.json.digest: expected a string, found null; expected a file that `spikelet validate"),
            ({"ok": "true"}, "v.json.ok: expected true or false, found a string"),
            ({"images": True}, "v.json.images: expected a whole number, found true or false"),
            ({"layers": [3]}, "v.json.layers[0]: expected an object, found a whole number"),
            ({"layers": [{"name": "if1"}]}, "v.json.layers[0]: neurons is missing"),
            ({"seconds": float("nan")}, "v.json.seconds: expected a number of 0"),
            ({"engine": "\ud800"}, "v.json: contains U+D800; expected text without control characters"),
            ({"engine": "\u202e"}, "v.json: contains U+202E"),
        ],
    )
    def test_a_validation_is_that_of_the_bundle(self, call, folder, changed, message):
        (folder / "v.json").write_text(json.dumps(validation_of(folder / "a.snnb", **changed)))
        code, out, err = call("report a.snnb insects.npz -o w.html --steps 1 --no-latency --validation v.json")
        assert (code, out) == (2, "")
        assert message in err
        assert not (folder / "w.html").exists()

    def test_it_links_to_the_page_that_runs_the_bundle(self, call, folder):
        digest = read(folder / "a.snnb").digest
        (folder / "run&it#.html").write_text(document("a", {"name": NAME, "digest": digest}, b"", b""))
        (folder / "deep").mkdir()
        line = "report a.snnb insects.npz --steps 1 --engine numpy --no-latency --web run&it#.html -o deep/linked.html"
        assert call(line)[0] == 0
        tags = Page((folder / "deep" / "linked.html").read_text("utf-8")).tags
        links = [attrs["href"] for tag, attrs in tags if tag == "a" and not attrs["href"].startswith("#")]
        assert links == ["../run%26it%23.html"]

    @pytest.mark.parametrize("found", ["another file", "that of another bundle, 0000"])
    def test_another_file_than_that_page(self, call, folder, found):
        page = document("a", {"name": "a", "digest": "0" * 64}, b"", b"") if "bundle" in found else "<!doctype html>"
        (folder / "page.html").write_text(page)
        code, _, message = call("report a.snnb insects.npz --web page.html -o linked.html")
        assert code == 2
        assert f"page.html: expected the web page of a.snnb, found {found}" in message
        assert "; write it with `spikelet deploy a.snnb --target web -o PAGE.html`" in message

    def test_nothing_is_written_when_it_fails(self, call, folder):
        assert call("report a.snnb far.npz -o failed.html")[0] == 1
        assert not (folder / "failed.html").exists()
