"""Train a source network: stochastic gradient descent, a validation split, checkpoints, resume.

A run is a folder: `last.pt` (to resume from), `best.pt` (chosen on the validation split by the
accuracy of the simulated spiking network), `log.csv`. The test split is never read here.
"""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikelet.atomic import replacing
from spikelet.converters.activation import spiking_layers
from spikelet.converters.augment import crop_and_flip
from spikelet.converters.checkpoint import Checkpoint, load_checkpoint
from spikelet.converters.evaluation import as_pixels, evaluate
from spikelet.converters.networks import NetworkSpec
from spikelet.converters.residuals import RESIDUALS
from spikelet.data.images import ImageSet
from spikelet.errors import DataError, SpikeletError, UsageError


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run besides the network and the data.

    steps: T at which sigma is measured, and the spiking network validated unless `time_steps` says more.
    validation: share of the training images that is held out.
    time_steps: T is drawn from these anew for each batch, where the residual strategy simulates; () means `steps`.
    freeze_norm: batch norm keeps its running statistics, for the last epochs of a network that is trained already.
    """

    epochs: int
    seed: int = 0
    batch: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    steps: int = 4
    validation: float = 0.1
    augment: bool = True
    time_steps: tuple[int, ...] = ()
    freeze_norm: bool = False

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch", 1), ("steps", 1), ("learning_rate", 0), ("weight_decay", 0)):
            if not least <= getattr(self, name) < float("inf"):
                raise UsageError(f"{name}: expected {least} or more, got {getattr(self, name)}")

    @property
    def times(self) -> tuple[int, ...]:
        """The numbers of time-steps that the network is trained and validated for."""
        return tuple(sorted(set(self.time_steps))) or (self.steps,)


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
    on_batch: Callable[[Progress], None] = lambda _: None,
    on_epoch: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Checkpoint:
    """Train `spec` on `data` (a training split) and return the checkpoint chosen on the validation part.

    Runs with the same spec, recipe, data and machine give the same bits, also when stopped and resumed:
    every epoch draws from a generator seeded with (seed, epoch).

    start: a checkpoint of the same network, whose weights are the first; its residual strategy may be another.

    Raises:
        DataError: no labels, or too few images for the split.
        SpikeletError: the folder holds another run, or there is nothing to resume.
    """
    training, validation = split(data, recipe)
    torch.manual_seed(recipe.seed)
    network = spec.build()
    if start is not None:
        _take_weights(network, start)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave it out
    optimiser = torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )
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
    }
    log: list[dict[str, Any]] = []
    best: Checkpoint | None = None
    if resume:
        best = _resume(out, spec, recipe, data, network, optimiser, log)
    elif (out / "last.pt").exists():
        raise SpikeletError(f"{out}: holds a training run already; go on with --resume, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    for epoch in range(len(log), recipe.epochs):
        started = time.perf_counter()
        loss = _epoch(network, optimiser, training, recipe, spec.residual, epoch, on_batch)
        torch.manual_seed(_seed(recipe.seed, epoch, 1))
        measured = RESIDUALS[spec.residual].refresh_network(network, _images(validation, recipe.batch), recipe.steps)
        row = {
            "epoch": epoch + 1,
            "loss": loss,
            **evaluate(network, validation, recipe.times),
            "seconds": time.perf_counter() - started,
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
        _write_log(out / "log.csv", log)
        on_epoch(row)
    assert best is not None  # a recipe has one epoch or more
    return best


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
    recipe: Recipe,
    residual: str,
    epoch: int,
    on_batch: Callable[[Progress], None],
) -> float:
    torch.manual_seed(_seed(recipe.seed, epoch, 0))
    generator = torch.Generator().manual_seed(_seed(recipe.seed, epoch, 2))
    order = torch.randperm(len(data), generator=generator).numpy()
    batches = len(data) // recipe.batch
    assert data.labels is not None
    labels = torch.from_numpy(data.labels)
    network.train()
    if recipe.freeze_norm:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    strategy = RESIDUALS[residual]
    times = recipe.times
    total = 0.0
    for index in range(batches):
        chosen = order[index * recipe.batch : (index + 1) * recipe.batch]
        images = torch.from_numpy(data.images[chosen])
        if recipe.augment:
            images = crop_and_flip(images, generator)
        share = (epoch + index / batches) / recipe.epochs
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        pixels = images.float().contiguous(memory_format=torch.channels_last)
        steps = times[int(torch.randint(len(times), (1,), generator=generator))]
        strategy.prepare_batch(network, pixels, steps)
        loss = F.cross_entropy(network(pixels), labels[chosen])
        if not torch.isfinite(loss):
            raise SpikeletError(
                f"the loss is {loss.item()} in epoch {epoch + 1}, batch {index + 1}: "
                "training diverged; try a smaller learning rate"
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += loss.item()
        on_batch(Progress(epoch + 1, recipe.epochs, index + 1, batches, total / (index + 1)))
    return total / batches


def _images(data: ImageSet, batch: int) -> Iterator[Tensor]:
    for start in range(0, len(data), batch):
        yield as_pixels(data.images[start : start + batch])


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
    for old, new in zip(before, now, strict=True):
        for key in new:
            if old.get(key) != new[key]:
                raise SpikeletError(
                    f"{out}: was started with {key} = {old.get(key)}, now {new[key]}; "
                    "resume with the same options, or choose another folder"
                )
    if last.provenance["data"]["digest"] != data.digest:
        raise SpikeletError(f"{out}: was started on other data ({last.provenance['data']['name']}), now {data.name}")
    network.load_state_dict(last.weights)
    optimiser.load_state_dict(last.training["optimiser"])
    log.extend(last.training["log"])
    return load_checkpoint(out / "best.pt")


def _take_weights(network: nn.Module, start: Checkpoint) -> None:
    """Load weights, all of them, but for what belongs to another residual strategy."""
    wanted = {key for key in network.state_dict() if ".residual." not in key}
    weights = {key: value for key, value in start.weights.items() if ".residual." not in key}
    if wanted != set(weights) or any(network.state_dict()[key].shape != weights[key].shape for key in wanted):
        raise SpikeletError(f"the checkpoint to start from is a {start.spec.model} of another form than this network")
    network.load_state_dict(weights, strict=False)


def _write_log(path: Path, log: list[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in log for key in row)))
    writer.writeheader()
    writer.writerows(log)
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def _seed(seed: int, epoch: int, stream: int) -> int:
    return int(np.random.SeedSequence((seed, epoch, stream)).generate_state(1)[0])
