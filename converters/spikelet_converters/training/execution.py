"""How a network is trained: device, processes and callbacks, which do not change the recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spikelet.files.decoded import Document
from spikelet_converters.training.parallel import ALONE, Workers


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of a run after a batch.

    Attributes:
        epoch, batch: Current epoch and batch, from 1.
        epochs, batches: Number of epochs, and of batches per epoch.
        loss: Mean loss of the epoch.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float


@dataclass(frozen=True)
class Execution:
    """Settings of a run that are independent of network, recipe and data.

    Attributes:
        command: Command line that started the run, stored in the checkpoints.
        device: Device as named by torch.
        workers: Processes among which each batch is divided.
        on_batch: Called after each batch.
        on_epoch: Called after each epoch with the new row of the log.
        compiled: Compile the training pass, if torch can. The last bits of the weights then differ.
        on_compiler_failure: Called with the message of a compiler that fails; training continues without it.
    """

    command: str = ""
    device: str = "cpu"
    workers: Workers = ALONE
    on_batch: Callable[[TrainingProgress], None] = lambda _: None
    on_epoch: Callable[[Document], None] = lambda _: None
    compiled: bool = False
    on_compiler_failure: Callable[[str], None] = lambda _: None


DEFAULT_EXECUTION = Execution()
