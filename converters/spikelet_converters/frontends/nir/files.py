"""Open NIR files, and choose between their annotation and the nodes of NIR."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from spikelet.errors import ConversionError, CostError, one_line, pass_out_of_memory
from spikelet.files.hdf5 import Tree, tree
from spikelet.nodes import Shape
from spikelet_converters.choices import TIME_STEP
from spikelet_converters.exports.nir import METADATA, NirNode, load_nir
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.nir.annotation import annotated
from spikelet_converters.frontends.nir.nesting import flat, input_shape, leading_to, used_by
from spikelet_converters.frontends.nir.reader import Reader
from spikelet_converters.frontends.nir.simulation import simulator
from spikelet_converters.frontends.nir.structure import ROOT, built, check_structure
from spikelet_converters.frontends.source import PERTURBATION, Preprocessing, Source, finished


def read(
    path: Path,
    *,
    dt: float | None = None,
    preprocessing: Preprocessing | None = None,
    low: int = 0,
    high: int = 255,
    output: str | None = None,
) -> Source:
    """Import a `.nir` file.

    Args:
        path: The file.
        dt: Length of a time-step in seconds, by default 1e-4 or the value of the file's annotation.
        preprocessing: Normalisation of the input, by default none.
        low: Smallest value of the input.
        high: Largest value of the input.
        output: Name of the Output node to convert, of several.

    Raises:
        ConversionError: The file is not a NIR file, a node is not supported, or the network is recurrent. The message
            names the node.
        CostError: Its compressed arrays need more memory than the limit permits.
    """
    return from_nir(load(path), dt=dt, preprocessing=preprocessing, low=low, high=high, output=output)


def load(path: Path) -> NirNode:
    """Open a `.nir` file as a nir.NIRGraph.

    Raises:
        ConversionError: The file is not a NIR file.
        CostError: Its compressed arrays need more memory than the limit permits.
    """
    load_nir()
    import h5py

    try:
        with h5py.File(path, "r") as file:
            contents = tree(file)
            check_structure(contents)
            return built(ROOT, _values(contents[ROOT]))
    except (ConversionError, CostError) as error:
        raise error.locate(path) from None
    except Exception as error:  # h5py and nir raise many types of errors
        pass_out_of_memory(error, str(path))
        raise ConversionError(f"{path}: not a NIR file that can be read ({one_line(error)})") from None


def _values(contents: Tree) -> Tree:
    """Return the values of all datasets, texts as str."""
    values: Tree = {}
    for name, item in contents.items():
        value = _values(item) if isinstance(item, dict) else item[()]
        values[name] = value.decode("utf8") if isinstance(value, bytes) else value
    return values


def from_nir(
    network: NirNode,
    *,
    dt: float | None = None,
    preprocessing: Preprocessing | None = None,
    low: int = 0,
    high: int = 255,
    output: str | None = None,
) -> Source:
    """Import a nir.NIRGraph; see `read`."""
    text = network.metadata.get(METADATA)
    note = ""
    if text is not None:
        source = annotated(network, text.decode(errors="replace") if isinstance(text, bytes) else str(text))
        if source is not None:
            return source
        note = "the file was changed after spikelet wrote it: its annotation was ignored, the nodes were imported"
    # inputs are currents and spikes, not normalised by default
    preprocessing = preprocessing or Preprocessing(scale=1.0)
    given, edges = leading_to(*flat(network), output)
    (end,) = (name for name, node in given.items() if type(node).__name__ == "Output")
    nodes, edges = used_by(end, given, edges)
    unused = [name for name in given if name not in nodes and type(given[name]).__name__ != "Input"]
    step = TIME_STEP if dt is None else dt

    inputs: dict[str, Shape] = {}

    def imported(nodes: dict[str, NirNode]) -> Source:
        builder = Builder(input_shape(network))
        if note:
            builder.note(note)
        if unused:
            builder.note(f"nodes that lead to no output were left out: {', '.join(unused[:8])}")
        reader = Reader(builder, step)
        reader.run(nodes, edges, preprocessing.start(builder, low, high))
        inputs.update(reader.inputs)
        return finished("NIR", builder, None, preprocessing, simulate=simulator(nodes, edges, step))

    return replace(
        imported(nodes),
        perturbed=lambda: imported(_without_ties(nodes)),
        layers=lambda: {name: _alone(nodes[name], name, shape, step) for name, shape in inputs.items()},
    )


def _alone(node: NirNode, name: str, shape: Shape, dt: float) -> Source:
    """Import a node that fires as a network of its own, after weights of 1 that take a shift of its current."""
    nir = load_nir()
    identity, zeros = np.eye(shape[0], dtype=np.float32), np.zeros(shape[0], np.float32)
    kind = {key: np.array(shape) for key in ("input", "output")}
    nodes = {"input": nir.Input(kind), "weights": nir.Affine(identity, zeros), f"layer {name}": node}
    if len(shape) > 1:
        nodes["weights"] = nir.Conv2d(None, identity[:, :, None, None], 1, 0, 1, 1, zeros)
        nodes["flat"] = nir.Flatten({"input": np.array(shape)}, 0)
    nodes["output"] = nir.Output(kind)
    edges = list(pairwise(nodes))
    builder, preprocessing = Builder(shape), Preprocessing(scale=1.0)
    Reader(builder, dt).run(nodes, edges, preprocessing.start(builder))
    return finished("NIR", builder, None, preprocessing, simulate=simulator(nodes, edges, dt))


def _without_ties(nodes: dict[str, NirNode]) -> dict[str, NirNode]:
    """Return the nodes with weights changed by up to PERTURBATION, so that sums of spikes do not equal thresholds."""
    rng = np.random.default_rng(0)
    changed = {}
    for name, node in nodes.items():
        changed[name] = copy.copy(node)
        for field in ("weight", "bias", "scale"):
            value = getattr(node, field, None)
            if value is not None:
                values = np.asarray(value, np.float64)
                shape = () if field == "scale" else values.shape  # a scale is the same within a channel
                moved = (values * rng.uniform(1 - PERTURBATION, 1 + PERTURBATION, shape)).astype(np.float32)
                setattr(changed[name], field, moved)
    return changed
