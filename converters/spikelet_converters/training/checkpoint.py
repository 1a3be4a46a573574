"""Checkpoints: the weights of a source network with its specification.

Files are written by torch.save and read with weights_only, so that loading one executes no code.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from spikelet import options
from spikelet.errors import ConversionError, Translating, UsageError
from spikelet.files.atomic import replacing
from spikelet.files.decoded import Document, ReadOnlyDocument
from spikelet_converters.source_model.networks import NETWORKS, NetworkSpec
from spikelet_converters.training import behaviour
from spikelet_converters.training.user_network import use
from spikelet_converters.weights import described, load, mismatch, states

FORMAT = 1


@dataclass
class Checkpoint:
    """A trained source network.

    Attributes:
        spec: Specification of the network.
        weights: Its state dictionary.
        provenance: Data, recipe, command and validation results.
        training: State of the optimiser and the log, only in files from which a run is resumed.
        behaviour: What the code of a user's network computes with these weights, see `behaviour`. {} for a network of
            this package.
        name: What errors begin with, such as the path of the file.
    """

    spec: NetworkSpec
    weights: dict[str, torch.Tensor]
    provenance: Document
    training: Document = field(default_factory=dict)
    behaviour: Document = field(default_factory=dict)
    name: str = "checkpoint"

    def network(self) -> nn.Module:
        """Build the network and load its weights, in evaluation mode.

        Raises:
            ConversionError: The weights do not fit, or the code of the network computes something else since.
        """
        with Translating(self.name, ConversionError):  # a file may state any values
            network = self.spec.build()
            if difference := mismatch(self.weights, network.state_dict()):
                raise ConversionError(f"{self.name}: its weights do not fit {self.spec.model}: {difference}")
            network.load_state_dict(self.weights)
            if changed := behaviour.change(self.behaviour, network.eval(), self.spec.shape):
                raise ConversionError(
                    f"{self.name}: was trained with other code of {self.spec.model}: {changed}; undo the change of the "
                    "code, or train the network again"
                )
        return network.eval()

    def save(self, path: Path) -> None:
        """Write the file atomically."""
        content = {
            "spikelet_checkpoint": FORMAT,
            "spec": self.spec.as_dict(),
            "weights": {key: value.detach().cpu().contiguous() for key, value in self.weights.items()},
            "provenance": self.provenance,
            "training": self.training,
            "behaviour": self.behaviour,
        }
        # Serialised in memory first: on a full disk, torch's writer raises an error that does not mention the disk.
        buffer = io.BytesIO()
        torch.save(content, buffer)
        with replacing(path) as file:
            file.write(buffer.getbuffer())


def load_checkpoint(path: str | Path, network: str | None = None) -> Checkpoint:
    """Read a checkpoint.

    Args:
        path: The file.
        network: FILE.py:NAME of a network of the user's code, which runs; a checkpoint does not contain it.

    Raises:
        UsageError: `network` does not exist, or is given for a network that needs none.
        ConversionError: The file does not exist or is not a spikelet checkpoint.

    Examples:
        >>> checkpoint = load_checkpoint("assets/vgg9-cifar10.pt")
        >>> checkpoint.spec.model, checkpoint.spec.residual, checkpoint.spec.shape
        ('vgg9', 'exact', (3, 32, 32))
    """
    path = options.path("path", path)
    if not path.is_file():
        raise ConversionError(f"{path}: no such checkpoint file")
    content = load(path)
    if not isinstance(content, dict) or "spikelet_checkpoint" not in content:
        hint = ""
        if states(content):
            hint = (
                f"; it contains {described(content)}, and not the layers: convert model.py:NAME --weights {path} "
                "--input CxHxW, where NAME is the module or its class"
            )
        raise ConversionError(
            f"{path}: not a spikelet checkpoint, which is the file `best.pt` that `spikelet train` writes{hint}"
        )
    written = content["spikelet_checkpoint"]
    if type(written) is not int or written != FORMAT:
        raise ConversionError(f"{path}: checkpoint format {options.shown(written)}, this version reads format {FORMAT}")
    try:
        spec = dict(content["spec"])
        spec["shape"], spec["mean"], spec["std"] = (tuple(spec[key]) for key in ("shape", "mean", "std"))
        facts = dict(content["provenance"]), dict(content["training"]), dict(content.get("behaviour", {}))
        weights = content["weights"]
        if not isinstance(weights, dict) or not all(
            isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in weights.items()
        ):
            raise TypeError("weights: expected tensors by name")
        _check_provenance(facts[0])
        behaviour.check(facts[2])
        checkpoint = Checkpoint(NetworkSpec(**spec), weights, *facts, name=str(path))
    except (KeyError, RecursionError, TypeError, ValueError, UsageError) as error:
        raise ConversionError(f"{path}: damaged checkpoint ({error})") from None
    if network is not None:
        model = checkpoint.spec.model
        if model in NETWORKS:
            raise UsageError(f"{path}: contains a {model}, which needs no code; omit --network {network}")
        use(network, model)
    return checkpoint


def _check_provenance(provenance: ReadOnlyDocument) -> None:
    """Raise TypeError if a part of the provenance, or of that of the start, is not a dictionary."""
    for key in ("recipe", "validation"):
        if not isinstance(provenance.get(key, {}), dict):
            raise TypeError(f"provenance: {key} is {options.shown(provenance[key])}, expected a dictionary")
    start = provenance.get("start")
    if isinstance(start, dict):
        _check_provenance(start)
    elif start is not None:
        raise TypeError(f"provenance: start is {options.shown(start)}, expected a dictionary")
