"""Import torch modules and torch.export programs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikelet.errors import ConversionError, UsageError, pass_out_of_memory
from spikelet.nodes import Shape
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.source import Predict, Preprocessing, Source, finished
from spikelet_converters.frontends.torch import fx
from spikelet_converters.frontends.torch.simulation import simulator
from spikelet_converters.weights import fit


def from_module(
    network: nn.Module,
    shape: Shape,
    preprocessing: Preprocessing | None = None,
    *,
    average_pools: bool = False,
    low: int = 0,
    high: int = 255,
) -> Source:
    """Import a torch network: plain, quantisation-aware, or one time-step of a spiking network.

    Args:
        network: The module.
        shape: Shape of one input.
        preprocessing: Normalisation of the input, by default pixel / 255.
        average_pools: Replace max pools by average pools.
        low: Smallest value of the input.
        high: Largest value of the input.

    Raises:
        ConversionError: A layer has no spiking form. The message names the layer and its location.
    """
    preprocessing = preprocessing or Preprocessing()
    builder = Builder(shape, calibrate=True)
    fx.read(network, builder, average_pools=average_pools, start=preprocessing.start(builder, low, high))
    if builder.relus or builder.levels:
        return finished("torch module", builder, _predict(network), preprocessing)
    return finished("torch module", builder, None, preprocessing, simulate=simulator(*fx.traced(network)[:2]))


def from_exported(path: Path, preprocessing: Preprocessing | None = None) -> Source:
    """Import a program written by torch.export.save (`.pt2`).

    Raises:
        ConversionError: The file is not an exported program, or a layer has no spiking form.
    """
    try:
        program = torch.export.load(path)
    except Exception as error:  # torch raises many types of errors for an invalid file
        pass_out_of_memory(error, str(path))
        raise ConversionError(f"{path}: not a torch.export program ({error})") from None
    return from_program(program, preprocessing)


def from_program(program: torch.export.ExportedProgram, preprocessing: Preprocessing | None = None) -> Source:
    """Import a torch.export.ExportedProgram, a graph of ATen calls."""
    from spikelet_converters.frontends.torch import exported

    preprocessing = preprocessing or Preprocessing()
    return exported.read(program, preprocessing)


def load_module(reference: str, weights: Path | None, weights_key: str | None = None) -> nn.Module:
    """Load the module named by `FILE.py:NAME`, where NAME is a module, or a class or function that returns one.

    Args:
        reference: FILE.py:NAME.
        weights: A file with its weights, see `spikelet_converters.weights`.
        weights_key: Name of the weights in the file, where it holds several sets that fit.

    Raises:
        UsageError: The file or the name does not exist.
        ConversionError: NAME is not a module, or the weights do not fit.
    """
    file, _, name = reference.rpartition(":")
    path = Path(file)
    if not path.is_file() or not name:
        raise UsageError(f"{reference}: expected FILE.py:NAME, an existing file and a name in it")
    spec = importlib.util.spec_from_file_location(f"spikelet_source_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
        network: object = getattr(module, name, None)
        if network is None:
            raise UsageError(f"{reference}: {file} has no {name}")
        if callable(network) and not isinstance(network, nn.Module):
            network = network()
    except UsageError:
        raise
    except Exception as error:  # the user's own code
        pass_out_of_memory(error, reference)
        raise ConversionError(f"{reference}: {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(str(path.parent))
    if not isinstance(network, nn.Module):
        raise ConversionError(
            f"{reference}: found {type(network).__name__}; expected a torch.nn.Module, or a class or function that "
            "returns one"
        )
    if weights is not None:
        fit(weights, network, reference, weights_key)
    return network.eval()


def _predict(network: nn.Module) -> Predict:
    @torch.no_grad()
    def predict(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = network(torch.from_numpy(np.ascontiguousarray(inputs))).numpy()
        return logits

    return predict
