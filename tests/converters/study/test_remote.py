"""Training on another machine: calls with a time limit, parcels of networks and images, and the queue."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from offline import NO_NETWORK
from spikelet.data import ImageSet, read
from spikelet.errors import DataError
from spikelet_converters.study.config import read_study
from spikelet_converters.study.perform import perform
from spikelet_converters.study.remote import device, parcels
from spikelet_converters.study.remote.clock import Clock
from spikelet_converters.study.remote.images import pack_images, unpack_images
from spikelet_converters.study.remote.pixel_coding import decode, encode
from spikelet_converters.study.remote.queue import Queue
from spikelet_converters.training import training_pass
from spikelet_converters.training.checkpoint import load_checkpoint
from spikelet_converters.training.execution import Execution
from studies import bars, write_idx

STUDY = """
title = "Two networks"
[data]
name = "BARS-3"
[test]
time_steps = [1, 2]
engine = "numpy"
[grid]
seed = [1]
model = ["vgg5"]
[common]
batch = 16
learning_rate = 0.05
lambda_init = 1.0
[start]
epochs = 2
[method.exact]
residual = "exact"
time_steps = [1, 2]
epochs = 2
"""
RUNS = ("start-vgg5-L4-s1", "exact-vgg5-L4-s1")
EPOCH = 8  # readings of the clock, one for each batch and one more


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The study, its images, and these as a parcel."""
    home = tmp_path_factory.mktemp("home")
    (home / "bars3").mkdir()
    write_idx(home / "bars3", "train", *bars(120, 0))
    write_idx(home / "bars3", "t10k", *bars(30, 1))
    (home / "two.toml").write_text(STUDY)
    pack_images(read(home / "bars3", "train"), "bars3", home / "data")
    return home


def call(home, machine, seconds, state=None):
    """Call the program once on a machine, with a clock that counts its readings."""
    machine.mkdir(exist_ok=True)
    unpack_images(home / "data", machine / "images")
    if state is not None:
        parcels.unpack(state, machine / "runs")
    queue = Queue([home / "two.toml"], machine / "images", machine / "runs")
    messages = []
    clock = Clock(seconds, 0, now=itertools.count().__next__)
    device.train_queue(queue, clock, Execution("python …"), messages.append)
    out = machine / "out"
    device.pack_results(queue, out, messages.append)
    return out, messages


@pytest.fixture(scope="module")
def uninterrupted(home, tmp_path_factory):
    """Both networks trained in one call."""
    return call(home, tmp_path_factory.mktemp("whole"), 10_000)


def weights(runs, name, file="best.pt"):
    return load_checkpoint(runs / "two" / name / file).weights


def test_two_interruptions_on_three_machines_change_no_weight(home, uninterrupted, tmp_path):
    state, all_messages = None, []
    for number, seconds in enumerate((EPOCH * 1.5, EPOCH * 3, 10_000)):
        state, messages = call(home, tmp_path / f"machine{number}", seconds, state)
        all_messages += messages
    stops = [text for text in all_messages if "stopped by the clock, continues" in text]
    assert [text.partition(":")[0] for text in stops] == [f"two/{name}" for name in RUNS]
    parcels.unpack(uninterrupted[0], tmp_path / "whole")
    parcels.unpack(state, tmp_path / "parts")
    parcels.unpack(tmp_path / "machine1" / "out", tmp_path / "parts1")
    for name, folder in (("exact-vgg5-L4-s1", "parts"), ("start-vgg5-L4-s1", "parts1")):
        expected, resumed = weights(tmp_path / "whole", name), weights(tmp_path / folder, name)
        assert all(torch.equal(value, resumed[key]) for key, value in expected.items())


def test_a_finished_network_is_measured_at_home_without_training(home, uninterrupted, tmp_path, monkeypatch):
    assert device.main(["take", str(uninterrupted[0]), "--runs", str(tmp_path)]) == 0
    assert not load_checkpoint(tmp_path / "two" / RUNS[1] / "last.pt").weights, "finished: without the optimiser"
    monkeypatch.setattr(training_pass.TrainingPass, "epoch", None)
    study = read_study(home / "two.toml", home / "bars3")
    metrics = perform(study, RUNS[1], tmp_path / "two", Execution("spikelet study …"))
    assert set(metrics["accuracy"]) == {"1", "2"}
    assert metrics["training"]["epoch"] in (1, 2)


def test_a_finished_network_is_packed_once(home, uninterrupted, tmp_path):
    machine = uninterrupted[0].parent
    _, messages = call(home, machine, 10_000)
    assert messages == [], "all is done, and was packed"
    assert sum(path.stat().st_size for path in uninterrupted[0].iterdir()) < parcels.NETWORKS.total


def test_a_network_waits_for_its_images(home, tmp_path):
    queue = Queue([home / "two.toml"], tmp_path / "images", tmp_path / "runs")
    messages = []
    device.train_queue(queue, Clock(10, 0), report=messages.append)
    assert messages == [f"two/{name}: waits for its images, {tmp_path / 'images' / 'bars3'}" for name in RUNS]


