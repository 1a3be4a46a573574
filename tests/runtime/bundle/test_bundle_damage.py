"""A bundle that was cut, changed or re-packed is refused with the rule that it breaks."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest

from bundle_changes import MEMBERS, repacked, with_tensors
from spikelet.bundle import archive, decode, read, safetensors
from spikelet.errors import BundleError


class TestDamage:
    def test_every_flipped_byte_is_detected(self, path):
        content = bytearray(path.read_bytes())
        rng = np.random.default_rng(0)
        positions = set(rng.integers(0, len(content), 400).tolist()) | set(range(64)) | {len(content) - 1}
        for position in positions:
            content[position] ^= 1 << int(rng.integers(8))
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
    def test_a_member_swapped_with_its_checksum_is_detected(self, path, member):
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

    def test_a_truncated_file_is_reported_as_truncated(self, path):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(BundleError, match="it was cut off"):
            read(path)

    def test_missing_files_and_files_that_are_no_bundles(self, tmp_path):
        with pytest.raises(BundleError, match=r"none\.snnb: cannot be read \(No such file or directory\)"):
            read(tmp_path / "none.snnb")
        with pytest.raises(BundleError, match="is not a file; expected a bundle"):
            read(tmp_path)
        (tmp_path / "text.snnb").write_text("hello")
        with pytest.raises(BundleError, match="not a bundle: the file does not begin as a ZIP archive"):
            read(tmp_path / "text.snnb")

    @pytest.mark.parametrize("member", MEMBERS)
    def test_missing_member(self, path, member):
        with pytest.raises(BundleError, match=f"{member} is missing"):
            decode(repacked(path, **{member.replace(".", "__"): None}))

    def test_extra_member(self, path):
        with pytest.raises(BundleError, match=r"readme\.txt is not a member of a bundle"):
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
            with pytest.raises(BundleError, match="declares a header of"):
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
