"""Training loop: stochastic gradient descent with a validation split, checkpoints and resume.

The folder of a run contains `last.pt` (to resume from), `best.pt` (chosen by the accuracy of the simulated spiking
network on the validation split), `log.csv` and `log.svg`. The test split is not read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from spikelet.data.images import ImageSet
from spikelet.errors import DataError, SpikeletError, UsageError
from spikelet.files.decoded import Document
from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.evaluation import as_pixels, as_tensor, evaluate
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.source_model.residuals.strategy import Draw, Draws
from spikelet_converters.training import begin
from spikelet_converters.training.augmentation.autoaugment import autoaugment
from spikelet_converters.training.augmentation.crops import crop_and_flip, cutout
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint
from spikelet_converters.training.compiled import CompiledForward, Forward
from spikelet_converters.training.distil import Teacher, hard_loss
from spikelet_converters.training.log import RunLog
from spikelet_converters.training.optimiser import make_optimiser, set_rates
from spikelet_converters.training.parallel import ALONE, Workers
from spikelet_converters.training.penalties import Penalties, penalties_of
from spikelet_converters.training.recipe import Recipe


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
    """

    command: str = ""
    device: str = "cpu"
    workers: Workers = ALONE
    on_batch: Callable[[TrainingProgress], None] = lambda _: None
    on_epoch: Callable[[Document], None] = lambda _: None
    compiled: bool = False


DEFAULT_EXECUTION = Execution()


