"""The command line: exit codes, one JSON object, errors as text."""

import errno
import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from networks import small_graph
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.bundle.card import card
from spikelet.data import ImageSet, arrays
from spikelet.nodes import Conv2d, Linear
from spikelet.verify import record_golden

RNG = np.random.default_rng(0)
LABELS = ("ant", "bee", "cat")


@pytest.fixture(scope="module")
def images():
    return ImageSet(RNG.integers(0, 256, (20, 3, 6, 6)).astype(np.uint8), np.arange(20) % 3, LABELS, "insects")


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


CONTROLS = "a\nb", "c\x1b[2J", "d\x9b31m", "e\u202ef", "g\t", "h\u2028"
LETTERS = set("\x1b\x9b\u202e\u2028\r\t")


@pytest.mark.parametrize("command", ["run small.snnb FOLDER --steps 2", "watch small.snnb FOLDER --once"])
def test_names_of_files_do_not_control_a_terminal(command, call, tmp_path):
    """File names may come from other users: no name starts a line, moves the cursor or reverses text."""
    for name in CONTROLS:
        Image.fromarray(np.zeros((6, 6, 3), np.uint8)).save(tmp_path / f"{name}.png")
    code, out, err = call(command, {"FOLDER": str(tmp_path)})
    assert (code, err) == (0, "")
    assert all(f"{repr(name)[1:-1]}.png" in out for name in CONTROLS)
    assert not LETTERS & set(out)
    assert not any(line.startswith("b.png") for line in out.splitlines())


def test_watch_counts_in_words_and_its_help_describes_its_lines_of_json(call, tmp_path, capsys):
    Image.fromarray(np.zeros((6, 6, 3), np.uint8)).save(tmp_path / "a.png")
    _, out, _ = call("watch small.snnb FOLDER --once --steps 1", {"FOLDER": str(tmp_path)})
    first, last = out.splitlines()
    assert "(1 time-step, " in first
    assert last.startswith("1 image, engine ")
    with pytest.raises(SystemExit):
        cli.main(["watch", "--help"])
    assert "print one JSON object per line" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run small.snnb FILE", "watch small.snnb FOLDER --once", "inspect FILE"])
def test_names_in_errors_do_not_control_a_terminal(command, call, tmp_path):
    damaged = tmp_path / "i\x1b[1m\u202e.png"
    damaged.write_bytes(b"no image")
    _, out, err = call(command, {"FOLDER": str(tmp_path), "FILE": str(damaged)})
    assert "i\\x1b[1m\\u202e.png" in err
    assert not LETTERS & set(out + err)


class TestRun:
    def test_json_output_is_one_object(self, call, images):
        code, out, err = call("run small.snnb insects.npz --steps 5 --engine numpy --json")
        assert (code, err) == (0, "")
        report = json.loads(out)
        assert report["images"] == 20
        assert report["steps"] == 5
        assert report["engine"] == "numpy"
        assert len(report["accuracy"]) == 5
        assert len(report["predictions"]) == 20
        assert report["accuracy"][-1] == np.mean(np.array(report["predictions"]) == images.labels)
        assert report["mean_exit_step"] == 5
        assert set(report["spike_rate"]) == {"if1", "if2", "if3"}
        assert report["ms_per_image"] > 0
        assert report["float_accuracy"] == 0.75
        assert report["data_digest"] == images.digest

    def test_text_shows_accuracy_beside_the_source_network(self, call):
        code, out, _ = call("run small.snnb insects.npz --steps 3")
        assert code == 0
        assert "source network     75.0%" in out
        assert "exit" not in out, "no early exit was asked for"
        assert "mean exit step 1.00, " in call("run small.snnb insects.npz --steps 3 --early-exit 0")[1]

    def test_engines_agree(self, call):
        answers = [
            json.loads(call(f"run small.snnb insects.npz --engine {engine} --json")[1])["predictions"]
            for engine in ("numpy", "onnx", "native", "auto")
        ]
        assert all(answer == answers[0] for answer in answers)

    def test_early_exit(self, call):
        report = json.loads(call("run small.snnb insects.npz --early-exit 0 --json")[1])
        assert report["mean_exit_step"] == 1
        report = json.loads(call("run small.snnb insects.npz --early-exit-confidence 0.6 --json")[1])
        assert 1 <= report["mean_exit_step"] <= 8

    def test_a_part_is_drawn_and_always_the_same(self, call):
        first, second = (json.loads(call("run small.snnb insects.npz --count 7 --json")[1]) for _ in range(2))
        assert first["images"] == 7
        assert first["data_digest"] == second["data_digest"]

    def test_an_image_file_gets_a_prediction_in_a_sentence(self, call, folder, images):
        Image.fromarray(images.images[0].transpose(1, 2, 0)).save(folder / "one.png")
        code, out, _ = call("run small.snnb one.png")
        assert code == 0
        assert any(line.split()[:2] == ["one.png", label] for line in out.splitlines() for label in LABELS)
        assert "accuracy" not in out
        report = json.loads(call("run small.snnb one.png --json")[1])
        assert report["accuracy"] is None
        assert report["predictions"][0] == json.loads(call("run small.snnb insects.npz --json")[1])["predictions"][0]

    def test_class_folders_are_matched_by_name(self, call, folder, images):
        for index, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
            subfolder = folder / "folders" / LABELS[label]
            subfolder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.transpose(1, 2, 0)).save(subfolder / f"{index:02}.png")
        (folder / "folders" / "ant").rename(folder / "folders" / "x-ant")
        code, _, err = call("run small.snnb folders")
        assert code == 1
        assert "unknown class 'x-ant'; expected one of ant, bee, cat" in err
        (folder / "folders" / "x-ant").rename(folder / "folders" / "ant")
        (folder / "only-cats").mkdir()
        (folder / "folders" / "cat").rename(folder / "only-cats" / "cat")
        cats = json.loads(call("run small.snnb only-cats --json")[1])
        whole = json.loads(call("run small.snnb insects.npz --json")[1])
        expected = np.array(whole["predictions"])[images.labels == 2] == 2
        assert cats["accuracy"][-1] == expected.mean()


