"""spikelet energy: table, profiles and errors."""

import json

import numpy as np
import pytest

from spikelet.choices import profiles
from spikelet.metrics.accuracy import wilson


class TestEnergy:
    def test_json_names_the_data_and_is_one_object(self, call, images):
        code, out, err = call("energy a.snnb insects.npz --steps 3 --engine numpy --json")
        assert (code, err) == (0, "")
        report = json.loads(out)
        assert (report["images"], report["steps"], report["engine"]) == (40, 3, "numpy")
        assert (report["data"], report["data_digest"]) == ("insects", images.digest)
        right = round(report["accuracy"][-1]["accuracy"] * 40)
        assert [report["accuracy"][-1]["low"], report["accuracy"][-1]["high"]] == list(wilson(right, 40))
        assert report["float_network"] == {"accuracy": 0.75, "agreement": 0.9, "agreement_steps": 8}
        assert "estimate" in report["energy"]["note"]
        assert report["energy"]["assumptions"]
        priced = [profile["profile"] for profile in report["energy"]["profiles"]]
        bare = [without_figure["profile"] for without_figure in report["energy"]["without_figures"]]
        assert sorted(priced + bare) == profiles()
        assert bare == ["akida", "loihi2", "speck", "xylo"]
        assert report["neurobench"]["images"] == 32

    def test_counts_are_those_of_the_spikes_of_run(self, call):
        report = json.loads(call("energy a.snnb insects.npz --steps 5 --json")[1])
        ran = json.loads(call("run a.snnb insects.npz --steps 5 --json")[1])
        assert [point["accuracy"] for point in report["accuracy"]] == ran["accuracy"]
        assert {layer["layer"]: layer["rate"] for layer in report["layers"]} == pytest.approx(ran["spike_rate"])

    def test_the_text_contains_the_assumptions(self, call):
        code, out, _ = call("energy a.snnb insects.npz --steps 3")
        assert code == 0
        assert "Energy is an estimate, not a measurement" in out
        assert "Assumptions" in out
        assert "source network" in out
        assert "break-even with 2-bit activations" in out
        assert "Not included, since no figure is published:" in out
        assert "loihi2: no energy per operation: NA in G. Tang et al." in out

    def test_labels_that_begin_with_one(self, call, folder):
        colours = np.random.default_rng(0).integers(0, 256, (50, 3, 1, 1)).astype(np.uint8)
        images = {"images": np.broadcast_to(colours, (50, 3, 6, 6))}
        np.savez(folder / "matlab.npz", **images)
        answers = np.array(json.loads(call("run b.snnb matlab.npz --steps 1 --json")[1])["predictions"])
        assert min(np.bincount(answers, minlength=2)) >= 3
        assert max(answers) == 1
        np.savez(folder / "matlab.npz", **images, labels=answers + 1)
        # the data follow an option
        note = "label 1 as class 0, of 2 as class 1: subtract 1 from labels that begin with 1."
        for command in ("run", "energy", "report -o m.html --no-latency", "compare a.snnb"):
            name, *options = command.split()
            assert f"{note}\n" in call(" ".join([name, "b.snnb", *options, "--steps 1 matlab.npz"]))[1], command
        assert note in (folder / "m.html").read_text("utf-8")

    def test_one_profile_shows_its_sources(self, call):
        code, out, _ = call("energy a.snnb insects.npz --steps 3 --profile loihi")
        assert code == 0
        assert "* ac: M. Davies et al., Loihi, IEEE Micro 38(1), 2018" in out
        assert "cmos45" not in out

    def test_a_profile_without_figures(self, call):
        code, out, _ = call("energy a.snnb insects.npz --steps 3 --profile akida")
        assert code == 0
        assert "akida: no energy per operation. typical power: 30 mW" in out

    def test_a_profile_of_the_user(self, call, folder):
        (folder / "my.toml").write_text(
            'name = "mine"\ntitle = "Mine"\n[figures.ac]\nvalue = 1\nunit = "uJ"\nsource = "me, here, today"\n'
        )
        report = json.loads(call("energy a.snnb insects.npz --steps 3 --profile my.toml --json")[1])
        (mine,) = report["energy"]["profiles"]
        acs = report["operations"]["per_image"]["acs"]
        assert mine["spiking"]["operations"] == pytest.approx({"low": acs, "high": acs})
        assert mine["spiking"]["neurons"] is None

    def test_without_labels_there_is_a_note_instead_of_accuracy(self, call):
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
                "bad.toml: figures: ac: value: expected a number of 0…1e+12, found -1",
            ),
            ("energy a.snnb insects.npz --profile uncited.toml", 2, "uncited.toml: figures: ac: has no source"),
            ("energy a.snnb insects.npz --steps 0", 2, "expected a whole number of 1 or more, found '0'"),
            (
                "energy a.snnb insects.npz --steps 60000",
                2,
                "steps: 60000 requested, but this bundle is proven exact",
            ),
            ("energy a.snnb insects.npz --buffer 0", 2, "expected a whole number of 1 or more, found '0'"),
            ("energy insects.npz insects.npz", 1, "insects.npz: "),
            ("report a.snnb insects.npz -o page.pdf", 2, "page.pdf: expected a name that ends in .html or .htm"),
            ("report a.snnb insects.npz -o none/page.html", 2, "none: no such folder"),
            ("export spikes a.snnb empty.npz/x.csv --data insects.npz", 2, "empty.npz: no such folder"),
            ("export nir a.snnb empty", 2, "empty: is a folder; expected the name of a file"),
            ("report a.snnb insects.npz", 2, "the following arguments are required: -o/--output"),
            ("report a.snnb insects.npz -o x.html --figures a.snnb", 2, "a.snnb: is a file; expected a folder"),
            ("report a.snnb insects.npz -o x.html --validation bad.toml", 2, "bad.toml: not a JSON file"),
            ("report a.snnb insects.npz -o x.html --validation list.json", 2, "list.json: expected one JSON object"),
            ("compare a.snnb insects.npz", 2, "expected two or more bundles and at most one DATA, found 1 and 1"),
            ("compare a.snnb b.snnb insects.npz bare.npz", 2, "found 2 and 2"),
            ("compare a.snnb b.snnb insects.npz --figures f", 2, "--figures requires a page: add -o FILE.html"),
        ],
    )
    def test_invalid_calls_are_refused(self, call, folder, line, code, message):
        bad = 'name = "bad"\ntitle = "Bad"\n[figures.ac]\nvalue = -1\nunit = "pJ"\nsource = "me, here"\n'
        (folder / "bad.toml").write_text(bad)
        (folder / "uncited.toml").write_text(bad.replace('source = "me, here"\n', "").replace("-1", "1"))
        (folder / "list.json").write_text("[1]")
        exit_code, out, err = call(line)
        assert exit_code == code
        assert message in err
        assert out == ""
        assert "Traceback" not in err

    def test_a_folder_without_permission(self, call, monkeypatch):
        """It is noticed before the measurement."""

        def refused(dir):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.TemporaryFile", refused)
        monkeypatch.setattr("spikelet.cli.analysis.report.measure_bundle", None)
        code, _, err = call("report a.snnb insects.npz -o empty/page.html")
        assert (code, "page.html: could not be written (Permission denied)" in err) == (1, True)