def train(
    spec: NetworkSpec,
    recipe: Recipe,
    data: ImageSet,
    out: Path,
    *,
    start: Checkpoint | None = None,
    resume: bool = False,
    execution: Execution = DEFAULT_EXECUTION,
) -> Checkpoint:
    """Train a network and return the checkpoint chosen on the validation split.

    Runs with the same specification, recipe, data and machine are bit-identical, also after a resume: the generator of
    every epoch is seeded with (seed, epoch).

    Args:
        spec: Specification of the network.
        recipe: Settings of the run.
        data: Training split, of which a share becomes the validation split.
        out: Folder of the run.
        start: Checkpoint with initial weights, of the same network with any residual strategy.
        resume: Continue the run in `out`.
        execution: Device, workers and callbacks.

    Raises:
        DataError: The data has no labels, or too few images for the split.
        UsageError: Distillation without `start`, or `start` was trained on images of the validation split.
        SpikeletError: The folder contains another run, or there is nothing to resume.
    """
    device, workers = execution.device, execution.workers
    training, validation = split(data, recipe)
    torch.manual_seed(recipe.seed)
    network = spec.build()
    if start is not None:
        begin.check_split(start, recipe, data)
        begin.take_weights(network, start)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs of torch
    loss_of = _loss(recipe, start, device)
    forward: Forward = CompiledForward(network) if execution.compiled else network
    optimiser = make_optimiser(network, recipe)
    penalties = penalties_of(network, spec, recipe)
    training_pass = _TrainingPass(network, forward, optimiser, loss_of, penalties, spec, recipe, execution)
    provenance = _provenance(spec, recipe, data, (len(training), len(validation)), start, execution)
    log: list[Document] = []
    best: Checkpoint | None = None
    if resume:
        best = begin.resume(out, spec, recipe, data, network, optimiser, log)
    elif (out / "last.pt").exists():
        raise SpikeletError(f"{out}: contains a training run; continue it with --resume, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    files = RunLog(out, len(log)) if workers.first else None
    if files is not None and log:
        files.write(log)  # the run may have been killed between writing the checkpoint and the log
    if start is not None and not log:
        # without this, strategies that measure the error would train without it in the first epoch
        _measure_residuals(network, validation, spec, recipe, recipe.epochs, device)
    workers.synchronise(network)
    for epoch in range(len(log), recipe.epochs):
        started = time.perf_counter()
        loss = workers.mean(training_pass.epoch(training, epoch))
        trained = time.perf_counter() - started
        deviations = _measure_residuals(network, validation, spec, recipe, epoch, device)
        workers.synchronise(network)
        if files is None:
            continue  # only the first worker writes files
        row = {
            "epoch": epoch + 1,
            "loss": loss,
            **evaluate(network, validation, recipe.times),
            "seconds": time.perf_counter() - started,
            "training_seconds": trained,
            **{f"lambda.{name}": layer.lam.mean().item() for name, layer in spiking_layers(network).items()},
            **{f"sigma.{name}": sigma for name, sigma in deviations.items()},
        }
        log.append(row)
        checkpoint = Checkpoint(spec, network.state_dict(), {**provenance, "validation": row})
        if best is None or row["spiking_accuracy"] > best.provenance["validation"]["spiking_accuracy"]:
            checkpoint.save(out / "best.pt")
            best = load_checkpoint(out / "best.pt")
        state = {"optimiser": optimiser.state_dict(), "log": log}
        replace(checkpoint, training=state).save(out / "last.pt")
        files.write(log)
        execution.on_epoch(row)
    workers.wait()
    return load_checkpoint(out / "best.pt")


def _provenance(
    spec: NetworkSpec,
    recipe: Recipe,
    data: ImageSet,
    sizes: tuple[int, int],
    start: Checkpoint | None,
    execution: Execution,
) -> Document:
    """Return the origin of a network for its checkpoints. sizes: number of images in (training, validation) split."""
    device, workers = execution.device, execution.workers
    return {
        "data": {"name": data.name, "digest": data.digest, "images": sizes[0], "validation": sizes[1]},
        "start": None if start is None else start.provenance,
        "classes": None if data.classes is None else list(data.classes),
        **data.provenance,
        "recipe": asdict(recipe),
        "residual": spec.residual,
        "command": execution.command,
        "torch": str(torch.__version__),
        "device": device if workers.size == 1 else f"{device}, {workers.size} workers",
        "compiled": execution.compiled,
    }


def split(data: ImageSet, recipe: Recipe) -> tuple[ImageSet, ImageSet]:
    """Divide a training split into (training, validation) by the seed of the recipe."""
    if data.labels is None:
        raise DataError(f"{data.name}: training needs labels, but the data has none")
    order = np.random.default_rng(recipe.seed).permutation(len(data))
    held_out = round(len(data) * recipe.validation)
    if held_out < 1 or len(data) - held_out < recipe.batch:
        remedy = f"; use a batch of at most {len(data) - held_out}" if held_out and len(data) > held_out else ""
        raise DataError(
            f"{data.name}: {len(data)} images are too few for a batch of {recipe.batch} "
            f"and a validation share of {recipe.validation}{remedy}"
        )
    return data.take(order[held_out:]), data.take(order[:held_out])


@dataclass(frozen=True)
class _TrainingPass:
    """The part of a run that changes the weights.

    Attributes:
        network: Network that is trained.
        forward: Its forward pass, which may be compiled.
        optimiser: Optimiser of its parameters.
        loss_of: Loss of (logits, labels, pixels).
        penalties: Terms that are added to the loss.
        spec: Specification of the network.
        recipe: Settings of the run.
        execution: Device, workers and callbacks.
    """

    network: nn.Module
    forward: Forward
    optimiser: torch.optim.Optimizer
    loss_of: Callable[[Tensor, Tensor, Tensor], Tensor]
    penalties: Penalties
    spec: NetworkSpec
    recipe: Recipe
    execution: Execution

    def epoch(self, data: ImageSet, epoch: int) -> float:
        """Train on the batches of an epoch, from 0, and return their mean loss."""
        recipe, workers = self.recipe, self.execution.workers
        device = next(self.network.parameters()).device
        torch.manual_seed(_seed(recipe.seed, epoch, 0) + workers.rank)
        generator = torch.Generator().manual_seed(_seed(recipe.seed, epoch, 2))
        order = torch.randperm(len(data), generator=generator)
        batches, strategy = len(data) // recipe.batch, RESIDUALS[self.spec.residual]
        assert data.labels is not None
        # Images are stored and augmented on the device.
        pool, labels = as_tensor(data.images).to(device), torch.tensor(data.labels).to(device)
        self._set_mode()
        total = 0.0
        for index in range(batches):
            chosen = order[index * recipe.batch : (index + 1) * recipe.batch]
            # Every worker augments the whole batch, so that the draws do not depend on the number of workers.
            images = augment(pool[chosen.to(device)], self.spec, recipe, generator)
            steps = draw_steps(recipe.draws, strategy.by_image, recipe.batch, generator, workers)
            time_in_epochs = epoch + index / batches
            set_rates(self.optimiser, recipe, time_in_epochs)
            self.penalties.epoch = time_in_epochs
            pixels = workers.part(images).float().contiguous(memory_format=torch.channels_last)
            loss = self._step(pixels, workers.part(labels[chosen.to(device)]), steps)
            if not math.isfinite(loss):
                raise SpikeletError(
                    f"the loss is {loss} in epoch {epoch + 1}, batch {index + 1}: "
                    "training diverged; try a smaller learning rate"
                )
            total += loss
            progress = TrainingProgress(epoch + 1, recipe.epochs, index + 1, batches, total / (index + 1))
            self.execution.on_batch(progress)
        return total / batches

    def _set_mode(self) -> None:
        """Set the network to training mode, with the statistics of batch norm frozen if the recipe says so."""
        self.network.train()
        if self.recipe.freeze_norm:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def _step(self, pixels: Tensor, labels: Tensor, steps: Draws) -> float:
        """Change the weights by the gradient of a batch, and return its loss."""
        recipe = self.recipe
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            RESIDUALS[self.spec.residual].prepare(self.network, pixels, steps)
            loss = self.loss_of(self.forward(pixels).float(), labels, pixels)
        self.optimiser.zero_grad(set_to_none=True)
        self.penalties.added_to(loss).backward()
        self.execution.workers.average_gradients(self.network)
        if recipe.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip)
        self.optimiser.step()
        return loss.item()  # the only synchronisation with the GPU