class TestWrongCalls:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("fly", "unknown command 'fly'"),
            ("run", "the following arguments are required: BUNDLE"),
            ("run none.snnb", "none.snnb: no such file or folder"),
            ("run small.snnb none.npz", "none.npz: no such file or folder"),
            ("run small.snnb --steps 0", "expected a whole number of 1 or more, found '0'"),
            ("run small.snnb --steps x", "expected a whole number of 1 or more, found 'x'"),
            ("run small.snnb --early-exit nan", "--early-exit: expected a number, found 'nan'"),
            ("run small.snnb --early-exit x", "--early-exit: expected a number, found 'x'"),
            ("robustness small.snnb --levels 0.1 inf", "--levels: expected a number, found 'inf'"),
            ("watch small.snnb . --every 0", "--every: expected a number above 0, found '0'"),
            ("run small.snnb --engine fast", "invalid choice: 'fast'"),
            ("run small.snnb --early-exit 1 --early-exit-confidence 1", "not allowed with argument"),
            ("run small.snnb insects.npz --early-exit -1", "early exit, margin: expected a number of 0 or more"),
            ("run small.snnb insects.npz --steps 60000", "proven exact for"),
            ("run small.snnb", "no shipped images fit an input of (3, 6, 6) with these classes; name a DATA path"),
            ("convert small.snnb -o x.zip", "x.zip: expected a name that ends in .snnb"),
            ("convert small.snnb -o none/x.snnb", "none: no such folder"),
            ("convert small.snnb -o x.snnb --bits 3", "invalid choice: 3"),
            ("convert net.nir -o x.snnb --dt 0", "--dt: expected a number above 0, found '0'"),
            ("convert net.nir -o x.snnb --dt nan", "--dt: expected a number, found 'nan'"),
            ("convert net.nir -o x.snnb --dt inf", "--dt: expected a number, found 'inf'"),
            ("convert net.nir -o x.snnb --std nan", "--std: expected a number, found 'nan'"),
            ("convert net.onnx -o x.snnb --percentile 101", "--percentile: expected a number above 0, at most 100"),
            ("export nir small.snnb x.nir --dt -1", "--dt: expected a number above 0, found '-1'"),
            ("study small.snnb --others insects.npz", "--others: expected together with --page"),
            ("convert insects.npz -o x.snnb", "insects.npz: unknown file type; expected .onnx"),
        ],
    )
    def test_end_with_two_and_a_sentence(self, call, line, message):
        code, out, err = call(line)
        assert code == 2
        assert message in err
        assert "Traceback" not in err
        assert err.count("\n") == 1, "one line, not the usage"
        assert out == ""
        code, out, err = call(f"{line} --json" if line else "--json")
        assert code == 2
        if line:
            assert message in json.loads(out)["error"]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("run broken.snnb insects.npz", "broken.snnb: member weights.safetensors: its bytes were changed"),
            ("verify broken.snnb", "its bytes were changed"),
            ("inspect broken.snnb", "its bytes were changed"),
            ("bench broken.snnb", "its bytes were changed"),
            ("run small.snnb wide.npz", "expected one sample of shape (3, 6, 6)"),
            ("run small.snnb nan.npy", "nan.npy: contains NaN or infinity"),
            ("run small.snnb high.npz", "high.npz: has a label of 7, the network's classes are 0…2"),
            ("run small.snnb empty", "no images in it"),
        ],
    )
    def test_work_that_fails_ends_with_one_and_a_sentence(self, call, folder, images, line, message):
        content = bytearray((folder / "small.snnb").read_bytes())
        content[content.index(b'"dtype"')] ^= 1  # the header of the weights
        (folder / "broken.snnb").write_bytes(content)
        arrays.write(folder / "wide.npz", ImageSet(np.zeros((1, 3, 6, 9), np.uint8), None, None, "wide.npz"))
        np.save(folder / "nan.npy", np.full((1, 3, 6, 6), np.nan))
        arrays.write(folder / "high.npz", ImageSet(images.images[:1], np.array([7]), None, "high.npz"))
        (folder / "empty").mkdir(exist_ok=True)
        before = (folder / "small.snnb").read_bytes()
        code, out, err = call(line)
        assert code == 1
        assert message in err
        assert "Traceback" not in err
        assert out == ""
        assert (folder / "small.snnb").read_bytes() == before
        code, out, err = call(f"{line} --json")
        assert message in json.loads(out)["error"]


