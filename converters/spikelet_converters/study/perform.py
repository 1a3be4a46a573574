"""Perform one run of a study: train, convert, measure. Finished parts are not repeated.

The folder of a run contains `config.json` (options), the files of training, `bundle.snnb` and, when the run is
finished, `metrics.json`.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from spikelet.data import ImageSet, read
from spikelet.errors import SpikeletError
from spikelet.files.atomic import replacing
from spikelet.files.decoded import Document
from spikelet.files.json_object import read_object
from spikelet.version import __version__
from spikelet_converters.baselines.base import Baseline
from spikelet_converters.choices import is_code
from spikelet_converters.study.grid import START, Run, Study
from spikelet_converters.study.measure import Conditions, measure_source, measure_spiking
from spikelet_converters.study.protocol import SealedTest, weights_digest
from spikelet_converters.study.stored import read_run_metrics
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint
from spikelet_converters.training.compute import compute_of
from spikelet_converters.training.execution import Execution, TrainingProgress
from spikelet_converters.training.facts import image_facts
from spikelet_converters.training.loop import split, train
from spikelet_converters.training.memory import freed_memory_kept
from spikelet_converters.training.parallel import choose_device
from spikelet_converters.training.recipe import Recipe
from spikelet_converters.training.user_network import use

Tick = Callable[[str, int, int], None]


def perform(study: Study, name: str, folder: Path, execution: Execution, *, tick: Tick = lambda *_: None) -> Document:
    """Perform the remaining parts of a run.

    Args:
        study: The study.
        name: Name of the run.
        folder: Folder of the study.
        execution: Command line, device ("auto": a GPU if available) and compilation.
        tick: Called with the part ("training" or "testing"), the work done and the total.

    Returns:
        The metrics of the run. {} for a start, which is not tested.

    Raises:
        SpikeletError: The folder contains a run with other options, or the run failed.
    """
    run = study.run(name)
    run_folder = folder / name
    _open_folder(study, run, run_folder)
    metrics_path = run_folder / "metrics.json"
    if metrics_path.exists():
        _check_code(study, run, run_folder)
        return read_run_metrics(metrics_path)
    data = training_images(study)
    execution = replace(execution, device=choose_device(execution.device), on_batch=_ticking(tick))
    checkpoint = _network(study, run, folder, data, execution)
    if run.method == START:
        return {}
    metrics = _measured(study, run, folder, data, checkpoint, execution, tick)
    with replacing(metrics_path) as file:
        file.write(json.dumps(metrics, indent=1).encode())
    return metrics


def _measured(
    study: Study, run: Run, folder: Path, data: ImageSet, checkpoint: Checkpoint, execution: Execution, tick: Tick
) -> Document:
    """Convert a network, measure it on the test split, and return the metrics of its run.

    Args:
        study, run: The study, and the run of the network.
        folder: Folder of the study.
        data: Training images of the study.
        checkpoint: The network.
        execution: Command line and device.
        tick: Called with "testing", the number of images and their total.
    """
    baseline = run.make_baseline()
    training, validation = _split(data, run, checkpoint)
    calibration = training.take(slice(0, study.calibration))
    weights = weights_digest(checkpoint.weights)
    sealed = SealedTest(study.data, folder, study.data_name, study.test_images)
    test = sealed.open(run.name, weights, data.digest).with_classes(data.classes)
    started = time.perf_counter()
    conditions = Conditions(
        calibration=calibration,
        test=test,
        time_steps=study.time_steps,
        folder=folder / run.name,
        bits=study.bits,
        engine=study.engine,
        command=execution.command,
        on_progress=lambda n, total: tick("testing", n, total),
    )
    result = measure_spiking(checkpoint, baseline, conditions, run.copies)
    return {
        **run.as_dict(),
        **result.as_json(),
        "source": measure_source(checkpoint, test, run.seed, device=execution.device),
        **_baseline_facts(baseline, len(calibration)),
        **_network_facts(run, checkpoint),
        "bits": study.bits,
        "weights": weights,
        "test": {"data": test.name, "digest": test.digest, "images": len(test)},
        "held_out": len(validation),
        "neurons": result.neurons,
        "test_seconds": time.perf_counter() - started,
        "command": execution.command,
        "version": __version__,
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def _baseline_facts(baseline: Baseline | None, calibration: int) -> Document:
    """Return the metrics that describe a baseline. calibration: number of calibration images of the study."""
    if baseline is None:
        return {"about": None, "shortened": "", "pre_steps": 0, "calibration": 0}
    return {
        "about": baseline.about,
        "shortened": baseline.shortened(calibration),
        "pre_steps": baseline.pre_steps,
        "calibration": calibration if baseline.calibrates else 0,
    }


def _network_facts(run: Run, checkpoint: Checkpoint) -> Document:
    """Return the metrics that describe how a network was trained."""
    return {
        "validation": checkpoint.provenance.get("validation"),
        "training": None if run.checkpoint or not run.trains else _training(checkpoint),
        "start": checkpoint.provenance.get("start"),
        "compute": compute_of(checkpoint.provenance),
    }


def train_network(study: Study, name: str, folder: Path, data: ImageSet, execution: Execution) -> Checkpoint:
    """Train the network of a run, or continue. The test split is not read; `perform` measures the network later.

    Args:
        study: The study.
        name: Name of a run that trains.
        folder: Folder of the study, with the finished run from which this one starts.
        data: Training images of the study.
        execution: Command, device and callbacks.
    """
    run = study.run(name)
    _open_folder(study, run, folder / name)
    return _network(study, run, folder, data, execution)


def training_images(study: Study) -> ImageSet:
    """Read the training split. The test split is read by `SealedTest`."""
    data = read(study.data, "train")
    if study.images is not None:
        data = data.take(slice(0, study.images))
    return data if study.data_name is None else data.renamed(study.data_name)


def _split(data: ImageSet, run: Run, checkpoint: Checkpoint) -> tuple[ImageSet, ImageSet]:
    """Divide the training images into (training, validation) as the training of a checkpoint did."""
    share = checkpoint.provenance.get("recipe", {}).get("validation", Recipe(epochs=1).validation)
    return split(data, Recipe(epochs=1, seed=run.seed, validation=share, batch=1))


def _open_folder(study: Study, run: Run, run_folder: Path) -> None:
    """Create the folder of a run, or check that it contains the run with these options."""
    run_folder.mkdir(parents=True, exist_ok=True)
    _check_config(run_folder, {**run.as_dict(), "bits": study.bits, "images": study.images})


def _check_code(study: Study, run: Run, run_folder: Path) -> None:
    """Raise SpikeletError if the user's code of a network no longer computes what a finished run trained.

    The other runs of the study would be compared with another network.
    """
    model, best = str(run.point["model"]), run_folder / "best.pt"
    if is_code(model) and best.is_file():
        use(str(study.path.parent / model), model)
        load_checkpoint(best).network()


def _ticking(tick: Tick) -> Callable[[TrainingProgress], None]:
    def on_batch(progress: TrainingProgress) -> None:
        done = (progress.epoch - 1) * progress.batches + progress.batch
        tick("training", done, progress.epochs * progress.batches)

    return on_batch


def _network(study: Study, run: Run, folder: Path, data: ImageSet, execution: Execution) -> Checkpoint:
    """Return the network of a run, and train it if necessary."""
    run_folder = folder / run.name
    model = str(run.point["model"])
    if is_code(model):
        use(str(study.path.parent / model), model)
    if run.checkpoint is not None:
        return load_checkpoint(Path(run.checkpoint))
    start = None
    if run.begins is not None:
        first = study.run(run.begins)
        if not run.trains:
            return _network(study, first, folder, data, execution)
        start = load_checkpoint(Path(first.checkpoint or folder / first.name / "best.pt"))
    facts = image_facts(data)
    if start is not None:
        facts.update(shape=start.spec.shape, mean=start.spec.mean, std=start.spec.std)
    phase = run.phase(facts)
    with freed_memory_kept():
        return train(
            phase.spec,
            phase.recipe,
            data,
            run_folder,
            start=start,
            resume=(run_folder / "last.pt").exists(),
            execution=execution,
        )


def _training(checkpoint: Checkpoint) -> Document:
    provenance = checkpoint.provenance
    return {
        "recipe": provenance["recipe"],
        "images": provenance["data"]["images"],
        "epoch": provenance["validation"]["epoch"],
        "epoch_seconds": provenance["validation"].get("training_seconds"),
        "device": provenance.get("device"),
        "compiled": provenance.get("compiled", False),
    }


def _check_config(run_folder: Path, config: Document) -> None:
    path = run_folder / "config.json"
    text = json.dumps(config, indent=1)
    if path.exists():
        before, current = read_object(path), json.loads(text)
        for key in current:
            if before.get(key) != current[key]:
                raise SpikeletError(
                    f"{run_folder}: contains a run with {key} = {before.get(key)}, the study has {current[key]}; "
                    "choose another folder (--out), or remove this one"
                )
        return
    with replacing(path) as file:
        file.write(text.encode())
