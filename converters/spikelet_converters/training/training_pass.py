"""One pass over the training images, which changes the weights after each batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from spikelet.data.images import ImageSet
from spikelet.errors import SpikeletError, UsageError
from spikelet_converters.source_model.evaluation import as_tensor
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.source_model.residuals.strategy import Draw, Draws
from spikelet_converters.training.augmentation.autoaugment import autoaugment
from spikelet_converters.training.augmentation.crops import crop_and_flip, cutout
from spikelet_converters.training.checkpoint import Checkpoint
from spikelet_converters.training.compiled import Forward
from spikelet_converters.training.distil import Teacher, hard_loss
from spikelet_converters.training.execution import Execution, TrainingProgress
from spikelet_converters.training.optimiser import set_rates
from spikelet_converters.training.parallel import ALONE, Workers
from spikelet_converters.training.penalties import Penalties
from spikelet_converters.training.recipe import Recipe


@dataclass(frozen=True)
class TrainingPass:
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
        torch.manual_seed(epoch_seed(recipe.seed, epoch, 0) + workers.rank)
        generator = torch.Generator().manual_seed(epoch_seed(recipe.seed, epoch, 2))
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
                if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
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
    """Draw T for a batch, or for each image of the part of a worker.

    Args:
        draws: Values of T to draw from, all equally likely.
        by_image: Whether each image has its own T.
        batch: Number of images of the batch.
        generator: Source of random numbers.
        workers: Processes among which the batch is divided.
    """
    chosen = torch.randint(len(draws), (batch if by_image else 1,), generator=generator)
    return tuple(draws[i] for i in workers.part(chosen).tolist()) if by_image else draws[int(chosen)]


def loss_of_recipe(recipe: Recipe, start: Checkpoint | None, device: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return the loss of (logits, labels, pixels), with the teacher if the recipe distils.

    Raises:
        UsageError: Distillation without `start`.
    """
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


def epoch_seed(seed: int, epoch: int, stream: int) -> int:
    """Return the seed of one of the random streams of an epoch."""
    return int(np.random.SeedSequence((seed, epoch, stream)).generate_state(1)[0])