class TestVerify:
    def test_all_engines_pass(self, call):
        code, out, _ = call("verify small.snnb --json")
        report = json.loads(out)
        assert (code, report["ok"]) == (0, True)
        assert [engine["engine"] for engine in report["engines"]] == ["numpy", "onnx", "native"]
        assert all(engine["differing_spikes"] == 0 for engine in report["engines"])

    def test_one_engine(self, call):
        code, out, _ = call("verify small.snnb --engine numpy")
        assert code == 0
        assert "numpy  ok: 0 differing spikes" in out
        assert "\nonnx " not in out

    def test_a_failed_proof_exits_with_1(self, call, folder):
        good = read(folder / "small.snnb")
        logits = good.golden.logits.copy()
        logits[2, 1, 0] += 1
        spikes = {name: value.copy() for name, value in good.golden.spikes.items()}
        spikes["if2"][1, 0, 11] ^= True
        golden = type(good.golden)(good.golden.inputs, logits, spikes)
        write(Bundle(good.graph, good.manifest, golden, good.card), folder / "wrong.snnb")
        code, out, _ = call("verify wrong.snnb")
        assert code == 1
        assert "DIFFERS: 1 differing spikes" in out
        assert "1 differing logits; first at layer if2, neuron (1, 0, 2), time-step 2, image 0" in out


def test_inspect(call):
    code, out, _ = call("inspect small.snnb --json")
    report = json.loads(out)
    assert code == 0
    assert report["labels"] == list(LABELS)
    assert [node["kind"] for node in report["nodes"]][:3] == ["Input", "Conv2d", "IF"]
    code, out, _ = call("inspect small.snnb")
    assert code == 0
    assert "conv1" in out
    assert "sha256" in out


def test_inspect_shows_commands_as_they_are_typed(call, folder, tmp_path):
    command = "spikelet convert 'a [1].pt' -o <b> --bits 8"
    bundle = read(folder / "small.snnb")
    manifest = replace(bundle.manifest, provenance={"convert_command": command, "notes": []})
    write(replace(bundle, manifest=manifest, card=card(bundle.graph, manifest)), tmp_path / "a.snnb")
    text = call("inspect FILE", {"FILE": str(tmp_path / "a.snnb")})[1]
    assert f"* convert_command: {command}\n" in text
    assert "notes" not in text


def test_doctor(call):
    code, out, _ = call("doctor --json")
    report = json.loads(out)
    assert code == 0
    assert report["engines"] == {"numpy": "works", "onnx": "works", "native": "works"}
    assert report["auto"] == "native"
    assert call("doctor")[0] == 0


BRIEFLY = """
import runpy
from spikelet.benchmark import measure
measure.SECONDS = 0.02
runpy.run_module("spikelet.benchmark", run_name="__main__")
"""