def draw_steps(
    draws: tuple[Draw, ...], by_image: bool, batch: int, generator: torch.Generator, workers: Workers = ALONE
) -> Draws:
    """Draw T for a batch, or for each image of the part of a worker."""
    chosen = torch.randint(len(draws), (batch if by_image else 1,), generator=generator)
    return tuple(draws[i] for i in workers.part(chosen).tolist()) if by_image else draws[int(chosen)]


def _loss(recipe: Recipe, start: Checkpoint | None, device: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    if recipe.distil == 0:
        return hard_loss
    if start is None:
        raise UsageError(
            "distillation needs the network from which the run starts as teacher; name its checkpoint with --start"
        )
    return Teacher(start, recipe.distil, device).loss


def augment(images: Tensor, spec: NetworkSpec, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Apply the augmentation of a recipe to a batch, (N, C, H, W) uint8."""
    if recipe.augment:
        images = crop_and_flip(images, generator, recipe.shift, recipe.flip)
    if recipe.policy == "autoaugment":
        images = autoaugment(images, generator)
    if recipe.cutout:
        images = cutout(images, generator, recipe.cutout, spec.mean)
    return images


def _measure_residuals(
    network: nn.Module, data: ImageSet, spec: NetworkSpec, recipe: Recipe, epoch: int, device: str
) -> dict[str, float]:
    """Measure the residual error on the validation split. `epoch` seeds the draws."""
    torch.manual_seed(_seed(recipe.seed, epoch, 1))
    batches = _validation_batches(data, spec, recipe, epoch, device)
    return RESIDUALS[spec.residual].refresh(network, batches, recipe.steps)


def _validation_batches(data: ImageSet, spec: NetworkSpec, recipe: Recipe, epoch: int, device: str) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(_seed(recipe.seed, epoch, 3))
    for start in range(0, len(data), recipe.batch):
        images = as_tensor(data.images[start : start + recipe.batch])
        if recipe.measure_augmented:
            images = augment(images, spec, recipe, generator)
        yield as_pixels(images).to(device)


def _seed(seed: int, epoch: int, stream: int) -> int:
    return int(np.random.SeedSequence((seed, epoch, stream)).generate_state(1)[0])
