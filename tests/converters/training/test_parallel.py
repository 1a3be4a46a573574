"""Two processes train the same network as one: same batches, averaged gradients."""

import json

import numpy as np
import pytest
import torch

import torch_processes
from spikelet import cli
from spikelet.data import ImageSet, arrays
from spikelet.errors import UsageError
from spikelet_converters.training.checkpoint import load_checkpoint
from spikelet_converters.training.parallel import ALONE, Workers, choose_device, connect

TRAIN = (
    "train --data colours.npz --model vgg5 --recipe qcfs --residual exact --time-steps 1 2 --freeze-norm --epochs 1 "
    "--batch 16 --learning-rate 0.05 --lambda-init 1 --seed 3"
)
# torchrun, whose workers are forked: a new process for each would load torch again.
TORCHRUN = """
import sys
from torch.distributed import run
from spikelet import cli

def command(unbuffered, module, name, *arguments):
    assert (module, name) == ("-m", "spikelet")
    code = cli.main(list(arguments))
    if code:
        sys.exit(code)

def launch(config, entrypoint):
    config.start_method = "fork"
    return launched(config, command)

launched, run.elastic_launch = run.elastic_launch, launch
run.main(sys.argv[1:])
"""


def test_a_worker_takes_its_rows():
    batch = torch.arange(7)
    assert [Workers(rank, 3).part(batch).tolist() for rank in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert ALONE.part(batch).tolist() == batch.tolist()
    with pytest.raises(UsageError, match="a batch of 2 is too small for 3 workers"):
        Workers(0, 3).part(torch.arange(2))


def test_without_torchrun_there_is_one_worker(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert connect("cpu") == ALONE


def test_devices():
    assert choose_device("cpu") == "cpu"
    if not torch.cuda.is_available():
        assert choose_device("auto") == "cpu"
        with pytest.raises(UsageError, match="device cuda: torch finds no GPU here; use --device cpu"):
            choose_device("cuda")


def test_two_workers_train_the_network_that_one_trains(tmp_path, monkeypatch):
    """With frozen batch norm, whose statistics would otherwise depend on the part of a worker."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    images = rng.integers(0, 100, (90, 3, 8, 8))
    images[np.arange(90), labels] += 120
    arrays.write(tmp_path / "colours.npz", ImageSet(images.astype(np.uint8), labels, None, "colours"))
    monkeypatch.chdir(tmp_path)
    assert cli.main([*TRAIN.split(), "--out", "one"]) == 0
    # --local-addr: the name of this machine may have no address
    processes = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2"]
    command = ["-m", "spikelet", *TRAIN.split(), "--out", "two", "--json"]
    two = torch_processes.run(TORCHRUN, *processes, *command, cwd=tmp_path)
    assert two.returncode == 0, two.stderr
    assert json.loads(two.stdout)["checkpoint"] == "two/best.pt", "only the first worker prints"
    alone, together = (load_checkpoint(tmp_path / name / "last.pt") for name in ("one", "two"))
    assert together.provenance["device"] == "cpu, 2 workers"
    for key, value in alone.weights.items():
        torch.testing.assert_close(value, together.weights[key], rtol=1e-3, atol=1e-4)
    logs = [c.training["log"][0] for c in (alone, together)]
    # The loss is the mean over workers, whose parts have equal size.
    assert logs[0]["loss"] == pytest.approx(logs[1]["loss"], rel=1e-3)
    assert set(logs[0]) == set(logs[1])
