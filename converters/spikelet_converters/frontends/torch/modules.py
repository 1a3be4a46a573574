"""Import a torch module, a torch.export program or a file of one as a `Source`, with its outputs for comparisons."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikelet.errors import ConversionError, one_line, pass_out_of_memory
from spikelet.nodes import Shape
from spikelet.options import instance
from spikelet.options import path as checked_path
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.refusals import NotTraced
from spikelet_converters.frontends.source import Predict, Preprocessing, Source, as_taken, build, finished
from spikelet_converters.frontends.torch import exported, fx, quant_aware, stepwise
from spikelet_converters.frontends.torch.arguments import check_output, check_preprocessing, check_shape
from spikelet_converters.frontends.torch.neurons import layers_alone, without_ties
from spikelet_converters.frontends.torch.outputs import chosen
from spikelet_converters.frontends.torch.python_file import factory
from spikelet_converters.frontends.torch.simulation import loop, output_of, simulator
from spikelet_converters.frontends.torch.tracer import hooked
from spikelet_converters.frontends.torch.tracing import compute_weights, traced
from spikelet_converters.frontends.torch.wrappers import plain
from spikelet_converters.frontends.values import PoolForm, Value
from spikelet_converters.weights import fit, refuse_script

_ANY_BATCH = "expected a network in evaluation mode that takes float32 inputs in batches of any size"
BATCH = 7919  # batch size of the example with which a network is exported, a size that no layer has


def from_module(
    network: nn.Module,
    shape: Shape,
    preprocessing: Preprocessing | None = None,
    *,
    max_pools: PoolForm = "or",
    output: str | int | None = None,
    low: int = 0,
    high: int = 255,
) -> Source:
    """Import a torch network: plain, quantisation-aware, or one time-step of a spiking network.

    Args:
        network: The module.
        shape: Shape of one input, (F,), (C, L), (C, H, W), or (H, W) for a network that adds an axis.
        preprocessing: Normalisation of the input, by default pixel / 255.
        max_pools: Form of max pools: "or" (neurons that fire if one of their inputs fires), "pairs" or "average".
        output: Index or key of the output to convert, for a network with several.
        low: Smallest value of the input.
        high: Largest value of the input.

    Raises:
        ConversionError: A layer has no spiking form. The message names the layer and its location.
        UsageError: An argument is of a wrong type, or the network has no such output.

    Examples:
        >>> from torch import nn
        >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
        >>> source = from_module(network, (1, 8, 8))
        >>> source.graph.spiking, source.spiking  # a ReLU has no threshold before calibration
        (('n1',), False)
    """
    instance("network", network, nn.Module)
    check_shape(shape)
    preprocessing, key = check_preprocessing(preprocessing), check_output(output)
    network = plain(network)
    stored = [tensor for tensor in (*network.parameters(), *network.buffers()) if not nn.parameter.is_lazy(tensor)]
    if any(tensor.is_floating_point() and tensor.dtype != torch.float32 for tensor in stored):
        compute_weights(network)  # computed weights can be copied
        network = copy.deepcopy(network).float()  # a graph is float32

    calls = cache(lambda: traced(network))

    def add(builder: Builder, x: Value) -> None:
        fx.add(calls(), builder, start=x, output=key)

    def add_program(builder: Builder, x: Value) -> None:
        assert program is not None
        exported.add(program, builder, x, output=key)

    def again(changed: nn.Module) -> Source:
        return from_module(changed, shape, preprocessing, max_pools=max_pools, output=key, low=low, high=high)

    program = _exported(network, shape) if hooked(network) else None
    try:
        builder = build(shape, add if program is None else add_program, preprocessing, low, high, max_pools=max_pools)
    except ConversionError as error:
        step = stepwise.read(network, again) if output is None else None
        if step is not None:
            return step
        program = _exported(network, shape) if isinstance(error, NotTraced) else None
        if program is None:
            raise error from None
        builder = build(shape, add_program, preprocessing, low, high, max_pools=max_pools)

    if builder.relus or builder.levels:
        container = network if program is not None else calls()[0]
        _refuse_both(builder, container)
        source = finished("torch module", builder, _predict(network, shape, key), preprocessing)
        if not quant_aware.has_scales(network):
            return source
        return replace(source, perturbed=lambda: again(quant_aware.scales_changed(network)))
    container, graph, reduced = calls()
    _refuse_ending(builder)
    source = finished(
        "torch module", builder, None, preprocessing, simulate=simulator(container, graph, shape, key),
        loop=loop(network, reduced, shape, key),
    )  # fmt: skip
    return replace(
        source, perturbed=lambda: again(without_ties(network)), layers=lambda: layers_alone(container, graph, shape)
    )


def _refuse_both(builder: Builder, container: nn.Module) -> None:
    """Raise ConversionError for a network of rectifiers that has spiking neurons too."""
    if any(frameworks.is_neuron(module) for module in container.modules()):
        raise ConversionError(
            f"{next(iter({**builder.relus, **builder.levels}))}: is a rectifier in a network of spiking neurons; "
            "expected one of the two: leave it out, or use a neuron in its place"
        )


def _refuse_ending(builder: Builder) -> None:
    """Raise ConversionError for a function of the outputs of a spiking network, which are summed over time."""
    if builder.ending != "logits":
        raise ConversionError(
            f"the network: applies {builder.ending} to its outputs, which a bundle sums over time; leave it out, so "
            "that the network returns spikes or values at every time-step, or their sum"
        )


@contextmanager
def _without_logs() -> Iterator[None]:
    """Log nothing: torch logs the traceback of each error that it raises."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)


