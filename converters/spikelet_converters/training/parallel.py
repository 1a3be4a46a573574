"""Data-parallel training in several processes: each takes a part of every batch, and gradients are averaged.

`torchrun --nproc-per-node 2 -m spikelet train …` starts the processes. Batch norm uses the statistics of the part of
its own process. After each epoch, all processes continue with the network of the first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from spikelet.errors import UsageError


@dataclass(frozen=True)
class Workers:
    """The processes that train one network.

    Attributes:
        rank: Index of this process, from 0.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the first process, which writes all files."""
        return self.rank == 0

    def part(self, batch: Tensor) -> Tensor:
        """Return the part of a batch, (N, …), for this process: every `size`-th row."""
        if len(batch) < self.size:
            raise UsageError(f"a batch of {len(batch)} is too small for {self.size} workers")
        return batch[self.rank :: self.size]

    def average_gradients(self, network: nn.Module) -> None:
        """Replace the gradients by their mean over all processes, in one message."""
        if self.size == 1:
            return
        grads = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([grad.flatten() for grad in grads])
        distributed.all_reduce(flat)
        for grad, mean in zip(grads, (flat / self.size).split([grad.numel() for grad in grads]), strict=True):
            grad.copy_(mean.reshape(grad.shape))

    def synchronise(self, network: nn.Module) -> None:
        """Copy the parameters and buffers of the first process to all processes."""
        if self.size == 1:
            return
        for value in network.state_dict().values():
            # A broadcast needs contiguous memory; channels-last weights are not contiguous.
            sent = value.contiguous()
            distributed.broadcast(sent, 0)
            value.copy_(sent)

    def mean(self, value: float) -> float:
        """Return the mean of a number over all processes."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(total)
        return float(total) / self.size

    def wait(self) -> None:
        """Wait until all processes have reached this call."""
        if self.size > 1:
            distributed.barrier()


ALONE = Workers()


def connect(device: str) -> Workers:
    """Join the processes that torchrun started. Without torchrun there is only this process."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return Workers(distributed.get_rank(), distributed.get_world_size())


def choose_device(name: str) -> str:
    """Return the device for a name. "auto" is the GPU of this process if there is one, otherwise the CPU.

    Raises:
        UsageError: torch finds no GPU, or cannot compute on the device.
    """
    gpu = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    if name == "auto":
        return gpu if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"device {name}: torch finds no GPU here; use --device cpu")
    device = gpu if name == "cuda" else name
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # of the version of torch and its back end
        raise UsageError(f"device {name}: torch cannot compute on it here; use --device cpu") from error
    return device
