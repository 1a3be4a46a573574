"""Files that are decoded as a whole are measured before they are read."""

import pytest

from spikelet import cli
from spikelet.limits import in_environment


@pytest.mark.parametrize("name", ["a.onnx", "a.safetensors", "a.pth"])
def test_a_file_that_is_larger_than_the_limit_of_memory(tmp_path, monkeypatch, capsys, name):
    """The message names it, and not the network whose weights it has."""
    monkeypatch.chdir(tmp_path)
    with open(name, "wb") as file:
        file.truncate(2**40)  # takes no space on the disk
    (tmp_path / "net.py").write_text("from torch import nn\nnet = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))")
    line = ["convert", name, "-o", "a.snnb", "--input", "1x2x2"]
    if name != "a.onnx":
        line[1:2] = ["net.py:net", "--weights", name]
    with in_environment(2**30, None):
        assert cli.main(line) == 1
    message = f"spikelet convert: {name}: needs up to 1 TiB of memory; the limit is at most 1 GiB; raise the limit"
    assert capsys.readouterr().err.startswith(message)
