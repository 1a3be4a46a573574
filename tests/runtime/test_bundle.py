"""The file format: round trips, golden bytes, and every way in which a file can be wrong."""

import errno
import hashlib
import io
import json
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
from networks import graphs, small_graph
from spikelet import atomic
from spikelet.bundle import Bundle, Manifest, archive, bundle, decode, read, safetensors, write
from spikelet.errors import BundleError, SpikeletError
from spikelet.ranges import exact_steps
from spikelet.verify import record_golden, verify

MEMBERS = ("manifest.json", "weights.safetensors", "step.onnx", "golden.safetensors", "card.md")


def make(graph=None, exact=True):
    graph = graph or small_graph(exact=exact)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *graph.input.shape)).astype(np.uint8)
    steps = exact_steps(graph) if exact else None
    manifest = Manifest("small", bits=4 if exact else None, exact_steps=steps, provenance={"seed": 1, "μ": "é"})
    return Bundle(graph, manifest, record_golden(graph, pixels, min(4, steps or 4)), "# small\n")


@pytest.fixture
def path(tmp_path):
    write(make(), tmp_path / "small.snnb")
    return tmp_path / "small.snnb"


def repacked(path, **changes):
    """The bytes of the bundle with members replaced (or, with None, removed), checks of the manifest not redone."""
    members = {name: bytes(data) for name, data in archive.unpack(path.read_bytes()).items()}
    for name, data in changes.items():
        name = name.replace("__", ".")
        if data is None:
            del members[name]
        else:
            members[name] = data
    return b"".join(archive.pack(members))


def with_manifest(path, change):
    """The bytes of the bundle with its manifest changed and everything else consistent."""
    manifest = json.loads(bytes(archive.unpack(path.read_bytes())["manifest.json"]))
    change(manifest)
    return repacked(path, manifest__json=json.dumps(manifest).encode())


def with_tensors(path, change):
    """The bytes of the bundle with its weights changed and the manifest's digest made to fit."""
    members = archive.unpack(path.read_bytes())
    tensors = dict(safetensors.decode("weights", members["weights.safetensors"]))
    change(tensors)
    data = safetensors.encode(tensors)

    def fit(manifest):
        manifest["members"]["weights.safetensors"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}

    manifest = json.loads(bytes(members["manifest.json"]))
    fit(manifest)
    return repacked(path, weights__safetensors=data, manifest__json=json.dumps(manifest).encode())


class TestRoundTrip:
    @settings(max_examples=40, deadline=None)
    @given(graph=graphs())
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

    def test_float32(self, tmp_path):
        write(make(exact=False), tmp_path / "float.snnb")
        found = read(tmp_path / "float.snnb")
        assert not found.graph.exact
        assert found.manifest.exact_steps is None
        assert verify(found, "onnx").ok

    def test_the_same_bundle_gives_the_same_bytes(self, path, tmp_path):
        write(make(), tmp_path / "again.snnb")
        assert path.read_bytes() == (tmp_path / "again.snnb").read_bytes()

    def test_the_format_has_not_moved(self, path):
        """Golden file: a reader of today must read what was written when format 1.0 was made."""
        golden = Path(__file__).with_name("golden-1.0.snnb")
        assert read(golden).graph == make().graph
        old, new = archive.unpack(golden.read_bytes()), archive.unpack(path.read_bytes())
        for member in MEMBERS[1:]:
            assert old[member] == new[member], "the bytes changed: raise the version, keep reading the old file"

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
        """Unpacked, the step graph and the weights beside it are a plain ONNX model."""
        onnx = pytest.importorskip("onnx")
        onnxruntime = pytest.importorskip("onnxruntime")
        with zipfile.ZipFile(path) as file:
            file.extractall(tmp_path)
        onnx.checker.check_model(str(tmp_path / "step.onnx"), full_check=True)
        session = onnxruntime.InferenceSession(str(tmp_path / "step.onnx"), providers=["CPUExecutionProvider"])
        found = read(path)
        graph, golden = found.graph, found.golden
        state = {}
        for name in graph.spiking:
            node, shape = graph.nodes[name], graph.shapes[name]
            initial = node.v_init.reshape(-1, *(1,) * (len(shape) - 1))
            state[f"v.{name}"] = np.broadcast_to(initial, (2, *shape)).astype(np.float32)
        outputs = [each.name for each in session.get_outputs()]
        for t in range(golden.steps):
            values = session.run(None, {"input": golden.inputs.astype(np.float32), **state})
            found_now = dict(zip(outputs, values, strict=True))
            assert np.array_equal(found_now["logits"], golden.logits[t])
            for name in graph.spiking:
                assert np.array_equal(found_now[f"s.{name}"].reshape(2, -1) != 0, golden.spikes[name][t])
                state[f"v.{name}"] = found_now[f"v_next.{name}"]


