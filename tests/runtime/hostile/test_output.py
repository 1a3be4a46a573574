"""Manifests with false or malicious free entries: commands display them safely."""

import numpy as np
import pytest

from hostile.bundles import put_together
from spikelet import cli
from spikelet.bundle import decode
from spikelet.errors import BundleError

LIES = [
    None,
    True,
    -1,
    10**39,
    1e308,
    "x",
    "",
    [],
    {},
    [[]],
    [{}],
    {"accuracy": "x"},
    [None],
    [1, "x"],
    {"layers": 3},
]


class TestOutput:
    """Valid manifests with false statements: no command ends in a stack trace or writes control characters."""

    @pytest.mark.parametrize("key", ["provenance", "results", "conversion", "producer"])
    def test_free_entries(self, members, key, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        rng = np.random.default_rng(0)
        np.savez(
            tmp_path / "data.npz", images=rng.integers(0, 256, (4, 3, 6, 6)).astype(np.uint8), labels=np.arange(4) % 3
        )
        from spikelet.data import read as read_data

        digest = read_data(tmp_path / "data.npz", "test", (3, 6, 6)).digest
        values = list(LIES)
        known = [
            "data",
            "images",
            "steps",
            "float_accuracy",
            "accuracy",
            "accuracy_before_quantisation",
            "agreement_with_float",
        ]
        if key == "results":
            values += [
                [{"digest": digest, "data": "d", "images": 4, "accuracy": [0.5], "float_accuracy": 0.5} | {name: lie}]
                for name in known
                for lie in LIES
            ]
        if key == "conversion":
            values += [{"layers": [{"layer": "if1", "by_step": lie}]} for lie in LIES]
            values += [{"layers": [lie]} for lie in LIES]
            values += [
                {"layers": [{"layer": "if1", "neurons": 1, "activation": lie, "by_step": [{"steps": lie}]}]}
                for lie in LIES
            ]
        for index, value in enumerate(values[:: 1 if len(values) < 40 else 3]):
            content = put_together(members, **{key: value})
            try:
                decode(content)
            except BundleError:
                continue
            (tmp_path / "x.snnb").write_bytes(content)
            for line in ("inspect x.snnb", "inspect x.snnb --json", "run x.snnb data.npz --steps 1 --engine numpy"):
                assert cli.main(line.split()) in (0, 1), (value, line)
            if index % 6 == 0:  # a page takes longer
                line = "report x.snnb data.npz --steps 2 --engine numpy --no-latency -o x.html --profile cmos45-int8"
                assert cli.main(line.split()) in (0, 1), value
            out = capsys.readouterr()
            assert "Traceback" not in out.err
            assert "\x1b" not in out.out + out.err
