"""States of a signature: trusted, unknown, invalid; a change of any byte is detected."""

from dataclasses import replace

import numpy as np
import pytest

from signed import make, sign
from spikelet import signing
from spikelet.bundle import archive, read
from spikelet.errors import SignatureError

pytest.importorskip("cryptography")


class TestStatus:
    def test_unsigned_trusted_unknown(self, path, key):
        public = signing.public_key(key)
        assert signing.status(path, [public]).state == "unsigned"
        sign(path, key)
        result = signing.status(path, [signing.public_key(signing.new_key()), replace(public, name="mine")])
        assert (result.state, result.key) == ("trusted", public.id)
        assert result.detail == f"signed by {public.id} (mine), a trusted key"
        result = signing.status(path)
        assert (result.state, result.key) == ("unknown key", public.id)
        assert "which is not among the trusted keys" in result.detail

    def test_any_changed_byte(self, path, key):
        sign(path, key)
        content = path.read_bytes()
        rng = np.random.default_rng(0)
        for position in [0, len(content) - 1, *rng.integers(0, len(content), 200).tolist()]:
            changed = bytearray(content)
            changed[position] ^= 1 << int(rng.integers(8))
            path.write_bytes(changed)
            result = signing.status(path, [signing.public_key(key)])
            assert result.state == "invalid"
            assert "was made for other bytes than those of small.snnb" in result.detail
        for other in (content + b"\0", content[:-1], b""):
            path.write_bytes(other)
            assert signing.status(path, [signing.public_key(key)]).state == "invalid"

    def test_any_changed_byte_of_the_signature(self, path, key):
        sign(path, key)
        file = signing.signature_file(path)
        content = file.read_bytes()
        for position in range(len(content)):
            changed = bytearray(content)
            changed[position] ^= 1 << position % 7
            file.write_bytes(changed)
            assert signing.status(path, [signing.public_key(key)]).state in ("invalid", "unknown key"), position

    def test_a_replayed_signature_of_another_bundle(self, path, key, tmp_path):
        other = make(tmp_path / "other.snnb", seed=1)
        sign(other, key)
        replayed = signing.signature_file(other).read_bytes()
        signing.signature_file(path).write_bytes(replayed)
        assert signing.status(path, [signing.public_key(key)]).state == "invalid"
        # the digest is corrected, so that only the signature is wrong
        digest = read(path).digest, read(other).digest
        signing.signature_file(path).write_bytes(replayed.replace(digest[1].encode(), digest[0].encode()))
        result = signing.status(path, [signing.public_key(key)])
        assert result.state == "invalid"
        assert f"the signature of key {signing.public_key(key).id} is wrong" in result.detail

    def test_a_member_swapped_between_signed_bundles(self, path, key, tmp_path):
        other = make(tmp_path / "other.snnb", seed=1)
        sign(path, key)
        sign(other, key)
        members = {name: bytes(data) for name, data in archive.unpack(path.read_bytes()).items()}
        members["weights.safetensors"] = bytes(archive.unpack(other.read_bytes())["weights.safetensors"])
        path.write_bytes(b"".join(archive.pack(members)))
        assert signing.status(path, [signing.public_key(key)]).state == "invalid"

    def test_a_signature_made_for_something_else(self, path, key):
        """A signature of the digest without the prefix, made by another tool with the same key, is invalid."""
        digest = bytes.fromhex(read(path).digest)
        sign(path, key)
        file = signing.signature_file(path)
        lines = file.read_text().split("\n")
        import base64

        algorithm, public, _ = lines[2].split()
        lines[2] = f"{algorithm} {public} {base64.b64encode(key.sign(digest)).decode()}"
        file.write_text("\n".join(lines))
        assert signing.status(path, [signing.public_key(key)]).state == "invalid"

    @pytest.mark.parametrize(
        "content", [b"", b"\xff" * 100, b"spikelet-signature 2\n", b"spikelet-signature 1\n" * 3, b"x" * 20_000]
    )
    def test_no_signature_file(self, path, key, content):
        signing.signature_file(path).write_bytes(content)
        assert signing.status(path, [signing.public_key(key)]).state == "invalid"
        with pytest.raises(SignatureError):
            read(path, signing.Policy((signing.public_key(key),), required=True))

    def test_of_no_file(self, tmp_path):
        assert signing.status(tmp_path / "none.snnb").state == "invalid"
