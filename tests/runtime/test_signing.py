"""Signatures: what is trusted runs, whatever else is refused before it is parsed, and no policy fails open."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import spikelet
from networks import small_graph
from spikelet import cli, signing
from spikelet.bundle import Bundle, Manifest, archive, bundle, read, write
from spikelet.errors import BundleError, MissingDependency, SignatureError
from spikelet.ranges import exact_steps
from spikelet.verify import record_golden

pytest.importorskip("cryptography")


def make(path, seed=0):
    graph = small_graph(seed)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *graph.input.shape)).astype(np.uint8)
    manifest = Manifest("small", bits=4, exact_steps=exact_steps(graph))
    write(Bundle(graph, manifest, record_golden(graph, pixels, 4), "# small\n"), path)
    return path


@pytest.fixture(autouse=True)
def no_policy(monkeypatch):
    for name in (signing.TRUSTED_KEYS, signing.REQUIRE, "SPIKELET_KEY_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path):
    return make(tmp_path / "small.snnb")


@pytest.fixture
def key():
    return signing.new_key()


def sign(path, key):
    signing.signature_file(path).write_bytes(signing.sign(path, key))


def trust(monkeypatch, folder, **keys):
    folder.mkdir(exist_ok=True)
    for name, key in keys.items():
        (folder / f"{name}.pub").write_bytes(signing.encode_public(signing.public_key(key)))
    monkeypatch.setenv(signing.TRUSTED_KEYS, str(folder))


class TestStatus:
    def test_unsigned_trusted_unknown(self, path, key):
        public = signing.public_key(key)
        assert signing.status(path, [public]).state == "unsigned"
        sign(path, key)
        found = signing.status(path, [signing.public_key(signing.new_key()), replace(public, name="mine")])
        assert (found.state, found.key) == ("trusted", public.id)
        assert found.detail == f"signed by {public.id} (mine), a trusted key"
        found = signing.status(path)
        assert (found.state, found.key) == ("unknown key", public.id)
        assert "which is not among the trusted keys" in found.detail

    def test_any_changed_byte(self, path, key):
        sign(path, key)
        content = path.read_bytes()
        rng = np.random.default_rng(0)
        for place in [0, len(content) - 1, *rng.integers(0, len(content), 200).tolist()]:
            changed = bytearray(content)
            changed[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(changed)
            found = signing.status(path, [signing.public_key(key)])
            assert found.state == "invalid"
            assert "was made for other bytes than those of small.snnb" in found.detail
        for other in (content + b"\0", content[:-1], b""):
            path.write_bytes(other)
            assert signing.status(path, [signing.public_key(key)]).state == "invalid"

    def test_any_changed_byte_of_the_signature(self, path, key):
        sign(path, key)
        file = signing.signature_file(path)
        content = file.read_bytes()
        for place in range(len(content)):
            changed = bytearray(content)
            changed[place] ^= 1 << place % 7
            file.write_bytes(changed)
            assert signing.status(path, [signing.public_key(key)]).state in ("invalid", "unknown key"), place

    def test_a_replayed_signature_of_another_bundle(self, path, key, tmp_path):
        other = make(tmp_path / "other.snnb", seed=1)
        sign(other, key)
        replayed = signing.signature_file(other).read_bytes()
        signing.signature_file(path).write_bytes(replayed)
        assert signing.status(path, [signing.public_key(key)]).state == "invalid"
        # with the digest put right, the signature itself is what is wrong
        digest = read(path).digest, read(other).digest
        signing.signature_file(path).write_bytes(replayed.replace(digest[1].encode(), digest[0].encode()))
        found = signing.status(path, [signing.public_key(key)])
        assert found.state == "invalid"
        assert f"the signature of key {signing.public_key(key).id} is wrong" in found.detail

    def test_a_member_swapped_between_signed_bundles(self, path, key, tmp_path):
        other = make(tmp_path / "other.snnb", seed=1)
        sign(path, key)
        sign(other, key)
        members = {name: bytes(data) for name, data in archive.unpack(path.read_bytes()).items()}
        members["weights.safetensors"] = bytes(archive.unpack(other.read_bytes())["weights.safetensors"])
        path.write_bytes(b"".join(archive.pack(members)))
        assert signing.status(path, [signing.public_key(key)]).state == "invalid"

    def test_a_signature_made_for_something_else(self, path, key):
        """The prefix keeps a signature of the bare digest, made by another tool with the same key, from fitting."""
        digest = bytes.fromhex(read(path).digest)
        sign(path, key)
        file = signing.signature_file(path)
        lines = file.read_text().split("\n")
        import base64

        word, public, _ = lines[2].split()
        lines[2] = f"{word} {public} {base64.b64encode(key.sign(digest)).decode()}"
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


class TestPolicy:
    def test_without_one_nothing_changes(self, path):
        assert spikelet.load(path).graph == small_graph()

    def test_trusted_keys_make_a_signature_a_must(self, path, key, tmp_path, monkeypatch):
        trust(monkeypatch, tmp_path / "keys", release=key)
        with pytest.raises(SignatureError, match=r"small\.snnb: a signature of a trusted key is required: .* no sig"):
            spikelet.load(path)
        sign(path, signing.new_key())
        with pytest.raises(SignatureError, match="which is not among the trusted keys"):
            spikelet.load(path)
        sign(path, key)
        assert spikelet.load(path).run(np.zeros((3, 6, 6), np.uint8), steps=2).logits.shape == (2, 1, 3)

    def test_it_is_enforced_before_anything_is_parsed(self, path, key, tmp_path, monkeypatch):
        trust(monkeypatch, tmp_path / "keys", release=key)
        monkeypatch.setattr(bundle, "decode", lambda content: pytest.fail("was parsed"))
        with pytest.raises(SignatureError):
            read(path)
        path.write_bytes(b"no bundle at all")
        with pytest.raises(SignatureError, match="a signature of a trusted key is required"):
            read(path)

    def test_what_was_checked_is_what_runs(self, path, key, tmp_path, monkeypatch):
        """The file is written over in place after it was read: the network in memory stays what was signed."""
        trust(monkeypatch, tmp_path / "keys", release=key)
        sign(path, key)
        found = read(path)
        path.write_bytes(make(tmp_path / "other.snnb", seed=1).read_bytes())
        assert found.graph == small_graph()

    def test_rotation(self, path, key, tmp_path, monkeypatch):
        """Old key, both, new key: at no time is a device without a bundle that it accepts."""
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
        monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
        with pytest.raises((MissingDependency, SignatureError), match=r"spikelet\[sign\]|no key is trusted"):
            spikelet.load(path)
        assert signing.status(path, [signing.public_key(key)]).state == "unchecked"
        public = (signing.public_key(key),)
        with pytest.raises(SignatureError, match=r"cryptography is not installed: pip install \"spikelet\[sign\]\""):
            read(path, signing.Policy(public, required=True))

    def test_what_is_no_key(self, tmp_path):
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


class TestCommands:
    @pytest.fixture
    def call(self, path, capsys, monkeypatch):
        monkeypatch.chdir(path.parent)

        def run(line):
            code = cli.main(line.split())
            out = capsys.readouterr()
            return code, out.out, out.err

        return run

    def test_the_whole_way(self, call, path, monkeypatch):
        code, out, _ = call("keygen release --json")
        assert code == 0
        identity = json.loads(out)["id"]
        assert (path.parent / "release.key").stat().st_mode & 0o777 == 0o600
        assert call("inspect small.snnb --require-signature")[0] == 1
        code, out, _ = call("sign small.snnb --key release.key --json")
        assert (code, json.loads(out)["key"]) == (0, identity)
        code, out, _ = call("verify small.snnb --key release.pub --engine numpy --json")
        found = json.loads(out)
        assert (code, found["ok"], found["signature"]["state"]) == (0, True, "trusted")
        code, _, err = call("inspect small.snnb --require-signature")
        assert code == 1
        assert "a signature is required, and no key is trusted; name public keys in SPIKELET_TRUSTED_KEYS" in err
        monkeypatch.setenv(signing.TRUSTED_KEYS, "release.pub")
        assert call("inspect small.snnb --require-signature")[0] == 0
        assert f"required; trusted: {identity} (release)" in call("doctor")[1]
        call("keygen other")
        code, _, err = call("verify small.snnb --key other.pub")
        assert code == 1
        assert "which is not among the trusted keys" in err
        path.write_bytes(path.read_bytes()[:-1])
        code, _, err = call("verify small.snnb --key release.pub")
        assert code == 1
        assert "was made for other bytes" in err
        assert "Traceback" not in err

    def test_the_flag_holds_for_one_call(self, call):
        assert call("inspect small.snnb --require-signature")[0] == 1
        assert call("inspect small.snnb")[0] == 0

    def test_a_key_is_not_written_over(self, call):
        assert call("keygen release")[0] == 0
        code, _, err = call("keygen release")
        assert code == 2
        assert "release.key: is there already; a key is not written over" in err

    def test_a_locked_key(self, call, path, monkeypatch):
        code, _, err = call("keygen locked --password")
        assert code == 2
        assert "a password is needed; type it, or set SPIKELET_KEY_PASSWORD" in err
        monkeypatch.setenv("SPIKELET_KEY_PASSWORD", "right")
        assert call("keygen locked --password")[0] == 0
        assert b"ENCRYPTED" in (path.parent / "locked.key").read_bytes()
        assert call("sign small.snnb --key locked.key")[0] == 0
        monkeypatch.setenv("SPIKELET_KEY_PASSWORD", "wrong")
        code, _, err = call("sign small.snnb --key locked.key")
        assert code == 1
        assert "locked.key: not a private key that can be opened" in err

    def test_what_is_no_bundle_is_not_signed(self, call, path):
        call("keygen release")
        path.write_bytes(b"hello")
        code, _, err = call("sign small.snnb --key release.key")
        assert code == 1
        assert "does not begin as a ZIP archive" in err
        assert not signing.signature_file(path).exists()

    def test_doctor_says_what_a_broken_policy_does(self, call, monkeypatch):
        assert "signatures: not required (SPIKELET_TRUSTED_KEYS is not set)" in call("doctor")[1]
        monkeypatch.setenv(signing.TRUSTED_KEYS, "none.pub")
        code, out, _ = call("doctor")
        assert code == 0
        assert "none.pub: cannot be read (No such file or directory); every bundle is refused" in out

    def test_openssl_reads_the_keys(self, call, path):
        try:
            subprocess.run(["openssl", "version"], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("openssl is not here")
        call("keygen release")
        done = subprocess.run(
            ["openssl", "pkey", "-in", "release.key", "-pubout"], cwd=path.parent, capture_output=True, check=True
        )
        assert done.stdout == (path.parent / "release.pub").read_bytes()


def test_a_policy_is_part_of_reading_from_every_side(path, monkeypatch):
    """The command line, the session and a process of its own all ask the same policy."""
    monkeypatch.setenv(signing.REQUIRE, "1")
    done = subprocess.run(
        [sys.executable, "-m", "spikelet.benchmark", str(path), "numpy", "0"], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "a signature is required" in done.stderr
    with pytest.raises(BundleError):
        spikelet.load(path)
