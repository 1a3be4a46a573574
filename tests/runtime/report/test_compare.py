"""Two bundles side by side."""

import csv
import json
import re

from page_support.reports import Page


class TestCompare:
    def test_side_by_side_in_the_terminal(self, call):
        code, out, _ = call("compare a.snnb b.snnb insects.npz --steps 3")
        assert code == 0
        reports = [json.loads(call(f"energy {name}.snnb insects.npz --steps 3 --json")[1]) for name in "ab"]
        line = next(line for line in out.splitlines() if line.startswith("accuracy at T = 3"))
        assert re.findall(r"(\S+) \(", line) == [f"{report['accuracy'][-1]['accuracy']:.2%}" for report in reports]
        assert "not recorded" in next(line for line in out.splitlines() if line.startswith("source network"))
        assert "estimate, not a measurement" in out

    def test_on_one_page(self, call, folder):
        call("compare a.snnb b.snnb same.snnb insects.npz --steps 2 --no-latency -o c.html --figures c")
        text = " ".join(Page((folder / "c.html").read_text("utf-8")).texts)
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
        report = json.loads(call("compare a.snnb b.snnb insects.npz --steps 2 --json")[1])
        assert [bundle["bundle"] for bundle in report["bundles"]] == ["one", "two"]
