"""Malicious archives: names, duplicates, overlaps, links, bombs, differing headers; and the corpus."""

import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hostile.bundles import OPERATIONS, cost, loosely_packed
from spikelet.bundle import archive, decode, read, reader
from spikelet.errors import BundleError

TESTS = Path(__file__).resolve().parents[2]
CORPUS = sorted((TESTS / "corpus").iterdir())


class TestZip:
    def test_names(self, members):
        odd = ["../x", "/etc/passwd", "C:\\x", "..\\x", "a/b", "manifest.json/", "ｍanifest.json", "mаnifest.json", "MANIFEST.JSON",
               "manifest.json\0.txt", "manifest.json ", "manifest.json.", "", ".", "con", "x" * 300, "card\u202e.md", "manifest.jsоn"]  # fmt: skip
        for name in odd:
            with pytest.raises(BundleError, match="without folders"):
                decode(loosely_packed([(name, b"{}"), *members.items()]))

    def test_twice_or_in_another_order(self, members):
        with pytest.raises(BundleError, match="card.md: is in the archive twice"):
            decode(loosely_packed([*members.items(), ("card.md", b"other")]))
        with pytest.raises(BundleError, match="its members are not in the order"):
            decode(loosely_packed(list(members.items())[::-1]))
        with pytest.raises(BundleError, match="expected at most 32 members"):
            decode(loosely_packed([(f"a{i}.txt", b"") for i in range(40)]))

    @pytest.mark.parametrize("trick", ["symlink", "deflated", "bomb", "comment", "flag", "zip64", "date", "folder"])
    def test_archives_of_other_tools_are_refused(self, members, trick):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
            for name, data in members.items():
                info = zipfile.ZipInfo(name)
                if trick == "symlink":
                    info.external_attr, data = 0o120777 << 16, b"/etc/passwd"
                elif trick in ("deflated", "bomb"):
                    info.compress_type = zipfile.ZIP_DEFLATED
                    data = bytes(10**7) if trick == "bomb" else data
                elif trick == "folder":
                    info = zipfile.ZipInfo(f"{name}/")
                elif trick == "comment":
                    info.comment = b"hello"
                elif trick == "date":
                    info.date_time = (2024, 1, 1, 0, 0, 0)
                with file.open(info, "w", force_zip64=trick == "zip64") as out:
                    out.write(b"" if trick == "folder" else data)
            if trick == "flag":
                file.comment = b"hello"
        error, peak, operations = cost(buffer.getvalue())
        assert error is not None
        assert peak < 2**20, "nothing was unpacked"
        assert operations < OPERATIONS

    def test_members_that_overlap(self, members):
        """Two entries with the same bytes, which the layout does not permit."""
        content = bytearray(b"".join(archive.pack(members)))
        end = content.index(b"PK\x01\x02")
        first = archive._Entry(b"card.md", 0, end, 0)
        content[: len(archive._local(first))] = archive._local(first)
        with pytest.raises(BundleError):
            decode(bytes(content))

    def test_local_and_central_headers_that_differ(self, members):
        content = b"".join(archive.pack(members))
        start = content.index(b"PK\x01\x02")
        for position in range(start, len(content)):
            changed = bytearray(content)
            changed[position] ^= 1
            with pytest.raises(BundleError, match="directory does not match"):
                decode(bytes(changed))

    def test_arrays_of_numpy_are_not_called_cut_off(self, tmp_path):
        np.savez(tmp_path / "images.npz", images=np.zeros(3))
        with pytest.raises(BundleError, match="another kind of ZIP file"):
            read(tmp_path / "images.npz")

    def test_zip64_is_detected_by_its_extra_field_too(self, tmp_path):
        """Some versions of Python write a ZIP64 field together with the size and version 2.0."""
        np.savez(tmp_path / "images.npz", images=np.zeros(3))
        content = bytearray((tmp_path / "images.npz").read_bytes())
        struct.pack_into("<H", content, 4, 20)
        struct.pack_into("<II", content, 18, len(content), len(content))
        (tmp_path / "other.npz").write_bytes(content)
        with pytest.raises(BundleError, match="another kind of ZIP file"):
            read(tmp_path / "other.npz")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs the files of POSIX")
    def test_what_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.snnb")
        for path in (tmp_path / "pipe.snnb", tmp_path, Path("/dev/zero"), Path("/dev/null")):
            with pytest.raises(BundleError, match="is not a file; expected a bundle"):
                read(path)
        (tmp_path / "empty.snnb").touch()
        with pytest.raises(BundleError, match=r"is empty"):
            read(tmp_path / "empty.snnb")
        (tmp_path / "sparse.snnb").touch()
        os.truncate(tmp_path / "sparse.snnb", reader.MAX_FILE + 1)
        with pytest.raises(BundleError, match=r"expected at most 2 GiB, found 2,147,483,649 bytes"):
            read(tmp_path / "sparse.snnb")


def test_the_corpus_is_refused_or_read():
    """Files that a previous version handled wrongly, or examples of a kind of attack."""
    assert len(CORPUS) >= 20
    for path in CORPUS:
        expected = "read" if path.name.startswith("good-") else "refused"
        try:
            decode(path.read_bytes())
            actual = "read"
        except BundleError:
            actual = "refused"
        assert actual == expected, path.name
