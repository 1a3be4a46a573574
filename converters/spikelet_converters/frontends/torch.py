"""Torch modules, and the programs that torch.export writes, as sources."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikelet.errors import ConversionError, UsageError
from spikelet.nodes import Shape
from spikelet_converters.frontends import torch_fx as trace
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.source import Predict, Preprocessing, Source, finished


def from_module(
    network: nn.Module,
    shape: Shape,
    preprocessing: Preprocessing | None = None,
    *,
    average_pools: bool = False,
    low: int = 0,
    high: int = 255,
) -> Source:
    """A torch network: plain, quantisation-aware, or spiking (one time-step of it).

    shape: of one input. average_pools: replace max pools. low, high: range of the input's values.

    Raises:
        ConversionError: something in it has no spiking form; names it and its place.
    """
    preprocessing = preprocessing or Preprocessing()
    builder = Builder(shape, calibrate=True)
    trace.read(network, builder, average_pools=average_pools, start=preprocessing.start(builder, low, high))
    return finished("torch module", builder, _predict(network), preprocessing)


def from_exported(path: Path, preprocessing: Preprocessing | None = None) -> Source:
    """A program that torch.export.save wrote (`.pt2`).

    Raises:
        ConversionError: not such a file, or something in it has no spiking form.
    """
    try:
        program = torch.export.load(path)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise ConversionError(f"{path}: not a program that torch.export wrote ({error})") from None
    return from_program(program, preprocessing)


def from_program(program: torch.export.ExportedProgram, preprocessing: Preprocessing | None = None) -> Source:
    """A torch.export.ExportedProgram, whose calls are those of ATen."""
    from spikelet_converters.frontends import torch_export as aten

    preprocessing = preprocessing or Preprocessing()
    return aten.read(program, preprocessing)


def load_module(reference: str, weights: Path | None) -> nn.Module:
    """The module that `FILE.py:NAME` stands for: NAME is a module, or a class or function that gives one.

    weights: a state dict, read with weights_only.

    Raises:
        UsageError: no such file or name. ConversionError: it gives no module, or the weights do not fit.
    """
    file, _, name = reference.rpartition(":")
    path = Path(file)
    if not path.is_file() or not name:
        raise UsageError(f"{reference}: expected FILE.py:NAME, a file that is there and a name in it")
    spec = importlib.util.spec_from_file_location(f"spikelet_source_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
        found: Any = getattr(module, name, None)
        if found is None:
            raise UsageError(f"{reference}: {file} has no {name}")
        network = found() if callable(found) and not isinstance(found, nn.Module) else found
    except UsageError:
        raise
    except Exception as error:  # the user's own code
        raise ConversionError(f"{reference}: {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(str(path.parent))
    if not isinstance(network, nn.Module):
        what = f"found {type(network).__name__}"
        raise ConversionError(f"{reference}: {what}; expected a torch.nn.Module, or a class or function that gives one")
    if weights is not None:
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            network.load_state_dict(state.get("state_dict", state) if isinstance(state, dict) else state)
        except Exception as error:
            raise ConversionError(f"{weights}: not a state dict of {reference} ({error})") from None
    return network.eval()


def _predict(network: nn.Module) -> Predict:
    @torch.no_grad()
    def predict(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = network(torch.from_numpy(np.ascontiguousarray(inputs))).numpy()
        return logits

    return predict
