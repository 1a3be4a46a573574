"""Several processes that train one network: each takes a part of every batch, gradients are averaged.

`torchrun --nproc-per-node 2 -m spikelet train …` starts them. Batch norm takes the statistics of a process's own part;
after each epoch all go on with the network of the first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from spikelet.errors import UsageError


@dataclass(frozen=True)
class Workers:
    """rank: of this process, from 0. size: how many there are."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def part(self, batch: Tensor) -> Tensor:
        """The share of a batch that this process takes, (N, …): every `size`-th row."""
        if len(batch) < self.size:
            raise UsageError(f"a batch of {len(batch)} is too small for {self.size} workers")
        return batch[self.rank :: self.size]

    def average_gradients(self, network: nn.Module) -> None:
        """The mean over all processes, in every one; one message for all parameters."""
        if self.size == 1:
            return
        grads = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([grad.flatten() for grad in grads])
        distributed.all_reduce(flat)
        for grad, mean in zip(grads, (flat / self.size).split([grad.numel() for grad in grads]), strict=True):
            grad.copy_(mean.reshape(grad.shape))

    def agree(self, network: nn.Module) -> None:
        """Give every process the parameters and buffers of the first."""
        if self.size == 1:
            return
        for value in network.state_dict().values():
            # a broadcast wants memory in order, which channels-last weights are not in
            sent = value.contiguous()
            distributed.broadcast(sent, 0)
            value.copy_(sent)

    def mean(self, value: float) -> float:
        """The mean of a number over all processes."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(total)
        return float(total) / self.size

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            distributed.barrier()


ALONE = Workers()


def connect(device: str) -> Workers:
    """The processes that torchrun started, or this one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return Workers(distributed.get_rank(), distributed.get_world_size())


def choose_device(name: str) -> str:
    """The device of a name; of "auto" the GPU of this process if there is one, else the CPU.

    Raises:
        UsageError: a device that torch does not have here.
    """
    gpu = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    if name == "auto":
        return gpu if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"device {name}: torch finds no GPU here; use --device cpu")
    return gpu if name == "cuda" else name
