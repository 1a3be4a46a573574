"""keygen, sign, verify --key and doctor."""

import json
import subprocess

import pytest

from spikelet import cli, signing

pytest.importorskip("cryptography")


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
        report = json.loads(out)
        assert (code, report["ok"], report["signature"]["state"]) == (0, True, "trusted")
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

    def test_the_flag_applies_to_one_call(self, call):
        assert call("inspect small.snnb --require-signature")[0] == 1
        assert call("inspect small.snnb")[0] == 0

    def test_a_key_is_not_written_over(self, call):
        assert call("keygen release")[0] == 0
        code, _, err = call("keygen release")
        assert code == 2
        assert "release.key: already exists; keys are not overwritten" in err

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

    def test_files_that_are_no_bundles_are_not_signed(self, call, path):
        call("keygen release")
        path.write_bytes(b"hello")
        code, _, err = call("sign small.snnb --key release.key")
        assert code == 1
        assert "does not begin as a ZIP archive" in err
        assert not signing.signature_file(path).exists()

    def test_doctor_reports_an_invalid_policy(self, call, monkeypatch):
        report = call("doctor")[1]
        assert "signatures: not required (SPIKELET_TRUSTED_KEYS is not set)" in report
        assert "\nvgg9-cifar10.snnb: not signed (no vgg9-cifar10.snnb.sig)\n" in report
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
