"""Study files: the grid of runs, and invalid files."""

from pathlib import Path

import pytest

from spikelet.errors import UsageError
from spikelet_converters.source_model.quantiser import SURROGATES
from spikelet_converters.study.config import read_study
from spikelet_converters.study.grid import run_name
from studies import STUDY

STUDIES = Path(__file__).parents[3] / "docs" / "studies"


class TestFile:
    def read(self, tmp_path, text):
        (tmp_path / "s.toml").write_text(text)
        return read_study(tmp_path / "s.toml")

    def test_the_grid(self, tmp_path):
        study = self.read(tmp_path, STUDY)
        names = [run.name for run in study.runs]
        assert names == [
            run_name(method, {"seed": seed, "model": "vgg5", "levels": 4})
            for seed in (1, 2)
            for method in ("start", "qcfs", "exact", "before", "srp", "rts")
        ]
        exact = study.run("exact-vgg5-L4-s2")
        assert exact.begins == "start-vgg5-L4-s2"
        phase = exact.phase({"shape": (1, 8, 8), "classes": 3, "mean": (80,), "std": (70.0,)})
        assert (phase.recipe.seed, phase.recipe.batch, phase.recipe.epochs) == (2, 16, 1)
        assert phase.recipe.time_steps == (1, 2, "limit")
        assert (phase.spec.model, phase.spec.residual, phase.spec.levels) == ("vgg5", "exact", 4)
        assert study.run("srp-vgg5-L4-s1").begins == "qcfs-vgg5-L4-s1"
        assert study.reference == "qcfs"

    def test_a_recipe_by_name(self, tmp_path):
        study = self.read(tmp_path, '[data]\npath="."\n[method.paper]\nrecipe = "paper"\nepochs = 3\n')
        (run,) = study.runs
        assert run.options["policy"] == "autoaugment"
        assert run.options["epochs"] == 3
        assert run.begins is None

    @pytest.mark.parametrize("value", [f'"{"x" * 5000}"', f"[{'7.5, ' * 1000}]"], ids=["text", "list"])
    def test_long_values_are_shortened_in_messages(self, tmp_path, value):
        lines = STUDY.splitlines()
        messages = []
        for index, line in enumerate(lines):
            key, equals, _ = line.partition(" = ")
            changed = [*lines[:index], f"{key} = {value}", *lines[index + 1 :]]
            if equals and key not in ("title", "path", "name", "about"):
                with pytest.raises(UsageError) as refused:
                    self.read(tmp_path, "\n".join(changed))
                messages.append(str(refused.value))
        assert len(messages) > 10
        assert max(map(len, messages)) < 1000

    def test_files_with_the_older_name_of_a_key_are_read(self, tmp_path):
        older = self.read(tmp_path, STUDY.replace("baseline =", "rival ="))
        assert older.runs == self.read(tmp_path, STUDY).runs
        assert {run.baseline for run in older.runs} >= {"srp", "rts"}

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("title =", "titel =", "unknown key 'titel'"),
            ("[common]\nbatch = 16", "[common]\nbach = 16", "unknown key 'bach'"),
            ('engine = "numpy"', 'engine = "nump"', "engine: expected auto or numpy or onnx or native, found 'nump'"),
            ('engine = "numpy"', "bits = 3", "bits: expected a whole number of 4…12, found 3"),
            ('engine = "numpy"', "bits = 13", "bits: expected a whole number of 4…12, found 13"),
            (
                'of = "qcfs"\nbaseline = "rts"',
                'of = "none"\nbaseline = "rts"',
                r"\[method.rts\] of: there is no method 'none'",
            ),
            ('of = "qcfs"\nbaseline = "rts"', 'baseline = "rts"', r'baseline = "rts" needs of = "…"'),
            ('baseline = "rts"', 'baseline = ["rts"]', "baseline: expected a string"),
            ('baseline = "rts"', 'rival = ["rts"]', "rival: expected a string"),
            ('baseline = "rts"', 'baseline = "rtx"', "unknown 'rtx'; known: srp, cos, rts, snnc, ftbc"),
            ('baseline = "rts"', 'baseline = "rts"\nrival = "srp"', "rival is the older name of baseline"),
            ('baseline = "srp"', 'baseline = "srp"\nrho = 3', "baseline srp: got an unexpected keyword argument 'rho'"),
            ('model = ["vgg5"]', 'model = ["vgg7"]', "unknown network 'vgg7'"),
            ("seed = [1, 2]", "seed = 1", r"\[grid\] seed: expected an option of network or recipe, with a list"),
            ("time_steps = [1, 2, 6]", "time_steps = [0]", "expected whole numbers of 1 or more"),
            ("seed = [1, 2]", "seed = [1, -2]", "start-.*s-2: seed: expected a whole number of 0.*, found -2"),
            (
                "[method.qcfs]\nepochs = 1",
                '[method.qcfs]\nepochs = "1"',
                "epochs: expected a whole number of 1",
            ),
            ('residual = "exact"', 'residual = "exakt"', "residual: unknown 'exakt'"),
            ("[method.qcfs]\nepochs = 1", "[method.qcfs]", "epochs is missing"),
            (
                'of = "start"',
                'of = "start"\ncopies = 0',
                r"\[method.before\] copies: expected a whole number of 1 or more",
            ),
            ('baseline = "rts"', 'baseline = "rts"\ncopies = 2', "copies have no effect with a baseline"),
            ('engine = "numpy"', "calibration = 0.5", r"\[test\] calibration: expected a whole number of 1 or more"),
            ("title", "title = ", "not a TOML file"),
            ("batch = 16", 'batch = "16"', "start-vgg5-L4-s1: batch: expected a whole number of 1.*, found '16'"),
            ("batch = 16", "batch = 16\nsurrogate = 2", "start-vgg5-L4-s1: surrogate: expected a str, found 2"),
            ("freeze_norm = true", "freeze_norm = 1", "exact-vgg5-L4-s1: freeze_norm: expected true or false, found 1"),
            ("seed = [1, 2]", "seed = [1, -2]", "seed: expected a whole number of 0.*, found -2"),
        ],
    )
    def test_invalid_files_are_refused(self, tmp_path, old, new, message):
        assert old in STUDY
        with pytest.raises(UsageError, match=message):
            self.read(tmp_path, STUDY.replace(old, new, 1))

    def test_methods_that_wait_for_each_other(self, tmp_path):
        text = STUDY.replace('[method.before]\nof = "start"', '[method.a]\nof = "b"\n[method.b]\nof = "a"')
        with pytest.raises(UsageError, match="methods a, b refer to each other with `of`"):
            self.read(tmp_path, text)


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_run_of_the_shipped_studies_can_be_built(path):
    facts = {"shape": (3, 32, 32), "classes": 10, "mean": (120, 120, 120), "std": (60.0, 60.0, 60.0)}
    study = read_study(path, Path())
    for run in study.runs:
        baseline = run.make_baseline()
        assert (run.baseline is None) == (baseline is None)
        if run.trains:
            phase = run.phase(facts)
            assert phase.spec.surrogate in SURROGATES
            assert phase.recipe.epochs == run.options["epochs"]
    assert set(study.notes) <= set(study.methods)