class TestDamage:
    def test_every_flipped_byte_is_noticed(self, path):
        content = bytearray(path.read_bytes())
        rng = np.random.default_rng(0)
        places = set(rng.integers(0, len(content), 400).tolist()) | set(range(64)) | {len(content) - 1}
        for place in places:
            content[place] ^= 1 << int(rng.integers(8))
            changed = bytes(content)
            content[:] = path.read_bytes()
            with pytest.raises(BundleError):
                decode(changed)

    @pytest.mark.parametrize("member", MEMBERS)
    def test_a_flipped_byte_names_its_member(self, path, member):
        content = bytearray(path.read_bytes())
        view = archive.unpack(path.read_bytes())[member]
        offset = bytes(content).index(bytes(view))
        content[offset + len(view) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(BundleError, match=rf"small\.snnb: member {member}: its bytes were changed"):
            read(path)

    @pytest.mark.parametrize("member", MEMBERS[1:])
    def test_a_member_swapped_with_its_checksum_is_still_noticed(self, path, member):
        view = bytearray(archive.unpack(path.read_bytes())[member])
        view[-1] ^= 1
        with pytest.raises(BundleError, match=f"{member}: its bytes were changed .sha256 differs"):
            decode(repacked(path, **{member.replace(".", "__"): bytes(view)}))

    @pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
    def test_truncated(self, path, share):
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(BundleError):
            read(path)

    def test_truncated_says_so(self, path):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(BundleError, match="it was cut off"):
            read(path)

    def test_not_there_or_not_a_bundle(self, tmp_path):
        with pytest.raises(BundleError, match=r"none\.snnb: cannot be read \(No such file or directory\)"):
            read(tmp_path / "none.snnb")
        with pytest.raises(BundleError, match="cannot be read"):
            read(tmp_path)
        (tmp_path / "text.snnb").write_text("hello")
        with pytest.raises(BundleError, match="not a bundle: the file does not begin as a ZIP archive"):
            read(tmp_path / "text.snnb")

    @pytest.mark.parametrize("member", MEMBERS)
    def test_missing_member(self, path, member):
        with pytest.raises(BundleError, match=f"{member} is missing"):
            decode(repacked(path, **{member.replace(".", "__"): None}))

    def test_extra_member(self, path):
        with pytest.raises(BundleError, match=r"readme\.txt is no member of a bundle"):
            decode(repacked(path, readme__txt=b"hello"))

    @pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b.json", "..\\x", "x", "Manifest.json", "ｍanifest.json"])
    def test_names_that_leave_the_archive(self, name):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr(name, "{}")
        with pytest.raises(BundleError, match="expected a plain lower-case file name, without folders"):
            decode(buffer.getvalue())
        with pytest.raises(BundleError, match="without folders"):
            archive.pack({name: b""})

    def test_repacked_by_another_tool(self, path):
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            buffer = io.BytesIO()
            with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", method) as new:
                for name in old.namelist():
                    new.writestr(name, old.read(name))
            with pytest.raises(BundleError, match="manifest.json: its header is not in the bundle's form"):
                decode(buffer.getvalue())

    def test_bytes_around_the_archive(self, path):
        content = path.read_bytes()
        with pytest.raises(BundleError, match="the archive's directory does not match its members"):
            decode(content + b"x")
        with pytest.raises(BundleError, match="does not begin as a ZIP"):
            decode(b"x" + content)

    def test_the_same_member_twice(self):
        parts = archive.pack({"card.md": b"one"})
        offset = len(parts[0]) + len(parts[1])
        entry = archive._Entry(b"card.md", 0, 0, offset)
        with pytest.raises(BundleError, match="member card.md: is in the archive twice"):
            archive.unpack(b"".join(parts[:2]) + archive._local(entry))


class TestManifest:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda m: m.update(format_version="2.0"), "format_version: '2.0'; this version of spikelet reads 1.x"),
            (lambda m: m.update(format_version="one"), "format_version: 'one'"),
            (lambda m: m.update(ir_version=2), "ir_version: 2; this version of spikelet knows 1"),
            (lambda m: m.pop("ir_version"), "manifest.json: ir_version is missing"),
            (lambda m: m.update(ir_version="1"), "ir_version: expected a whole number, found a string"),
            (lambda m: m.update(ir_version=True), "ir_version: expected a whole number, found true or false"),
            (lambda m: m.update(arithmetic="float32"), "arithmetic: says 'float32', the weights are not"),
            (lambda m: m.update(exact_steps=10**6), "exact_steps is 1000000, the weights allow"),
            (lambda m: m.update(labels=["a"]), "labels: expected 3, one a class, found 1"),
            (lambda m: m["members"].pop("card.md"), "manifest.json.members: card.md is missing"),
            (lambda m: m["members"]["card.md"].update(size=1), "card.md: 8 bytes, the manifest says 1"),
            (lambda m: m["graph"]["nodes"][1].update(kind="Conv3d"), "node 'conv1': unknown kind 'Conv3d'"),
            (lambda m: m["graph"]["nodes"][1].update(dilation=[2, 2]), "unknown key 'dilation'; known: name, kind"),
            (lambda m: m["graph"]["nodes"][1].pop("stride"), r"graph\.nodes\[1\]: stride is missing"),
            (lambda m: m["graph"]["nodes"][1].update(stride=[1.0, 1]), r"stride: expected whole numbers"),
            (lambda m: m["graph"]["nodes"][1].update(stride=[0, 1]), "node 'conv1': Conv2d.stride: expected a whole"),
            (lambda m: m["graph"]["nodes"][1].update(padding=[2**40, 1]), "node 'conv1': Conv2d.padding: expected"),
            (lambda m: m["graph"]["nodes"][1].update(padding=[2**27, 2**27]), "node conv1: Conv2d: .* has more than"),
            (lambda m: m["graph"]["nodes"][1].update(name="input"), "node 'input': stands there twice"),
            (lambda m: m["graph"]["nodes"][2].update(tie="=="), 'expected ">=" or ">", found \'==\''),
            (lambda m: m["graph"].update(edges=[["input"]]), r"graph\.edges\[0\]: expected \[from, to\]"),
            (lambda m: m["graph"]["edges"].append(["a", "b"]), "edge a -> b: there is no node a"),
            (lambda m: m["graph"]["nodes"].pop(), "is missing|there is no node|belongs to no node"),
            (lambda m: m["graph"]["nodes"][0].update(high=2**70), "expected whole numbers low < high within 16 bits"),
            (lambda m: m["graph"]["nodes"][2].update(reset="zero"), "step.onnx: is not the graph of the manifest"),
            (lambda m: m.update(graph=[]), "manifest.json.graph: expected an object, found a list"),
        ],
    )
    def test_what_it_says_has_to_fit(self, path, change, message):
        with pytest.raises(BundleError, match=message):
            decode(with_manifest(path, change))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"[]", "expected a JSON object, found list"),
            (b'{"a": 1, "a": 2}', "key 'a' stands twice"),
            (b'{"a": NaN}', "NaN is not a JSON number"),
            (b'{"a": 1e999}', "1e999 is too large"),
            (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
            (b"[" * 100_000, "not valid JSON"),
            (b'{"a": "\xff"}', "not valid JSON"),
            (b" " * (2**22 + 1), "bytes of JSON, expected at most"),
            (b"", "not valid JSON"),
        ],
    )
    def test_json_is_read_strictly(self, path, text, message):
        with pytest.raises(BundleError, match=message):
            decode(repacked(path, manifest__json=text))

    def test_a_newer_minor_version_is_read(self, path):
        found = decode(with_manifest(path, lambda m: m.update(format_version="1.7", news="yes")))
        assert found.graph == small_graph()

    def test_another_lowering_is_not_compared(self, path):
        """A later writer may lower the same network to other ONNX bytes; the engine lowers by itself."""
        found = decode(with_manifest(path, lambda m: m.update(lowering_version=99)))
        assert verify(found, "onnx").ok


