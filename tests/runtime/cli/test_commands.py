"""The command line: results as text, and as one JSON object."""

import json
import subprocess
import time
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from networks import small_graph
from spikelet import cli
from spikelet.bundle import Bundle, read, write
from spikelet.bundle.card import card
from spikelet.nodes import Conv2d, Linear
from spikelet.session import Model


def test_watch_counts_in_words_and_its_help_describes_its_lines_of_json(call, tmp_path, capsys):
    Image.fromarray(np.zeros((6, 6, 3), np.uint8)).save(tmp_path / "a.png")
    _, out, _ = call("watch small.snnb FOLDER --once --steps 1", {"FOLDER": str(tmp_path)})
    first, last = out.splitlines()
    assert "(1 time-step, " in first
    assert last.startswith("1 image, engine ")
    with pytest.raises(SystemExit):
        cli.main(["watch", "--help"])
    assert "print one JSON object per line" in capsys.readouterr().out


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

    def test_the_time_of_an_image_is_without_that_of_the_engine(self, call, monkeypatch):
        """The first run compiles the network, for seconds."""
        order = []
        monkeypatch.setattr(time, "perf_counter", lambda: order.append("time") or float(len(order)))
        create = Model._engine
        monkeypatch.setattr(Model, "_engine", lambda *arguments: order.append("engine") or create(*arguments))
        call("run small.snnb insects.npz --steps 2 --engine numpy --json")
        assert order.index("engine") < order.index("time")
        assert order.count("engine") == 1

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
        assert any(line.split()[:2] == ["one.png", label] for line in out.splitlines() for label in images.classes)
        assert "accuracy" not in out
        report = json.loads(call("run small.snnb one.png --json")[1])
        assert report["accuracy"] is None
        assert report["predictions"][0] == json.loads(call("run small.snnb insects.npz --json")[1])["predictions"][0]

    def test_class_folders_are_matched_by_name(self, call, folder, images):
        for index, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
            subfolder = folder / "folders" / images.classes[label]
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


def test_inspect(call, images):
    code, out, _ = call("inspect small.snnb --json")
    report = json.loads(out)
    assert code == 0
    assert report["labels"] == list(images.classes)
    assert [node["kind"] for node in report["nodes"]][:3] == ["Input", "Conv2d", "IF"]
    code, out, _ = call("inspect small.snnb")
    assert code == 0
    assert "conv1" in out
    assert "sha256" in out


def test_inspect_shows_the_range_of_the_thresholds(call):
    nodes = json.loads(call("inspect vgg5-fashion-mnist --json")[1])["nodes"]
    assert next(node["theta"] for node in nodes if node["name"] == "if1") == [4928.0, 260096.0]
    assert "4,928 – 260,096\n" in call("inspect vgg5-fashion-mnist")[1]


def test_inspect_shows_the_size_on_a_microcontroller_before_an_export(call, tmp_path):
    out, text = call("inspect vgg5-fashion-mnist --json")[1], call("inspect vgg5-fashion-mnist")[1]
    exported = json.loads(call("export c vgg5-fashion-mnist OUT --mcu --json", {"OUT": str(tmp_path / "out")})[1])
    assert json.loads(out)["mcu"] == {key: exported[key] for key in ("flash_bytes", "ram_bytes")}
    assert f"{exported['ram_bytes'] / 1024:.1f} KB of memory (RAM), without code and stack\n" in text


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