def from_exported(
    path: str | Path,
    preprocessing: Preprocessing | None = None,
    *,
    max_pools: PoolForm = "or",
    output: str | int | None = None,
) -> Source:
    """Import a program written by torch.export.save (`.pt2`).

    Args:
        path: The file.
        preprocessing: Normalisation of the input, by default pixel / 255.
        max_pools: Form of max pools: "or" (neurons that fire if one of their inputs fires), "pairs" or "average".
        output: Index or key of the output to convert, for a program with several.

    Raises:
        ConversionError: The file is not an exported program, or a layer has no spiking form.
    """
    path = checked_path("path", path)
    refuse_script(path)
    try:
        with _without_logs():
            program = torch.export.load(path)
    except Exception as error:  # torch raises many types of errors for an invalid file
        pass_out_of_memory(error, str(path))
        raise ConversionError(f"{path}: not a torch.export program ({one_line(error)})") from None
    return from_program(program, preprocessing, max_pools=max_pools, output=output)


def from_program(
    program: torch.export.ExportedProgram, preprocessing: Preprocessing | None = None, *, max_pools: PoolForm = "or",
    output: str | int | None = None,
) -> Source:  # fmt: skip
    """Import a torch.export.ExportedProgram, a graph of ATen calls.

    Args:
        program: The program.
        preprocessing: Normalisation of the input, by default pixel / 255.
        max_pools: Form of max pools: "or" (neurons that fire if one of their inputs fires), "pairs" or "average".
        output: Index of the output to convert, for a program with several.
    """
    instance("program", program, torch.export.ExportedProgram)
    normalisation, key = check_preprocessing(preprocessing), check_output(output)
    return exported.read(program, normalisation, max_pools=max_pools, output=key)


def _exported(network: nn.Module, shape: Shape) -> torch.export.ExportedProgram | None:
    """Return the program of a network that torch.fx cannot trace, or None if torch.export refuses it too."""
    if any(frameworks.is_neuron(module) for module in network.modules()):
        return None  # torch.export would write its states into the program
    try:
        with warnings.catch_warnings(), torch.no_grad(), _without_logs():
            warnings.simplefilter("ignore")
            return torch.export.export(network.eval(), (torch.zeros(1).expand(BATCH, *shape),))
    except Exception as error:  # torch, and the user's own code, raise many types of errors
        pass_out_of_memory(error, type(network).__name__)
        return None


def load_module(reference: str, weights: Path | None, weights_key: str | None = None) -> nn.Module:
    """Load the module named by `FILE.py:NAME`, where NAME is a module, or a class or function that returns one.

    Args:
        reference: FILE.py:NAME.
        weights: File with the weights of the module, see `spikelet_converters.weights`.
        weights_key: Name of the weights in the file, if several sets fit.

    Raises:
        UsageError: The file or the name does not exist.
        ConversionError: NAME is not a module, or the weights do not fit.
    """
    network = factory(reference)()
    if weights is not None:
        fit(weights, network, reference, weights_key)
    return network.eval()


def _predict(network: nn.Module, shape: Shape, output: str | None) -> Predict:
    def predict(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        taken = torch.from_numpy(as_taken(inputs, shape)).clone()  # which the network may change
        message = f"cannot be evaluated on inputs of shape {tuple(taken.shape)}"
        return output_of(network, lambda: chosen(network(taken), output), message, _ANY_BATCH)

    return predict
