"""A bundle is read as it was written, completely or not at all, and its golden inputs verify it."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import spikelet
from bundle_changes import MEMBERS, make
from networks import Builder, graphs, small_graph
from spikelet.bundle import Golden, archive, decode, members, read, safetensors, schema, step, write
from spikelet.bundle.golden import Activity
from spikelet.errors import SpikeletError
from spikelet.files import atomic
from spikelet.graph import Graph
from spikelet.nodes import IF, Flatten, Input, Linear, Output
from spikelet.verify import Divergence, Verification, first_divergence, verify, verify_step

GOLDEN = {version: Path(__file__).with_name(f"golden-lowering-{version}.snnb") for version in (1, 3)}


class TestRoundTrip:
    @settings(max_examples=40, deadline=None)
    @given(graph=graphs(copies=(1, 1, 2)))
    def test_any_network_comes_back_as_it_was(self, graph, tmp_path_factory):
        path = tmp_path_factory.mktemp("round") / "any.snnb"
        before = make(graph)
        write(before, path)
        after = read(path)
        assert after.graph == before.graph
        assert after.manifest == before.manifest
        assert after.card == before.card
        assert np.array_equal(after.golden.logits, before.golden.logits)
        assert all(np.array_equal(after.golden.spikes[n], before.golden.spikes[n]) for n in graph.spiking)
        assert verify(after, "onnx").ok

    def test_activity_is_that_of_the_golden_inputs(self, tmp_path):
        write(make(small_graph()), tmp_path / "small.snnb")
        loaded = read(tmp_path / "small.snnb")
        for name, shares in loaded.graph.activity.items():
            assert shares == pytest.approx((1 - loaded.golden.spikes[name].mean(), loaded.golden.spikes[name].mean()))

    def test_activity_of_copies(self):
        graph = Graph(
            {
                "x": Input((1,), np.zeros(1, np.int16)),
                "fc": Linear(np.ones((2, 1), np.int8), np.zeros(2, np.int32)),
                "if": IF(np.full(2, 8, np.int32), np.arange(4, dtype=np.int32), copies=2),
                "last": Linear(np.ones((1, 2), np.int8), np.zeros(1, np.int32)),
                "y": Output(),
            },
            (("x", "fc"), ("fc", "if"), ("if", "last"), ("last", "y")),
        )
        spikes = np.array([[[True, True, False, False]], [[False, False, False, True]]])  # copies are neighbours
        assert dict(Activity(graph, {"if": spikes})) == {"if": (0.5, 0.25, 0.25)}

    def test_float32(self, tmp_path):
        write(make(exact=False), tmp_path / "float.snnb")
        loaded = read(tmp_path / "float.snnb")
        assert not loaded.graph.exact
        assert loaded.manifest.exact_steps is None
        assert verify(loaded, "onnx").ok

    def test_the_same_bundle_gives_the_same_bytes(self, path, tmp_path):
        write(make(), tmp_path / "again.snnb")
        assert path.read_bytes() == (tmp_path / "again.snnb").read_bytes()

    def test_the_format_has_not_moved(self, path):
        """The same bundle gives the members of the golden file of this version."""
        old, new = archive.unpack(GOLDEN[3].read_bytes()), archive.unpack(path.read_bytes())
        for member in MEMBERS[1:]:
            assert old[member] == new[member], "the bytes changed: raise the version, keep reading the old file"

    @pytest.mark.parametrize("version", GOLDEN)
    def test_files_of_every_lowering_version_are_read(self, version, tmp_path):
        loaded = read(GOLDEN[version])
        assert loaded.graph == make().graph
        assert loaded.step.version == version
        assert verify(loaded, "numpy").ok
        assert verify_step(loaded).ok
        weights = safetensors.encode(schema.encode(loaded.graph)[1])
        assert step.encode(loaded.graph, weights, version).content == bytes(loaded.step.content)
        write(loaded, tmp_path / "again.snnb")
        assert read(tmp_path / "again.snnb").step.content == read(GOLDEN[3]).step.content

    def test_any_zip_tool_reads_it(self, path):
        with zipfile.ZipFile(path) as file:
            assert tuple(file.namelist()) == MEMBERS
            assert file.testzip() is None
            for info in file.infolist():
                assert info.compress_type == zipfile.ZIP_STORED

    def test_members_are_aligned_and_weights_are_not_copied(self, path):
        content = path.read_bytes()
        start = np.frombuffer(content, np.uint8).ctypes.data
        for view in archive.unpack(content).values():
            assert (np.frombuffer(view, np.uint8).ctypes.data - start) % archive.ALIGNMENT == 0
        weight = decode(content).graph.nodes["conv1"].weight
        assert start < weight.ctypes.data < start + len(content)
        assert not weight.flags.writeable

    def test_safetensors_are_those_of_the_reference_package(self, path):
        reference = pytest.importorskip("safetensors.numpy")
        member = bytes(archive.unpack(path.read_bytes())["weights.safetensors"])
        theirs = reference.load(member)
        ours = safetensors.decode("weights", member)
        assert set(theirs) == set(ours)
        assert all(np.array_equal(theirs[k], ours[k]) and theirs[k].dtype == ours[k].dtype for k in ours)
        again = safetensors.decode("theirs", reference.save(theirs))
        assert all(np.array_equal(again[k], ours[k]) for k in ours)

    def test_step_onnx_runs_by_itself(self, path, tmp_path):
        """The unpacked step graph is an ONNX model whose weights are in the file beside it."""
        onnx = pytest.importorskip("onnx")
        onnxruntime = pytest.importorskip("onnxruntime")
        with zipfile.ZipFile(path) as file:
            file.extractall(tmp_path)
        onnx.checker.check_model(str(tmp_path / "step.onnx"), full_check=True)
        session = onnxruntime.InferenceSession(str(tmp_path / "step.onnx"), providers=["CPUExecutionProvider"])
        loaded = read(path)
        graph, golden = loaded.graph, loaded.golden
        state = {}
        for name in graph.spiking:
            node, shape = graph.nodes[name], graph.shapes[name]
            initial = node.v_init.reshape(-1, *(1,) * (len(shape) - 1))
            state[f"v:{name}"] = np.broadcast_to(initial, (2, *shape)).astype(np.float32)
        outputs = [output.name for output in session.get_outputs()]
        for t in range(golden.steps):
            values = session.run(None, {"input": golden.inputs.astype(np.float32), **state})
            current = dict(zip(outputs, values, strict=True))
            assert np.array_equal(current["logits"], golden.logits[t])
            for name in graph.spiking:
                assert np.array_equal(current[f"s:{name}"].reshape(2, -1) != 0, golden.spikes[name][t])
                state[f"v:{name}"] = current[f"v_next:{name}"]


class TestWriting:
    def test_a_full_disk_leaves_the_old_file(self, path, monkeypatch):
        before = path.read_bytes()

        def full(handle):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(SpikeletError, match=r"small\.snnb: could not .* on device\); free some space"):
            write(make(), path)
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
    def test_a_folder_that_cannot_be_written(self, tmp_path):
        with pytest.raises(SpikeletError, match=r"\(No such file or directory\); create the folder first$"):
            write(make(), tmp_path / "none" / "x.snnb")

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
    def test_a_kill_during_writing_leaves_the_old_file(self, path):
        before = path.read_bytes()
        script = (
            "import os, signal, sys; from pathlib import Path; from spikelet.files import atomic\n"
            "with atomic.replacing(Path(sys.argv[1])) as file:\n"
            "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert path.read_bytes() == before
        assert read(path).graph == small_graph()

    def test_an_error_inside_leaves_the_old_file(self, path):
        before = path.read_bytes()
        with pytest.raises(TypeError), atomic.replacing(path) as file:
            file.write("a string, where bytes are due")
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("name", ["a" * 255, "\u7f51" * 85])
    def test_the_longest_names_of_files_are_possible(self, tmp_path, name):
        """Linux permits 255 bytes."""
        with atomic.replacing(tmp_path / name) as file:
            file.write(b"new")
        assert (tmp_path / name).read_bytes() == b"new"
        assert len(list(tmp_path.iterdir())) == 1

    @pytest.mark.skipif(os.name != "posix", reason="Windows has no umask")
    @pytest.mark.parametrize(("private", "mode"), [(False, 0o640), (True, 0o600)])
    def test_the_umask_applies_and_is_not_changed_for_other_threads(self, tmp_path, monkeypatch, private, mode):
        (tmp_path / "a").touch(0o666)
        before = os.umask(0o027)
        try:
            with monkeypatch.context() as patch:
                patch.setattr(os, "umask", None)
                with atomic.replacing(tmp_path / "a", private) as file:
                    file.write(b"new")
        finally:
            os.umask(before)
        assert (tmp_path / "a").stat().st_mode & 0o777 == mode
        assert (tmp_path / "a").read_bytes() == b"new"

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
    def test_a_device_or_a_pipe_is_not_replaced(self, tmp_path):
        """A rename over /dev/null, which root may do, would break other programs."""
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(SpikeletError, match="pipe: is a device or a pipe; expected the name of a file"):
            write(make(), tmp_path / "pipe")
        assert (tmp_path / "pipe").is_fifo()
        assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]

    def test_no_file_is_written_if_one_of_several_cannot_be(self, tmp_path):
        """The name of the second is longer than file systems permit."""
        (tmp_path / "a.txt").write_text("old")
        for folder in (tmp_path, tmp_path / "new" / "deep"):
            with pytest.raises(SpikeletError, match="could not be written"):
                atomic.write_files(folder, {"a.txt": "new", "b" * 300: "new"})
        assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
        assert (tmp_path / "a.txt").read_text() == "old"
        atomic.write_files(tmp_path / "new" / "deep", {"a.txt": "text", "b.bin": b"\xff"})
        assert (tmp_path / "new" / "deep" / "b.bin").read_bytes() == b"\xff"

    def test_a_folder_whose_name_is_too_long(self, tmp_path):
        for folder in (tmp_path / ("b" * 300), tmp_path / "new" / ("b" * 300)):
            with pytest.raises(SpikeletError, match="the folder could not be created"):
                atomic.write_files(str(folder), {"a.txt": "text"})
        assert list(tmp_path.iterdir()) == []


class TestVerify:
    def test_a_planted_fault_is_detected_and_named(self, path):
        """One weight of the engine's network differs from that of the recorded network."""
        good = read(path)
        assert verify(good, "numpy").ok
        conv = good.graph.nodes["conv2"]
        weight = conv.weight.copy()
        weight[2, 1, 1, 1] += 40
        nodes = dict(good.graph.nodes) | {"conv2": replace(conv, weight=weight)}
        bad = verify(replace(good, graph=type(good.graph)(nodes, good.graph.edges)), "numpy")
        assert not bad.ok
        assert bad.differing_spikes > 0
        assert bad.first is not None
        assert bad.first.layer in ("if2", "if3")
        if bad.first.layer == "if2":
            assert bad.first.neuron[0] == 2

    def test_the_first_difference_is_the_earliest_one_of_all_layers(self):
        graph = small_graph()
        differing = {name: np.zeros((3, 2, graph.neurons(name)), np.bool_) for name in graph.spiking}
        assert first_divergence(graph, differing) is None
        differing["if1"][2, 0, 0] = differing["if2"][1, 1, 10] = differing["if3"][1, 0, 3] = True
        assert first_divergence(graph, differing) == Divergence(1, 2, "if2", (1, 0, 1))

    @pytest.mark.parametrize(("exact", "differing", "ok"), [(True, 1, False), (False, 9, True), (False, 11, False)])
    def test_one_differing_spike_is_too_many_in_exact_bundles_only(self, exact, differing, ok):
        """In float32 bundles it is one in 1,000 neuron steps."""
        assert Verification("numpy", 1, 4, 500, 10_000, differing, 0, None, exact).ok == ok
        assert not Verification("numpy", 1, 4, 500, 10_000, 0, 1, None, exact).ok

    def test_logits_of_a_float32_bundle_are_compared_up_to_its_first_differing_spike(self):
        good = make(exact=False)
        largest = np.abs(good.golden.logits).max()

        def changed(time, amount, flipped=None):
            logits = good.golden.logits.copy()
            logits[time, 0, 0] += amount * largest
            spikes = {name: value.copy() for name, value in good.golden.spikes.items()}
            if flipped is not None:
                spikes["if1"][flipped, 0, 0] ^= True
            return verify(replace(good, golden=Golden(good.golden.inputs, logits, spikes)), "numpy")

        assert changed(1, 0.9e-3).ok
        assert (changed(1, 1.2e-3).ok, changed(1, 1.2e-3).differing_logits) == (False, 1)
        assert not changed(1, np.nan).ok
        assert changed(1, 10, flipped=1).ok, "one spike of the same time-step explains it"
        assert changed(2, 10, flipped=1).ok
        assert not changed(1, 10, flipped=2).ok

    @pytest.mark.parametrize("engine", ["numpy", "onnx"])
    def test_counts_refer_to_the_compared_values(self, path, engine):
        loaded = verify(read(path), engine)
        neurons = 4 * 36 + 4 * 9 + 8
        assert (loaded.samples, loaded.steps, loaded.neuron_steps) == (2, 4, 2 * 4 * neurons)
        assert 0 < loaded.spikes < loaded.neuron_steps


def test_the_digest_is_of_the_file(path):
    assert spikelet.load(path).bundle.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert members.MEMBERS == MEMBERS


def test_a_file_may_change_in_place_while_it_is_in_use(tmp_path):
    """`cp` overwrites in place: a process that has mapped a file which becomes shorter is killed by SIGBUS.

    The bundle is large, since only large ones would be worth mapping.
    """
    net = Builder((1, 64, 64), np.random.default_rng(0), exact=False)
    net.add("flatten", Flatten())
    net.linear("fc", 300)
    net.neuron("if")
    path = tmp_path / "large.snnb"
    write(make(net.graph(3), exact=False), path)
    model = spikelet.load(path, engine="numpy")
    expected = verify(model.bundle, "numpy")
    content = path.read_bytes()
    assert len(content) > 2**22
    path.write_bytes(content[: 2**21][::-1])
    assert verify(model.bundle, "numpy") == expected
    assert expected.ok
