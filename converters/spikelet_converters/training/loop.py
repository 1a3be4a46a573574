"""Training loop: stochastic gradient descent with a validation split, checkpoints and resume.

The folder of a run contains `last.pt` (to resume from), `best.pt` (chosen by the accuracy of the simulated spiking
network on the validation split), `log.csv` and `log.svg`. The test split is not read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from spikelet.data.images import ImageSet
from spikelet.errors import DataError, SpikeletError
from spikelet.files.decoded import Document
from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.evaluation import as_pixels, as_tensor, evaluate
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.training import begin, behaviour
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint
from spikelet_converters.training.compiled import CompiledForward, Forward
from spikelet_converters.training.execution import DEFAULT_EXECUTION, Execution
from spikelet_converters.training.log import RunLog
from spikelet_converters.training.optimiser import make_optimiser
from spikelet_converters.training.penalties import penalties_of
from spikelet_converters.training.recipe import Recipe
from spikelet_converters.training.training_pass import TrainingPass, augment, epoch_seed, loss_of_recipe


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
        ConversionError: The code of a user's network makes another network each time it runs.
        UsageError: Distillation without `start`, or `start` was trained on images of the validation split.
        SpikeletError: The folder contains another run, or there is nothing to resume.
    """
    device, workers = execution.device, execution.workers
    training, validation = split(data, recipe)
    torch.manual_seed(recipe.seed)
    network = spec.build()
    behaviour.check_repeated(network, spec)
    if start is not None:
        begin.check_split(start, recipe, data)
        begin.take_weights(network, start)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs of torch
    loss_of = loss_of_recipe(recipe, start, device)
    forward: Forward = CompiledForward(network, execution.on_compiler_failure) if execution.compiled else network
    optimiser = make_optimiser(network, recipe)
    penalties = penalties_of(network, spec, recipe)
    training_pass = TrainingPass(network, forward, optimiser, loss_of, penalties, spec, recipe, execution)
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
        training_seconds = time.perf_counter() - started
        deviations = _measure_residuals(network, validation, spec, recipe, epoch, device)
        workers.synchronise(network)
        if files is None:
            continue  # only the first worker writes files
        row = {
            "epoch": epoch + 1,
            "loss": loss,
            **evaluate(network, validation, recipe.times),
            "seconds": time.perf_counter() - started,
            "training_seconds": training_seconds,
            **_state_of_layers(network, deviations),
        }
        log.append(row)
        compiled = isinstance(forward, CompiledForward) and forward.compiled
        facts = {**provenance, "compiled": compiled, "validation": row}
        checkpoint = Checkpoint(spec, network.state_dict(), facts, behaviour=behaviour.record(network, spec.shape))
        best = _save(checkpoint, best, {"optimiser": optimiser.state_dict(), "log": log}, out)
        files.write(log)
        execution.on_epoch(row)
    workers.wait()
    return load_checkpoint(out / "best.pt")


def _state_of_layers(network: nn.Module, deviations: dict[str, float]) -> Document:
    """Return the mean threshold and the measured deviation of the residual error of each layer, for the log."""
    thresholds = {f"lambda.{name}": layer.lam.mean().item() for name, layer in spiking_layers(network).items()}
    return {**thresholds, **{f"sigma.{name}": sigma for name, sigma in deviations.items()}}


def _save(checkpoint: Checkpoint, best: Checkpoint | None, training: Document, out: Path) -> Checkpoint:
    """Write last.pt, and best.pt if the accuracy is higher than that of the best checkpoint.

    Args:
        checkpoint: The network after an epoch, with its row of the log as "validation".
        best: The best checkpoint so far, or None.
        training: State of the training, which is stored in last.pt only.
        out: Folder of the run.

    Returns:
        The best checkpoint.
    """
    accuracy = checkpoint.provenance["validation"]["spiking_accuracy"]
    if best is None or accuracy > best.provenance["validation"]["spiking_accuracy"]:
        checkpoint.save(out / "best.pt")
        best = load_checkpoint(out / "best.pt")
    replace(checkpoint, training=training).save(out / "last.pt")
    return best


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


def _measure_residuals(
    network: nn.Module, data: ImageSet, spec: NetworkSpec, recipe: Recipe, epoch: int, device: str
) -> dict[str, float]:
    """Measure the residual error on the validation split. `epoch` seeds the draws."""
    torch.manual_seed(epoch_seed(recipe.seed, epoch, 1))
    batches = _validation_batches(data, spec, recipe, epoch, device)
    return RESIDUALS[spec.residual].refresh(network, batches, recipe.steps)


def _validation_batches(data: ImageSet, spec: NetworkSpec, recipe: Recipe, epoch: int, device: str) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(epoch_seed(recipe.seed, epoch, 3))
    for start in range(0, len(data), recipe.batch):
        images = as_tensor(data.images[start : start + recipe.batch])
        if recipe.measure_augmented:
            images = augment(images, spec, recipe, generator)
        yield as_pixels(images).to(device)