def test_bench(call, monkeypatch):
    run = subprocess.run

    def run_briefly(command, **options):
        assert command[1:3] == ["-m", "spikelet.benchmark"]
        return run([command[0], "-c", BRIEFLY, *command[3:]], **options)

    monkeypatch.setattr("spikelet.cli.inference.bench.subprocess.run", run_briefly)
    code, out, _ = call("bench small.snnb --engine numpy --json")
    latency = json.loads(out)["engines"][0]
    assert code == 0
    assert latency["load_ms"] > 0
    assert latency["batch_32"]["ms_per_step_p95"] >= latency["batch_32"]["ms_per_step_p50"] > 0
    assert (latency["peak_memory_mb"] or 0) > 10 or find_spec("resource") is None  # Windows does not report it


def test_bench_shows_how_layers_are_evaluated(call):
    out = call("bench small.snnb --layers --json")[1]
    by_node = {layer["node"]: layer for layer in json.loads(out)["layers"]}
    graph = small_graph()
    assert list(by_node) == [name for name in graph.order if isinstance(graph.nodes[name], Conv2d | Linear)]
    assert {layer["form"] for layer in by_node.values()} <= {"lists", "tables", "counts", "image", "dense"}
    spiking = [layer for layer in by_node.values() if layer["form"] == "lists"]
    assert spiking
    assert all(layer["added"] > 0 for layer in spiking)
    assert all(layer["microseconds"] > 0 for layer in by_node.values())
    text = call("bench small.snnb --layers")[1]
    assert all(name in text for name in by_node)
    assert "rows of weights selected by lists of spikes" in text


def test_bench_shows_layers_without_a_compiler(call, monkeypatch, tmp_path):
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("SPIKELET_CACHE", str(tmp_path))
    monkeypatch.setattr("spikelet.engines.native.library._loaded", {})
    layers = json.loads(call("bench small.snnb --layers --json")[1])["layers"]
    assert [layer["microseconds"] for layer in layers] == [None] * len(layers)
    assert "?" in call("bench small.snnb --layers")[1]


@pytest.mark.parametrize("verb", ["train", "convert", "inspect", "verify", "run", "bench", "doctor"])
def test_help_has_an_example(call, verb):
    code, out, _ = call(f"{verb} --help")
    assert code == 0
    assert f"example: spikelet {verb}" in out
    assert "--json" in out


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        RuntimeError("could not create a primitive"),
        SystemError("error return without exception set"),
    ],
    ids=["python", "system", "thread", "onednn", "import"],
)
def test_out_of_memory_is_reported_for_every_cause(call, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("spikelet.bundle.read", fail)
    code, out, err = call("inspect small.snnb")
    assert (code, out) == (1, "")
    assert err.startswith("spikelet inspect: out of memory; ")


@pytest.mark.parametrize("name", ["parse", "_failed"])
def test_memory_that_runs_out_in_the_command_line_itself_is_one_line(name, monkeypatch, capfd, tmp_path):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(f"spikelet.cli.{name}", fail)
    (tmp_path / "damaged.snnb").write_bytes(b"damaged")
    assert cli.main(["inspect", str(tmp_path / "damaged.snnb")]) == 1
    assert capfd.readouterr() == ("", "spikelet: out of memory\n")


def test_any_error_is_one_of_memory_where_memory_is_short(call, monkeypatch):
    def fail(*_, **__):
        raise ImportError("cannot import name 'x' from partially initialized module 'y'")

    monkeypatch.setattr("spikelet.bundle.read", fail)
    monkeypatch.setattr("spikelet.errors._memory_is_short", lambda: True)
    code, _, err = call("inspect small.snnb")
    assert code == 1
    assert "out of memory; " in err
    assert (
        "ImportError: cannot import name 'x' from partially initialized module 'y'" in err
    )  # the cause may be another
    monkeypatch.setattr("spikelet.errors._memory_is_short", lambda: False)
    with pytest.raises(ImportError):
        call("inspect small.snnb")


def test_missing_packages_are_reported_with_the_extra(folder):
    script = (
        "import sys\n"
        "for name in ('torch', 'onnxruntime', 'PIL'): sys.modules[name] = None\n"
        "from spikelet.cli import main\n"
        "sys.exit(sum(main(line.split()) for line in sys.argv[1:]))\n"
    )
    Image.new("RGB", (6, 6)).save(folder / "one.png")
    (folder / "any.pt").write_bytes(b"")
    messages = {
        "run small.snnb insects.npz --engine onnx": 'ONNX Runtime is not installed: pip install "spikelet[ort]"',
        "run small.snnb one.png": 'Pillow is not installed: pip install "spikelet[images]"',
        "convert any.pt -o x.snnb": 'torch is not installed: pip install "spikelet[convert]"',
    }
    done = subprocess.run(
        [sys.executable, "-c", script, *messages], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == len(messages), done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == len(messages)
    assert all(message in line for line, message in zip(lines, messages.values(), strict=True))