class TestTensors:
    def test_missing_and_extra(self, path):
        with pytest.raises(BundleError, match=r"tensor conv1\.weight is missing"):
            decode(with_tensors(path, lambda t: t.pop("conv1.weight")))
        with pytest.raises(BundleError, match=r"tensor odd belongs to no node"):
            decode(with_tensors(path, lambda t: t.update(odd=np.zeros(1, np.int8))))

    def test_of_a_dtype_or_shape_that_does_not_fit(self, path):
        with pytest.raises(BundleError, match=r"Conv2d\.weight: expected an array of int8 .*, found float64"):
            decode(with_tensors(path, lambda t: t.update({"conv1.weight": np.zeros((4, 3, 3, 3))})))
        with pytest.raises(BundleError, match=r"Conv2d\.bias: expected 4 values, one for each of weight, found 3"):
            decode(with_tensors(path, lambda t: t.update({"conv1.bias": np.zeros(3, np.int32)})))

    def test_weights_that_are_not_exact(self, path):
        with pytest.raises(BundleError, match="beyond the exact range"):
            decode(with_tensors(path, lambda t: t.update({"conv1.bias": np.full(4, 2**30, np.int32)})))

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            ({"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}, "expected a dtype of U8"),
            ({"a": {"dtype": "I8", "shape": [4], "data_offsets": [1, 5]}}, "expected it to begin at 0"),
            ({"a": {"dtype": "I8", "shape": [9], "data_offsets": [0, 9]}}, "or reach outside"),
            (
                {"a": {"dtype": "I8", "shape": [3], "data_offsets": [0, 4]}},
                r"tensor a of \(3,\) needs 3 bytes, it has 4",
            ),
            ({"a": {"dtype": "I8", "shape": [-1], "data_offsets": [0, 4]}}, "are not lists of whole numbers"),
            ({"a": {"dtype": "I8", "shape": [2**40], "data_offsets": [0, 4]}}, "are not lists of whole numbers"),
            ({"a": {"dtype": "I8", "shape": [2**31] * 4, "data_offsets": [0, 4]}}, "it has 4"),
            ({"a": {"dtype": "I8", "shape": [2], "data_offsets": [0, 2]}}, "2 bytes at the end belong to no tensor"),
            ({"a": {"dtype": "I8", "shape": [4]}}, "expected dtype, shape and data_offsets"),
            ({"a": 3}, "expected dtype, shape and data_offsets"),
        ],
    )
    def test_safetensors_headers(self, header, message):
        text = json.dumps(header).encode()
        with pytest.raises(BundleError, match=message):
            safetensors.decode("w", len(text).to_bytes(8, "little") + text + bytes(4))

    def test_safetensors_lengths(self):
        for content in (b"", b"1234", (2**62).to_bytes(8, "little") + b"{}"):
            with pytest.raises(BundleError, match="announces a header of"):
                safetensors.decode("w", content)

    def test_golden_that_does_not_fit(self, path):
        members = archive.unpack(path.read_bytes())
        tensors = dict(safetensors.decode("golden", members["golden.safetensors"]))
        for key, value, message in (
            ("logits", tensors["logits"][:, :, :2], "logits: expected int32 of shape"),
            ("input", tensors["input"].astype(np.int32), "input: expected int16 of shape"),
            ("spikes.if1", tensors["spikes.if1"][:, :, :-1], "spikes.if1: expected uint8 of shape"),
            ("spikes.if9", tensors["spikes.if1"], "tensor spikes.if9 is unknown"),
        ):
            data = safetensors.encode(tensors | {key: value})
            manifest = json.loads(bytes(members["manifest.json"]))
            manifest["members"]["golden.safetensors"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            content = repacked(path, golden__safetensors=data, manifest__json=json.dumps(manifest).encode())
            with pytest.raises(BundleError, match=message):
                decode(content)


class TestWriting:
    def test_a_full_disk_leaves_the_old_file(self, path, monkeypatch):
        before = path.read_bytes()

        def full(handle):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(SpikeletError, match=r"small\.snnb: could not be written \(No space left on device\)"):
            write(make(), path)
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
    def test_a_folder_that_cannot_be_written(self, tmp_path):
        with pytest.raises(SpikeletError, match=r"could not be written \(No such file or directory\)"):
            write(make(), tmp_path / "none" / "x.snnb")

    def test_a_kill_during_writing_leaves_the_old_file(self, path):
        before = path.read_bytes()
        script = (
            "import os, signal, sys; from pathlib import Path; from spikelet import atomic\n"
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

    def test_of_several_files_none_is_written_where_one_cannot_be(self, tmp_path):
        """The name of the second is longer than any file system takes."""
        (tmp_path / "a.txt").write_text("old")
        for folder in (tmp_path, tmp_path / "new" / "deep"):
            with pytest.raises(SpikeletError, match="could not be written"):
                atomic.write_files(folder, {"a.txt": "new", "b" * 300: "new"})
        assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
        assert (tmp_path / "a.txt").read_text() == "old"
        atomic.write_files(tmp_path / "new" / "deep", {"a.txt": "text", "b.bin": b"\xff"})
        assert (tmp_path / "new" / "deep" / "b.bin").read_bytes() == b"\xff"


class TestVerify:
    def test_a_planted_fault_is_found_and_named(self, path):
        """One weight of the engine's network differs from the one that was recorded."""
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

    @pytest.mark.parametrize("engine", ["numpy", "onnx"])
    def test_counts_are_of_what_was_compared(self, path, engine):
        found = verify(read(path), engine)
        neurons = 4 * 36 + 4 * 9 + 8
        assert (found.samples, found.steps, found.neuron_steps) == (2, 4, 2 * 4 * neurons)
        assert 0 < found.spikes < found.neuron_steps


def test_the_digest_is_of_the_file(path):
    assert spikelet.load(path).bundle.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert bundle.MEMBERS == MEMBERS
