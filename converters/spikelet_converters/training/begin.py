"""States from which training begins: an interrupted run, or the weights of another checkpoint."""

from __future__ import annotations

from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path

import torch
from torch import nn

from spikelet.data.images import ImageSet
from spikelet.errors import SpikeletError, UsageError, one_line
from spikelet.files.decoded import Document
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint
from spikelet_converters.training.recipe import Recipe
from spikelet_converters.weights import mismatch


def resume(
    out: Path,
    spec: NetworkSpec,
    recipe: Recipe,
    data: ImageSet,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    log: list[Document],
) -> Checkpoint:
    """Load the state of an interrupted run into network, optimiser and log.

    Args:
        out: Folder of the run.
        spec, recipe, data: Specification, settings and training split, which must be those of the run.
        network, optimiser, log: Objects that are changed: weights, state of the optimiser, rows of the epochs.

    Returns:
        The best checkpoint so far.

    Raises:
        SpikeletError: The folder contains no run, or one with other options, data, network or code.
    """
    path = out / "last.pt"
    if not path.exists():
        raise SpikeletError(f"{out}: nothing to resume; the folder has no last.pt")
    last = load_checkpoint(path)
    try:
        _check_options(last, out, spec, recipe)
        _check_data(last, out, data)
        log.extend(_rows(last))
        if len(log) < recipe.epochs:
            _check_layers(last, out, network)
            network.load_state_dict(last.weights)
            optimiser.load_state_dict(last.training["optimiser"])
    except (AttributeError, KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__}: {one_line(error)}"
        raise SpikeletError(f"{path}: damaged checkpoint ({problem}); train in another folder") from None
    best = load_checkpoint(out / "best.pt")
    if best.behaviour:
        best.network()  # raises ConversionError if the code of the network has changed
    return best


def _check_options(last: Checkpoint, out: Path, spec: NetworkSpec, recipe: Recipe) -> None:
    """Raise SpikeletError if a run was started with other options."""
    before = (last.spec.as_dict(), last.provenance["recipe"])
    now = (spec.as_dict(), asdict(recipe))
    # Checkpoints of earlier versions lack newer options; their runs used the defaults.
    defaults = {field.name: field.default for field in (*fields(spec), *fields(recipe)) if field.default is not MISSING}
    for old, new in zip(before, now, strict=True):
        for key in new:
            previous = old[key] if key in old else defaults[key]
            if previous != new[key]:
                raise SpikeletError(
                    f"{out}: was started with {key} = {previous}, now {new[key]}; "
                    "resume with the same options, or choose another folder"
                )


def _check_data(last: Checkpoint, out: Path, data: ImageSet) -> None:
    before = last.provenance["data"]
    if before["digest"] != data.digest:
        raise SpikeletError(f"{out}: was started with other data ({before['name']}), now {data.name}")


def _check_layers(last: Checkpoint, out: Path, network: nn.Module) -> None:
    """Raise SpikeletError unless a network has the layers of a run, in its order.

    The state of the optimiser has no names: its entries are in the order of the layers.
    """
    own = network.state_dict()
    difference = mismatch(last.weights, own) or ("" if [*last.weights] == [*own] else "another order of its layers")
    if difference:
        raise SpikeletError(
            f"{out}: was started with another network than {last.spec.model} is now: {difference}; undo the change of "
            "its code, or choose another folder"
        )


def _rows(last: Checkpoint) -> list[Document]:
    """Return the rows of the finished epochs."""
    rows = [{**row, "epoch": int(row["epoch"])} for row in last.training["log"]]
    if not all(isinstance(value, int | float | None) for row in rows for value in row.values()):
        raise TypeError("log: expected numbers")
    return rows


def compact(out: Path) -> None:
    """Remove weights and the state of the optimiser from the `last.pt` of a finished run.

    The remaining file shows that the run is finished. The network is in `best.pt`.
    """
    last = load_checkpoint(out / "last.pt")
    replace(last, weights={}, training={"log": last.training["log"]}).save(out / "last.pt")


def take_weights(network: nn.Module, start: Checkpoint) -> None:
    """Load the weights of a checkpoint, except for states of the residual strategy and missing potentials.

    If the checkpoint has one threshold per layer and the network one per channel, all channels start with that of the
    layer.
    """

    def is_optional(key: str) -> bool:
        return ".residual." in key or key.endswith(".shift")

    expected = {key for key in network.state_dict() if not is_optional(key)}
    own = network.state_dict()
    weights = {key: value for key, value in start.weights.items() if not is_optional(key)}
    for key, value in weights.items():
        if key.endswith(".rho") and value.ndim == 0 and key in own:
            weights[key] = value.expand(own[key].shape)  # one threshold of the start, for all channels
    if expected != set(weights) or any(own[key].shape != weights[key].shape for key in expected):
        raise SpikeletError(f"the checkpoint to start from is a {start.spec.model} with other layers than this network")
    potentials = {key for key in network.state_dict() if key.endswith(".shift") and key in start.weights}
    network.load_state_dict(weights | {key: start.weights[key] for key in potentials}, strict=False)


def check_split(start: Checkpoint, recipe: Recipe, data: ImageSet) -> None:
    """Raise UsageError if a start was trained on images of the validation split."""
    before, trained_on = start.provenance.get("recipe", {}), start.provenance.get("data")
    if not isinstance(trained_on, dict) or trained_on.get("digest") != data.digest:
        return
    for key in ("seed", "validation"):
        now = getattr(recipe, key)
        if before.get(key, now) != now:
            raise UsageError(
                f"the checkpoint to start from has another validation split ({key} {before[key]}, now {now}) "
                f"and was trained on images of this one; use {key} {before[key]}"
            )
