"""How the ONNX Runtime engine evaluates a network, and the memory that this takes."""

from __future__ import annotations

from spikelet.bounds import cost
from spikelet.copies.at_once import layers_at_once
from spikelet.engines.workload import Workload
from spikelet.graph import Graph
from spikelet.lowering.onnx.products import fits
from spikelet.lowering.onnx.step import frontier
from spikelet.nodes import Conv2d

OVERHEAD = 2**14  # bytes per node
SESSION_BYTES = 2**24  # of ONNX Runtime itself, for the sessions of one network
WEIGHT_BYTES = 24  # per weight: the model, its parsed form, float32 and its packed form
LONGEST_WINDOW = 16  # longest window that is evaluated in one model
MOST_PIXELS = 2**22  # up to this number, the rounding error of a mean over the pixels is less than half a spike
IMAGES = 4  # images per 8-bit product, so that pixels stay in the cache


def memory(graph: Graph, load: Workload) -> int:
    """Return an upper bound of the bytes that the engine uses at any time, see `Engine.memory`."""
    # layouts: a model of byte products contains static values twice, with channels first and with channels last
    steps, batch, layouts = 1, load.batch, 1
    in_window = evaluates_window(graph, load)
    if load.window is not None and in_window:
        steps = load.window
    if multiplies_bytes(graph) and not (in_window and load.record):
        batch, layouts = min(batch, IMAGES), 2
    values: dict[str, int] = {}
    transient: dict[str, int] = {}
    for name in graph.order:
        node = graph.nodes[name]
        count = 4 * batch * graph.neurons(name)
        times = layouts if name in graph.static else steps
        values[name] = times * count
        # inputs and outputs are copied where ONNX Runtime stores images in blocks; a convolution may be unfolded
        transient[name] = values[name] + sum(values[source] for source in graph.predecessors[name])
        if isinstance(node, Conv2d):
            pixels = graph.neurons(name) // len(node.weight)
            transient[name] += 4 * node.groups * int(node.weight[0].size) * pixels
    states = sum(4 * load.batch * graph.neurons(name) for name in (*graph.spiking, *graph.integrators))
    recorded = sum(16 * load.batch * steps * graph.neurons(name) for name in load.record)
    recorded += sum(batch * steps * graph.neurons(name) for name in graph.spiking)  # spikes so far, in windows
    # the arena of ONNX Runtime grows by powers of two
    resident = 2 * cost.peak(graph, values, transient) + 3 * states + recorded
    resident += 8 * load.batch * graph.neurons(graph.input_name)
    if not in_window:  # inputs of the part that is evaluated in each time-step
        resident += sum(4 * load.batch * graph.neurons(name) for name in frontier(graph))
    return SESSION_BYTES + WEIGHT_BYTES * cost.weights(graph) + resident + OVERHEAD * len(graph.nodes)


def multiplies_bytes(graph: Graph) -> bool:
    """Return whether spikes and weights are multiplied as bytes, except in the windows of recorded layers."""
    return not graph.copied and fits(graph)


def evaluates_window(graph: Graph, load: Workload) -> bool:
    """Return whether time-steps are evaluated layer by layer.

    They are not if spikes are counted per neuron, which needs the spikes of each step; if a layer has more than
    MOST_PIXELS pixels, over which the models average in float32; and for copies of neurons, unless the window is one
    time-step, in which copies are counted in closed form.
    """
    if load.window is None or load.counting:
        return False
    if graph.copied:
        if load.window != 1 or load.record or not _closed(graph):
            return False
    elif not 2 <= load.window <= LONGEST_WINDOW:
        return False
    return all(graph.neurons(name) <= MOST_PIXELS * graph.shapes[name][0] for name in graph.spiking)


def _closed(graph: Graph) -> bool:
    """Return whether every layer with copies has a closed form of its counts."""
    forms = layers_at_once(graph)
    return all(name in forms for name in graph.spiking if graph.neuron(name).copies > 1)
