"""Trusted bundles run, others are refused before they are parsed, and no policy fails open."""

import subprocess
import sys

import numpy as np
import pytest

import spikelet
from networks import small_graph
from signed import make, sign, trust
from spikelet import signing
from spikelet.bundle import read, reader
from spikelet.errors import BundleError, MissingDependency, SignatureError

pytest.importorskip("cryptography")


class TestPolicy:
    def test_without_one_nothing_changes(self, path):
        assert spikelet.load(path).graph == small_graph()

    def test_trusted_keys_make_a_signature_a_must(self, path, key, tmp_path, monkeypatch):
        trust(monkeypatch, tmp_path / "keys", release=key)
        with pytest.raises(
            SignatureError,
            match=r"small\.snnb: a signature of a trusted key is required: not signed \(no small\.snnb\.sig\)",
        ):
            spikelet.load(path)
        sign(path, signing.new_key())
        with pytest.raises(SignatureError, match="which is not among the trusted keys"):
            spikelet.load(path)
        sign(path, key)
        assert spikelet.load(path).run(np.zeros((3, 6, 6), np.uint8), steps=2).logits.shape == (2, 1, 3)

    def test_it_is_enforced_before_anything_is_parsed(self, path, key, tmp_path, monkeypatch):
        trust(monkeypatch, tmp_path / "keys", release=key)
        monkeypatch.setattr(reader, "decode", lambda content: pytest.fail("was parsed"))
        with pytest.raises(SignatureError):
            read(path)
        path.write_bytes(b"no bundle at all")
        with pytest.raises(SignatureError, match="a signature of a trusted key is required"):
            read(path)

    def test_the_checked_bytes_are_the_ones_that_run(self, path, key, tmp_path, monkeypatch):
        """The file is overwritten in place after it was read: the network in memory is still the signed one."""
        trust(monkeypatch, tmp_path / "keys", release=key)
        sign(path, key)
        loaded = read(path)
        path.write_bytes(make(tmp_path / "other.snnb", seed=1).read_bytes())
        assert loaded.graph == small_graph()

    def test_rotation(self, path, key, tmp_path, monkeypatch):
        """With the old key, both keys and the new key, a device always has a bundle that it accepts."""
        new = signing.new_key()
        trust(monkeypatch, tmp_path / "old", old=key)
        sign(path, key)
        sign(path, new)
        assert len(signing.signature_file(path).read_text().splitlines()) == 4
        for folder in ("old", "both", "new"):
            keys = {"old": {"old": key}, "both": {"old": key, "new": new}, "new": {"new": new}}[folder]
            trust(monkeypatch, tmp_path / folder, **keys)
            assert spikelet.load(path).graph == small_graph()
        sign(path, new)
        assert len(signing.signature_file(path).read_text().splitlines()) == 4, "the same key signs once"

    def test_signatures_of_the_file_before_are_not_carried_on(self, path, key):
        sign(path, key)
        make(path, seed=1)
        sign(path, signing.new_key())
        assert signing.status(path, [signing.public_key(key)]).state == "unknown key"

    @pytest.mark.parametrize("value", ["", "none.pub", "empty"])
    def test_it_never_fails_open(self, path, key, tmp_path, monkeypatch, value):
        sign(path, key)
        (tmp_path / "empty").mkdir()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv(signing.TRUSTED_KEYS, value)
        with pytest.raises(SignatureError, match="no key is trusted|cannot be read|there is no public key") as caught:
            spikelet.load(path)
        assert signing.TRUSTED_KEYS in str(caught.value)

    def test_required_without_keys(self, path, key, monkeypatch):
        sign(path, key)
        monkeypatch.setenv(signing.REQUIRE, "1")
        with pytest.raises(SignatureError, match="a signature is required, and no key is trusted"):
            spikelet.load(path)

    @pytest.mark.parametrize("named", [True, False])
    def test_without_the_package_it_refuses(self, path, key, tmp_path, monkeypatch, named):
        trust(monkeypatch, tmp_path / "keys", release=key)
        sign(path, key)
        if not named:
            monkeypatch.delenv(signing.TRUSTED_KEYS)
            monkeypatch.setenv(signing.REQUIRE, "1")
        trusted = (signing.public_key(key),)
        monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
        with pytest.raises((MissingDependency, SignatureError), match=r"spikelet\[sign\]|no key is trusted"):
            spikelet.load(path)
        assert signing.status(path, trusted).state == "unchecked"
        with pytest.raises(SignatureError, match=r"cryptography is not installed: pip install \"spikelet\[sign\]\""):
            read(path, signing.Policy(trusted, required=True))

    def test_invalid_keys_are_refused(self, tmp_path):
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric import ec

        other = ec.generate_private_key(ec.SECP256R1())
        pem = form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo
        (tmp_path / "other.pub").write_bytes(other.public_key().public_bytes(*pem))
        with pytest.raises(SignatureError, match=r"other\.pub: not an Ed25519 public key"):
            signing.read_public_key(tmp_path / "other.pub")
        (tmp_path / "text.pub").write_text("hello")
        with pytest.raises(SignatureError, match=r"text\.pub: not a public key in PEM"):
            signing.read_public_key(tmp_path / "text.pub")
        with pytest.raises(SignatureError, match=r"text\.pub: not a private key that can be opened"):
            signing.read_private_key(tmp_path / "text.pub")
        with pytest.raises(SignatureError, match=r"none\.pub: cannot be read \(No such file or directory\)"):
            signing.read_public_key(tmp_path / "none.pub")


def test_a_policy_is_part_of_reading_from_every_side(path, monkeypatch):
    """The command line, the session and a separate process apply the same policy."""
    monkeypatch.setenv(signing.REQUIRE, "1")
    done = subprocess.run(
        [sys.executable, "-m", "spikelet.benchmark", str(path), "numpy", "0"], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "a signature is required" in done.stderr
    with pytest.raises(BundleError):
        spikelet.load(path)
