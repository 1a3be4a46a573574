"""Train a source network: stochastic gradient descent, a validation split, checkpoints, resume.

A run is a folder: `last.pt` (to resume from), `best.pt` (chosen on the validation split by the
accuracy of the simulated spiking network), `log.csv`, `log.svg`. The test split is never read here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spikelet.data.images import ImageSet
from spikelet.errors import DataError, SpikeletError, UsageError
from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.evaluation import as_pixels, as_tensor, evaluate
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.training.augment import crop_and_flip, cutout
from spikelet_converters.training.autoaugment import autoaugment
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint
from spikelet_converters.training.distil import Teacher, hard_loss
from spikelet_converters.training.log import RunLog
from spikelet_converters.training.optimiser import make_optimiser, set_rates
from spikelet_converters.training.parallel import ALONE, Workers
from spikelet_converters.training.recipe import Recipe


@dataclass(frozen=True)
class Progress:
    """Where a run is: for a progress bar."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float


def train(
    spec: NetworkSpec,
    recipe: Recipe,
    data: ImageSet,
    out: Path,
    *,
    command: str = "",
    start: Checkpoint | None = None,
    resume: bool = False,
    device: str = "cpu",
    workers: Workers = ALONE,
    on_batch: Callable[[Progress], None] = lambda _: None,
    on_epoch: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Checkpoint:
    """Train `spec` on `data` (a training split) and return the checkpoint chosen on the validation part.

    Runs with the same spec, recipe, data and machine give the same bits, also when stopped and resumed:
    every epoch draws from a generator seeded with (seed, epoch).

    start: a checkpoint of the same network, whose weights are the first; its residual strategy may be another.
    device: as torch names it. workers: the processes that share each batch.

    Raises:
        DataError: no labels, or too few images for the split.
        UsageError: distillation without `start`.
        SpikeletError: the folder holds another run, there is nothing to resume, or `start` was trained on images
            that are held out here.
    """
    training, validation = split(data, recipe)
    torch.manual_seed(recipe.seed)
    network = spec.build()
    if start is not None:
        _check_split(start, recipe, data)
        _take_weights(network, start)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave it out
    loss_of = _loss(recipe, start, device)
    optimiser = make_optimiser(network, recipe)
    provenance = {
        "data": {
            "name": data.name,
            "digest": data.digest,
            "images": len(training),
            "validation": len(validation),
        },
        "start": None if start is None else start.provenance,
        "classes": None if data.classes is None else list(data.classes),
        "recipe": asdict(recipe),
        "command": command,
        "torch": str(torch.__version__),
        "device": device if workers.size == 1 else f"{device}, {workers.size} workers",
    }
    log: list[dict[str, Any]] = []
    best: Checkpoint | None = None
    if resume:
        best = _resume(out, spec, recipe, data, network, optimiser, log)
    elif (out / "last.pt").exists():
        raise SpikeletError(f"{out}: holds a training run already; go on with --resume, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    files = RunLog(out, len(log)) if workers.first else None
    if files is not None and log:
        files.write(log)  # a kill may have come between the checkpoint and its log
    workers.agree(network)
    for epoch in range(len(log), recipe.epochs):
        started = time.perf_counter()
        loss = workers.mean(_epoch(network, optimiser, training, spec, recipe, epoch, loss_of, workers, on_batch))
        trained = time.perf_counter() - started
        torch.manual_seed(_seed(recipe.seed, epoch, 1))
        held_out = _images(validation, spec, recipe, epoch, device)
        measured = RESIDUALS[spec.residual].refresh(network, held_out, recipe.steps)
        workers.agree(network)
        if files is None:
            continue  # the first worker writes
        row = {
            "epoch": epoch + 1,
            "loss": loss,
            **evaluate(network, validation, recipe.times),
            "seconds": time.perf_counter() - started,
            "training_seconds": trained,
            **{f"lambda.{name}": layer.lam.item() for name, layer in spiking_layers(network).items()},
            **{f"sigma.{name}": sigma for name, sigma in measured.items()},
        }
        log.append(row)
        now = Checkpoint(spec, network.state_dict(), {**provenance, "validation": row})
        if best is None or row["spiking_accuracy"] > best.provenance["validation"]["spiking_accuracy"]:
            now.save(out / "best.pt")
            best = load_checkpoint(out / "best.pt")
        state = {"optimiser": optimiser.state_dict(), "log": log}
        replace(now, training=state).save(out / "last.pt")
        files.write(log)
        on_epoch(row)
    workers.wait()
    return load_checkpoint(out / "best.pt")


def split(data: ImageSet, recipe: Recipe) -> tuple[ImageSet, ImageSet]:
    """(training, validation) parts of a training split, chosen by the recipe's seed."""
    if data.labels is None:
        raise DataError(f"{data.name}: training needs labels, and it has none")
    order = np.random.default_rng(recipe.seed).permutation(len(data))
    held_out = round(len(data) * recipe.validation)
    if held_out < 1 or len(data) - held_out < recipe.batch:
        raise DataError(
            f"{data.name}: {len(data)} images are too few for a batch of {recipe.batch} "
            f"and a validation share of {recipe.validation}"
        )
    return data.take(order[held_out:]), data.take(order[:held_out])


def _epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    data: ImageSet,
    spec: NetworkSpec,
    recipe: Recipe,
    epoch: int,
    loss_of: Callable[[Tensor, Tensor, Tensor], Tensor],
    workers: Workers,
    on_batch: Callable[[Progress], None],
) -> float:
    device = next(network.parameters()).device
    torch.manual_seed(_seed(recipe.seed, epoch, 0) + workers.rank)
    generator = torch.Generator().manual_seed(_seed(recipe.seed, epoch, 2))
    order = torch.randperm(len(data), generator=generator)
    batches = len(data) // recipe.batch
    assert data.labels is not None
    # a GPU holds all images and changes them itself; AutoAugment has its small tables where the processor is
    home = device if recipe.policy == "none" else torch.device("cpu")
    pool, labels = as_tensor(data.images).to(home), torch.tensor(data.labels).to(device)
    network.train()
    if recipe.freeze_norm:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    total = 0.0
    for index in range(batches):
        chosen = order[index * recipe.batch : (index + 1) * recipe.batch]
        # every worker augments the whole batch, so that a run is the same for any number of them
        images = augment(pool[chosen.to(home)], spec, recipe, generator)
        steps = recipe.draws[int(torch.randint(len(recipe.draws), (1,), generator=generator))]
        set_rates(optimiser, recipe, epoch + index / batches)
        pixels = workers.part(images).to(device).float().contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            RESIDUALS[spec.residual].prepare(network, pixels, steps)
            loss = loss_of(network(pixels).float(), workers.part(labels[chosen.to(device)]), pixels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        workers.average_gradients(network)
        optimiser.step()
        value = loss.item()  # the one moment at which a GPU is waited for
        if not math.isfinite(value):
            raise SpikeletError(
                f"the loss is {value} in epoch {epoch + 1}, batch {index + 1}: "
                "training diverged; try a smaller learning rate"
            )
        total += value
        on_batch(Progress(epoch + 1, recipe.epochs, index + 1, batches, total / (index + 1)))
    return total / batches


def _loss(recipe: Recipe, start: Checkpoint | None, device: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    if recipe.distil == 0:
        return hard_loss
    if start is None:
        raise UsageError(
            "distillation learns from the network that a run starts with, and there is none; name it with --start"
        )
    return Teacher(start, recipe.distil, device).loss


def augment(images: Tensor, spec: NetworkSpec, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """A batch as training sees it. images: (N, C, H, W) uint8; returns the same."""
    if recipe.augment:
        images = crop_and_flip(images, generator)
    if recipe.policy == "autoaugment":
        images = autoaugment(images, generator)
    if recipe.cutout:
        images = cutout(images, generator, recipe.cutout, spec.mean)
    return images


def _images(data: ImageSet, spec: NetworkSpec, recipe: Recipe, epoch: int, device: str) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(_seed(recipe.seed, epoch, 3))
    for start in range(0, len(data), recipe.batch):
        images = as_tensor(data.images[start : start + recipe.batch])
        if recipe.measure_augmented:
            images = augment(images, spec, recipe, generator)
        yield as_pixels(images).to(device)


def _resume(
    out: Path,
    spec: NetworkSpec,
    recipe: Recipe,
    data: ImageSet,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    log: list[dict[str, Any]],
) -> Checkpoint:
    if not (out / "last.pt").exists():
        raise SpikeletError(f"{out}: nothing to resume, there is no last.pt in it")
    last = load_checkpoint(out / "last.pt")
    before = (last.spec.as_dict(), last.provenance["recipe"])
    now = (spec.as_dict(), asdict(recipe))
    # a checkpoint of an earlier version does not know the options that came later: it ran with their defaults
    defaults = {field.name: field.default for field in (*fields(spec), *fields(recipe))}
    for old, new in zip(before, now, strict=True):
        for key in new:
            was = old.get(key, defaults[key])
            if was != new[key]:
                raise SpikeletError(
                    f"{out}: was started with {key} = {was}, now {new[key]}; "
                    "resume with the same options, or choose another folder"
                )
    if last.provenance["data"]["digest"] != data.digest:
        raise SpikeletError(f"{out}: was started on other data ({last.provenance['data']['name']}), now {data.name}")
    network.load_state_dict(last.weights)
    optimiser.load_state_dict(last.training["optimiser"])
    log.extend(last.training["log"])
    return load_checkpoint(out / "best.pt")


def _take_weights(network: nn.Module, start: Checkpoint) -> None:
    """Load weights, all of them, but for what belongs to another residual strategy and for potentials."""

    def is_own(key: str) -> bool:
        return ".residual." in key or key.endswith(".shift")

    wanted = {key for key in network.state_dict() if not is_own(key)}
    weights = {key: value for key, value in start.weights.items() if not is_own(key)}
    if wanted != set(weights) or any(network.state_dict()[key].shape != weights[key].shape for key in wanted):
        raise SpikeletError(f"the checkpoint to start from is a {start.spec.model} of another form than this network")
    own = {key for key in network.state_dict() if key.endswith(".shift") and key in start.weights}
    network.load_state_dict(weights | {key: start.weights[key] for key in own}, strict=False)


def _check_split(start: Checkpoint, recipe: Recipe, data: ImageSet) -> None:
    """Refuse a start that was trained on images which are held out now: validation would flatter it."""
    before = start.provenance.get("recipe", {})
    if start.provenance.get("data", {}).get("digest") != data.digest:
        return
    for key in ("seed", "validation"):
        now = getattr(recipe, key)
        if before.get(key, now) != now:
            raise UsageError(
                f"the checkpoint to start from held out other images ({key} {before[key]}, now {now}), "
                f"and was trained on some that would choose the best epoch here; use {key} {before[key]}"
            )


def _seed(seed: int, epoch: int, stream: int) -> int:
    return int(np.random.SeedSequence((seed, epoch, stream)).generate_state(1)[0])
