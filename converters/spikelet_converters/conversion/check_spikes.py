"""Compare the spikes of an imported graph with those of its source: loops over time, and single layers of neurons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spikelet.engines import create, run
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF
from spikelet_converters.conversion.agreement import TIED, Moved, OutputDifference, Outputs, agree
from spikelet_converters.frontends import Source
from spikelet_converters.frontends.source import Loop

CHECKED_STEPS = 8  # number of time-steps of a spiking source
STEPS_OF_LAYERS = 16  # number of time-steps of a single layer
MOVED = 3e-5  # largest relative shift of a threshold, at random, which estimates the effect of ties
MOVES = 4  # number of graphs with shifted thresholds
CURRENTS = (0.1, 0.2, 0.35, 0.5, 0.8, 1.2, 2.0, 4.0)  # spread of the currents of a layer, in thresholds
MEAN = 0.4  # of the currents, in spreads


def compare_layers(layers: Mapping[str, Source]) -> Iterator[OutputDifference]:
    """Compare single layers of neurons with the source, on random currents of the size of their thresholds.

    The currents differ between time-steps and neurons, so that some neurons of every layer fire at some time-steps.

    Args:
        layers: Sources of one layer each, see `Source.layers`.

    Yields:
        The differences of every layer.

    Raises:
        ConversionError: A layer and its imported graph fire different spikes. The message names the layer.
    """
    rng = np.random.default_rng(0)
    for name, layer in layers.items():
        assert layer.simulate is not None
        normal = rng.normal(MEAN, 1, (STEPS_OF_LAYERS, len(CURRENTS), *layer.shape))
        sizes = np.asarray(CURRENTS).reshape(-1, *(1,) * len(layer.shape)) * _threshold(layer)
        currents = (normal * sizes).astype(np.float32)
        expected = layer.simulate(currents).cumsum(0)
        try:
            yield agree(f"random currents of {name}", expected, *summed(layer, currents, STEPS_OF_LAYERS))
        except ConversionError:
            if not layer.notes:
                raise
            known = "; ".join(layer.notes)
            raise ConversionError(
                f"the imported graph fires other spikes than {name} on random currents: {known}"
            ) from None


def _threshold(layer: Source) -> npt.NDArray[np.float64]:
    """Return the thresholds of a layer's neurons by channel, () or (C, …); 1 for a layer that does not fire."""
    thetas = [node.theta for node in layer.graph.nodes.values() if isinstance(node, IF | LIF)]
    theta = np.asarray(thetas[-1] if thetas else 1.0, np.float64)
    return theta.reshape(theta.shape + (1,) * (len(layer.shape) - 1)) if theta.ndim else theta


def compare_loop(source: Source, loop: Loop, name: str, pixels: npt.NDArray[np.float32]) -> OutputDifference:
    """Compare with the loop over time-steps that the source runs itself, since the import reduced it to one of them."""
    frames = pixels[None]
    if loop.frames:  # another one at each time-step
        frames = np.stack([np.roll(pixels, t, axis=0) for t in range(loop.steps)])
    normalised = np.stack([source.preprocessing.apply(frame) for frame in frames])
    expected = loop.outputs(normalised if loop.frames else normalised[0])
    actual, moved = summed(source, frames, loop.steps)
    if expected.ndim == actual.ndim - 1:  # summed by the source
        try:
            others = lambda: (other[-1] / np.float32(loop.divisor) for other in moved())  # noqa: E731
            return agree(name, expected, actual[-1] / np.float32(loop.divisor), others, loop.ending, tied(source))
        except ConversionError:
            if not _is_last(expected, actual):
                raise
        raise ConversionError(
            f"the network returns the output of the last of its {loop.steps} time-steps; a bundle returns the sum: "
            "expected the sum of the outputs, such as torch.stack(outputs).sum(0), or all of them"
        )
    return agree(name, expected.cumsum(0), actual, moved, tied=tied(source))


def _is_last(expected: Outputs, actual: Outputs) -> bool:
    """Return whether outputs are those of the last time-step, of sums over time (T, N, K)."""
    return len(actual) > 1 and np.allclose(expected, actual[-1] - actual[-2], atol=1e-4 * float(np.abs(actual).max()))


def tied(source: Source) -> float:
    """Return the largest difference that ties may explain, see `agreement.agree`.

    It is not limited for a source that can be perturbed, whose comparison does not depend on ties.
    """
    return TIED if source.perturbed is None else math.inf


def summed(source: Source, frames: npt.NDArray[np.float32], steps: int) -> tuple[Outputs, Moved]:
    """Return the sums over time of the imported graph, (T, N, K), and a function for those with moved thresholds."""

    def moved() -> Iterable[Outputs]:
        graphs = (thresholds_moved(source, seed).graph for seed in range(MOVES))
        return (simulated(graph, frames, steps).cumsum(0) for graph in graphs)

    return simulated(source.graph, frames, steps).cumsum(0), moved


def simulated(graph: Graph, frames: npt.NDArray[np.float32], steps: int) -> Outputs:
    """Return the outputs of a graph, (T, N, K), for inputs (T or 1, N, *shape)."""
    engine = create(graph, "numpy")
    return np.stack([np.array(logits) for _, logits in run(engine, frames, steps)])


def thresholds_moved(source: Source, seed: int) -> Source:
    """Return the source with every threshold of the imported graph shifted at random by up to MOVED."""
    rng = np.random.default_rng(seed)

    def moved(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
        array = np.asarray(values, np.float64)
        return (array * rng.uniform(1 - MOVED, 1 + MOVED, array.shape)).astype(np.float32)

    nodes = {
        name: replace(node, theta=moved(node.theta)) if isinstance(node, IF | LIF) else node
        for name, node in source.graph.nodes.items()
    }
    return replace(source, graph=Graph(nodes, source.graph.edges))
