"""Read a NIR graph, recurrent or not, as layers of neurons that are connected by matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.choices import TIME_STEP
from spikelet_converters.exports.nir import NirNode
from spikelet_converters.frontends.nir.files import load
from spikelet_converters.frontends.nir.nesting import flat, input_shape, leading_to
from spikelet_converters.frontends.nir.simulation import STATELESS, simulator
from spikelet_converters.recurrent.delays import delayed, ordered
from spikelet_converters.recurrent.network import Connection, Layer, RecurrentNetwork, Values

NEURONS = ("IF", "LIF", "CubaLIF", "I", "LI", "CubaLI", "Threshold")

WEIGHTS = 2**26  # largest number of weights of a connection


def read(path: Path, *, dt: float | None = None, output: str | None = None) -> RecurrentNetwork:
    """Read a `.nir` file.

    Args:
        path: The file.
        dt: Length of a time-step in seconds, by default 1e-4.
        output: Name of the Output node, for a network with several.

    Raises:
        ConversionError: The file is not a NIR file, or a node or a loop is not supported.
        CostError: Its compressed arrays need more memory than the limit permits.
    """
    return from_nir(load(path), path.stem, dt=dt, output=output)


def from_nir(
    network: NirNode, name: str = "network", *, dt: float | None = None, output: str | None = None
) -> RecurrentNetwork:
    """Read a nir.NIRGraph; see `read`."""
    step = TIME_STEP if dt is None else dt
    nodes, edges = leading_to(*flat(network), output)
    kinds = {key: type(node).__name__ for key, node in nodes.items()}
    shape = input_shape(network)
    (entry,) = (key for key, kind in kinds.items() if kind == "Input")
    neurons = {key for key, kind in kinds.items() if kind in NEURONS}
    delays = delayed(list(nodes), edges, neurons, [entry])
    order = ordered(list(nodes), edges, delays)
    shapes = _shapes(nodes, edges, entry, shape)
    reader = _Reader(nodes, edges, delays, shapes, step)
    layers = tuple(reader.layer(key) for key in order if key in neurons or kinds[key] == "Output")
    equations = simulator(nodes, edges, step, {edge: shapes[edge[0]] for edge in delays})
    return RecurrentNetwork(name, shape, step, layers, equations)


def _shapes(nodes: Mapping[str, NirNode], edges: list[tuple[str, str]], entry: str, shape: Shape) -> dict[str, Shape]:
    """Return the shape of the output of every node."""
    shapes = {entry: shape}
    waiting = [entry]
    for name in waiting:
        for source, target in edges:
            if source == name and target not in shapes:
                shapes[target] = _probed(target, nodes[target], torch.zeros(1, *shapes[source])).shape[1:]
                waiting.append(target)
    absent = sorted(set(nodes) - set(shapes))
    if absent:
        raise ConversionError(f"node {absent[0]} ({type(nodes[absent[0]]).__name__}): is not connected to the input")
    return shapes


def _probed(name: str, node: NirNode, x: torch.Tensor) -> torch.Tensor:
    """Return the output of a node without a state, or the input of a neuron, for x (N, *shape)."""
    kind = type(node).__name__
    if kind in NEURONS:
        return x
    if kind not in STATELESS:
        raise ConversionError(f"node {name} ({kind}): has no form here; expected one of {', '.join(sorted(STATELESS))}")
    if kind == "Delay" and np.any(np.asarray(node.delay) != 0):
        raise ConversionError(
            f"node {name} (Delay): only a delay of 0 is read; loops have their delay of one time-step without a node"
        )
    try:
        return STATELESS[kind](node, x.double(), {}, 0.0)
    except (AttributeError, IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise ConversionError(
            f"node {name} ({kind}): cannot be evaluated on an input of shape {tuple(x.shape[1:])} ({error})"
        ) from None


class _Reader:
    """Reads neurons, and combines the nodes between them."""

    def __init__(
        self, nodes: Mapping[str, NirNode], edges: list[tuple[str, str]], delays: set[tuple[str, str]],
        shapes: Mapping[str, Shape], dt: float,
    ) -> None:  # fmt: skip
        self.nodes, self.delays, self.shapes, self.dt = nodes, delays, shapes, dt
        self.sources: dict[str, list[str]] = {name: [] for name in nodes}
        for source, target in edges:
            self.sources[target].append(source)

    def layer(self, name: str) -> Layer:
        """Read a node of neurons, or the output."""
        node, kind = self.nodes[name], type(self.nodes[name]).__name__
        terms, bias = self._current(name)
        inputs = tuple(Connection(source, weight, late) for (source, late), weight in terms.items())
        layer = Layer(name, kind, inputs, bias)
        try:
            return self._neuron(layer, node)
        except (AttributeError, TypeError, ValueError) as error:
            raise ConversionError(f"node {name} ({kind}): a parameter is missing or damaged ({error})") from None

    def _neuron(self, layer: Layer, node: NirNode) -> Layer:
        n, kind = len(layer), layer.kind

        def of(field: str) -> Values:
            values = np.ravel(np.asarray(getattr(node, field), np.float64))
            if not np.isfinite(values).all():
                raise ValueError(f"{field} has values that are not finite")
            return np.broadcast_to(values, (n,)).copy()

        if kind == "Output":
            return replace(layer, stateless=True)
        if kind == "Threshold":
            return replace(layer, stateless=True, theta=of("threshold"))
        if kind.startswith("Cuba"):
            layer = replace(layer, synapse=(self._share(layer, of("tau_syn")), of("w_in")))
        r = of("r")
        if kind == "IF" and np.allclose(r * self.dt, 1):
            r = np.ones(n)  # as SpikingJelly writes one unit a time-step
        layer = replace(layer, r=r)
        if kind not in ("IF", "I"):
            tau = of("tau_mem" if kind.startswith("Cuba") else "tau")
            layer = replace(layer, leak=self._share(layer, tau), rest=of("v_leak"))
        if kind.endswith("IF"):
            layer = replace(layer, theta=of("v_threshold"), reset=of("v_reset"))
        return layer

    def _share(self, layer: Layer, tau: Values) -> Values:
        if not ((tau > 0) & (self.dt / np.maximum(tau, 1e-300) <= 1)).all():
            raise ConversionError(
                f"node {layer.name} ({layer.kind}): a time constant of {tau.min():g} s does not fit time-steps of "
                f"{self.dt:g} s; give shorter time-steps with --dt"
            )
        return self.dt / tau

    def _current(self, name: str) -> tuple[dict[tuple[str, bool], Values], Values]:
        """Return the input of a node: matrices by (source, whether delayed), and a constant."""
        size = int(np.prod(self.shapes[self.sources[name][0]])) if self.sources[name] else 0
        terms: dict[tuple[str, bool], Values] = {}
        bias = np.zeros(size)
        for source in self.sources[name]:
            kind = type(self.nodes[source]).__name__
            if kind in NEURONS or kind == "Input":
                self._check_size(source, size, size)
                key = "" if kind == "Input" else source, (source, name) in self.delays
                parts, constant = {key: np.eye(int(np.prod(self.shapes[source])))}, np.zeros(size)
            else:
                parts, constant = self._through(source)
            if self.shapes[source] != self.shapes[self.sources[name][0]]:
                shapes = " and ".join(str(tuple(self.shapes[other])) for other in (self.sources[name][0], source))
                raise ConversionError(f"node {name}: its inputs have the shapes {shapes}; expected the same")
            for key, weight in parts.items():
                terms[key] = terms[key] + weight if key in terms else weight
            bias = bias + constant
        return terms, bias

    def _through(self, name: str) -> tuple[dict[tuple[str, bool], Values], Values]:
        """Return the output of a node without a state, in the form of `_current`."""
        terms, bias = self._current(name)
        shape = self.shapes[self.sources[name][0]]
        size = int(np.prod(shape))
        self._check_size(name, size, int(np.prod(self.shapes[name])))
        units = torch.from_numpy(np.concatenate([np.zeros((1, size)), np.eye(size)])).reshape(-1, *shape)
        outputs = _probed(name, self.nodes[name], units).reshape(size + 1, -1).numpy()
        matrix = (outputs[1:] - outputs[0]).T
        return {key: matrix @ weight for key, weight in terms.items()}, matrix @ bias + outputs[0]

    def _check_size(self, name: str, inputs: int, outputs: int) -> None:
        if inputs * outputs > WEIGHTS:
            raise ConversionError(
                f"node {name}: needs {outputs:,} x {inputs:,} weights as a matrix; at most {WEIGHTS:,} are supported"
            )