def test_the_program_runs_networks_side_by_side(home, tmp_path, monkeypatch, capsys):
    """Each network is trained in a separate process, which starts when its starting network is finished."""
    monkeypatch.chdir(tmp_path)
    started = []

    class Process:
        def __init__(self, line):
            started.append(line)
            assert device.main(line[3:]) == 0

        def poll(self):
            return 0

    monkeypatch.setattr(device.subprocess, "Popen", Process)
    line = ["train", str(home / "two.toml"), "--data", str(home / "data"), "--out", "out", "--device", "cpu"]
    assert device.main([*line, "--parallel", "2"]) == 0
    assert [command[:3] for command in started] == [[sys.executable, "-m", device.MODULE]] * 2
    printed = capsys.readouterr().out
    assert printed.index(f"{RUNS[0]}: finished, ") < printed.index(f"{RUNS[1]}: finished, ")
    assert set(parcels.read(parcels.find(Path("out"))["networks"])) >= {f"two/{name}/best.pt" for name in RUNS}


def test_it_needs_torch_and_numpy_only_and_its_imports_no_network():
    """In a process of its own, because this one has imported everything."""
    code = NO_NETWORK + (
        "import sys; before = set(sys.modules); import torch, numpy; torch_and_numpy = set(sys.modules)\n"
        "import spikelet_converters.study.remote.device\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - torch_and_numpy} - {'torch', 'numpy'}\n"
        "print(sorted(new - sys.stdlib_module_names))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed == "['spikelet', 'spikelet_converters']\n"


class TestPixels:
    @pytest.mark.parametrize("shape", [(7, 3, 5, 4), (3, 1, 1, 6), (2, 2, 4, 1), (1, 3, 1, 1)])
    def test_every_image_is_decoded_exactly(self, shape):
        rng = np.random.default_rng(0)
        for images in (rng.integers(0, 256, shape, np.uint8), np.full(shape, 255, np.uint8), np.zeros(shape, np.uint8)):
            assert np.array_equal(decode(encode(images)), images)

    def test_smooth_images_become_smaller(self):
        ramp = np.add.outer(np.arange(32), np.arange(32)) * 2
        images = np.broadcast_to(ramp, (50, 3, 32, 32)).astype(np.uint8)
        assert len(encode(images)) < images.size / 5

    @pytest.mark.parametrize("cut", [3, 20, -1])
    def test_a_cut_stream_is_refused(self, cut):
        with pytest.raises(DataError, match="coded images are damaged"):
            decode(encode(np.arange(48, dtype=np.uint8).reshape(1, 3, 4, 4))[:cut])

    def test_images_keep_digest_labels_and_classes(self, home, tmp_path):
        data = ImageSet(np.arange(96, dtype=np.uint8).reshape(2, 3, 4, 4), np.array([1, 0]), ("a", "b"), "two")
        pack_images(data, "two", tmp_path / "data")
        assert unpack_images(tmp_path / "data", tmp_path) == ["two: 2 training images"]
        again = read(tmp_path / "two.npz", "train")
        assert (again.digest, again.classes) == (data.digest, data.classes)
        assert unpack_images(tmp_path / "data", tmp_path) == [], "there already"


GROUPS = {"a": {"a/1": b"one" * 50, "a/empty": b""}, "b": {"b/2": bytes(range(256)) * 9}, "c": {"c/3": b"x"}}


class TestParcels:
    def test_files_are_restored_from_parts_of_limited_size(self, tmp_path):
        assert parcels.pack(GROUPS, tmp_path, "all", parcels.Limits(40, 64)) == ["a", "b", "c"]
        parts = parcels.find(tmp_path)["all"]
        assert len(parts) > 3
        assert max(part.stat().st_size for part in parts) <= 64
        assert parcels.read(parts) == {path: data for group in GROUPS.values() for path, data in group.items()}

    def test_a_group_that_does_not_fit_is_left_out_whole(self, tmp_path):
        assert parcels.pack(GROUPS, tmp_path, "all", parcels.Limits(2, 240)) == ["a", "c"]
        assert set(parcels.read(parcels.find(tmp_path)["all"])) == {"a/1", "a/empty", "c/3"}

    def test_float_tensors_become_smaller(self, tmp_path):
        tensor = np.random.default_rng(0).normal(0, 0.05, 50_000).astype(np.float32).tobytes()
        parcels.pack({"w": {"w": tensor}}, tmp_path, "w")
        assert parcels.find(tmp_path)["w"][0].stat().st_size < 0.9 * len(tensor)

    def test_missing_and_damaged_parts_are_named(self, tmp_path):
        parcels.pack(GROUPS, tmp_path, "all", parcels.Limits(40, 64))
        parts = parcels.find(tmp_path)["all"]
        parts[-1].write_bytes(bytes(len(parts[-1].read_bytes())))
        with pytest.raises(DataError, match=r"(damaged|not a whole parcel).*; fetch the parts again"):
            parcels.read(parts)
        parts[1].unlink()
        with pytest.raises(DataError, match=r"all-2-of-.*parcel: missing part of a parcel; carry all of its parts"):
            parcels.unpack(tmp_path, tmp_path / "target")

    @pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "c:x", "a\\x"])
    def test_a_path_out_of_the_folder_is_refused(self, tmp_path, path):
        parcels.pack({"a": {path: b"x"}}, tmp_path, "bad")
        with pytest.raises(DataError, match="leads out of the folder"):
            parcels.unpack(tmp_path, tmp_path / "target")
