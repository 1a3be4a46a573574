"""Populations as a Brian2 network, in which spikes arrive in the time-step in which they are fired.

Brian2's default schedule (groups, thresholds, synapses, resets) delays every layer by a time-step, and a reset to zero
removes the current that arrived in it. Here every layer has five slots, one layer after the other:

    groups      apply leak, bias and the input's current
    synapses    deliver this time-step's spikes of earlier layers
    thresholds  neurons fire
    probes      record potentials before the reset
    resets      subtract theta, or set to zero

A time-step is one second, so that Brian2's integration multiplies by a dt of exactly 1. Images run one after another
in one simulation; potentials are set to v_init at the first time-step of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet.copies import expand
from spikelet.errors import Cancelled
from spikelet.graph import Graph
from spikelet.nodes import IF, Array
from spikelet_converters.brian2 import simulator
from spikelet_converters.brian2.equations import Neuron, describe
from spikelet_converters.brian2.synapses import Index, Population, Synapses, Values, populate

SLOTS = ("groups", "synapses", "thresholds", "probes", "resets")
REPORT_SECONDS = 0.25

Group: TypeAlias = Any
"""A group or monitor of Brian2, which has no types."""

Bools = npt.NDArray[np.bool_]
Progress = Callable[[float], bool]


@dataclass(frozen=True)
class Trace:
    """Spikes and potentials of a population in Brian2, all (T, N, n).

    Attributes:
        spikes: Spikes.
        potentials: Potentials after the reset; for the output, the summed logits.
        before: Potentials before the reset.
    """

    spikes: Bools
    potentials: Values
    before: Values


@dataclass(frozen=True)
class Drive:
    """Inputs of a simulation, for N images of T time-steps.

    Attributes:
        pixels: (T or 1, N, *input shape).
        spikes: Recorded spikes of layers that are not simulated, (T, N, neurons) bool, by layer.
    """

    pixels: Array
    spikes: Mapping[str, Bools]


def simulate(graph: Graph, pixels: Array, steps: int) -> dict[str, Trace]:
    """Simulate a whole network and return traces by layer and for the output. pixels: (T or 1, N, *input shape).

    Copies of neurons are simulated as channels, in the order of `spikelet.copies.expand`.
    """
    graph = expand(graph)
    simulated = {*graph.spiking, *graph.integrators, graph.output_name}
    populations = [populate(graph, name) for name in graph.order if name in simulated]
    return Network(graph, populations, Drive(pixels, {}), steps).run()


class Network:
    """A Brian2 network of populations in topological order; `run` simulates it.

    A source that is one of the populations is connected directly; it must contain all neurons that are connected. The
    spikes of other sources are replayed from the drive.

    Args:
        graph: The network.
        populations: The neurons to simulate, in topological order.
        drive: The inputs.
        steps: Number of time-steps T.
        target: Brian2's code generation target, "numpy" or "cython".
    """

    def __init__(
        self, graph: Graph, populations: Sequence[Population], drive: Drive, steps: int, target: str = "numpy"
    ) -> None:
        self._b2 = simulator.load()
        self._b2.prefs.codegen.target = target
        self._graph, self._drive, self._steps = graph, drive, steps
        self._images = drive.pixels.shape[1]
        self._clock = self._b2.Clock(1 * self._b2.second)
        self._net = self._b2.Network()
        slots = [f"{population.name}.{slot}" for population in populations for slot in SLOTS]
        # idle objects still need the slot of their type
        self._net.schedule = ["start", "groups", *slots, "thresholds", "synapses", "resets", "end"]
        self._groups: dict[str, tuple[Group, Index]] = {}
        self._monitors: dict[str, tuple[Group, ...]] = {}
        with simulator.building():
            for population in populations:
                self._add_population(population)

    def run(self, on_progress: Progress = lambda share: True) -> dict[str, Trace]:
        """Simulate all images. on_progress: called with the finished share; returns False to stop.

        Raises:
            Cancelled: on_progress returned False.
        """
        stopped = False

        def report(elapsed: object, completed: float, start: object, duration: object) -> None:
            nonlocal stopped
            if not on_progress(completed):
                stopped = True
                self._net.stop()

        second = self._b2.second
        with simulator.building():
            self._net.run(
                self._images * self._steps * second, report=report, report_period=REPORT_SECONDS * second, namespace={}
            )
        if stopped:
            raise Cancelled("validation")
        return {name: self._trace(name) for name in self._monitors}

    def _add_population(self, population: Population) -> None:
        b2, name = self._b2, population.name
        neuron = describe(self._graph, population)
        slot = {kind: f"{name}.{kind}" for kind in SLOTS}
        group = b2.NeuronGroup(
            len(population),
            neuron.model,
            threshold=neuron.threshold,
            reset=neuron.reset,
            method=neuron.method,
            clock=self._clock,
        )
        for parameter, values in neuron.parameters.items():
            setattr(group, parameter, values)
        self._net.add(group)
        if group.state_updater is not None:
            group.state_updater.when = slot["groups"]
        self._net.add(group.run_regularly("v = v_init", dt=self._steps * b2.second, when="start"))
        for order, code in enumerate(neuron.each_step, 1):
            self._net.add(group.run_regularly(code, when=slot["groups"], order=order))
        if neuron.threshold is not None:
            group.thresholder["spike"].when = slot["thresholds"]
            group.resetter["spike"].when = slot["resets"]
        self._groups[name] = group, population.neurons
        for source, synapses in population.inputs.items():
            if len(synapses):
                self._connect(source, group, synapses, slot, neuron.drives)
        self._watch(name, group, neuron, slot)

    def _watch(self, name: str, group: Group, neuron: Neuron, slot: Mapping[str, str]) -> None:
        b2 = self._b2
        after = b2.StateMonitor(group, "v", record=True, when="end", clock=self._clock)
        self._monitors[name] = (after,)
        if neuron.threshold is not None:
            before = b2.StateMonitor(group, "v", record=True, when=slot["probes"], clock=self._clock)
            self._monitors[name] = (after, before, b2.SpikeMonitor(group))
        self._net.add(*self._monitors[name])

    def _connect(
        self, source: str, group: Group, synapses: Synapses, slot: Mapping[str, str], drives: Mapping[str, str]
    ) -> None:
        b2, pre = self._b2, synapses.pre
        source_group, neurons = self._groups.get(source, (None, None))
        if neurons is None:
            used, pre = np.unique(pre, return_inverse=True)
            source_group = self._pixels(used) if source in drives else self._playback(source, used, slot["groups"])
        else:
            pre = np.searchsorted(neurons, pre)
        if source in drives:
            variable = "x" if source == self._graph.input_name else "v"
            total = f"{drives[source]}_post"
            model = f"w : 1 (constant)\n{total} = w * {variable}_pre : 1 (summed)"
            connection = b2.Synapses(source_group, group, model, clock=self._clock)
            connection.summed_updaters[total].when = slot["groups"]
            connection.summed_updaters[total].order = -1
        else:
            connection = b2.Synapses(source_group, group, "w : 1 (constant)", on_pre="v_post += w", clock=self._clock)
            connection.pre.when = slot["synapses"]
        connection.connect(i=pre, j=synapses.post)
        connection.w = synapses.weight
        self._net.add(connection)

    def _pixels(self, used: Index) -> Group:
        """Add a group whose x is the input minus its mean, at these elements."""
        graph, steps, b2 = self._graph, self._steps, self._b2
        shape = (-1, *(1,) * (len(graph.input.shape) - 1))
        values = self._drive.pixels.astype(np.float64) - graph.input.mean.astype(np.float64).reshape(shape)
        # image after image, (N·T or N, elements); a constant image is set once
        values = values.swapaxes(0, 1).reshape(-1, graph.neurons(graph.input_name))[:, used]
        hold = steps if len(self._drive.pixels) == 1 else 1
        timed = b2.TimedArray(values, dt=hold * b2.second)
        group = b2.NeuronGroup(len(used), "x : 1", clock=self._clock, namespace={"pixels": timed})
        self._net.add(group, group.run_regularly("x = pixels(t, i)", dt=hold * b2.second, when="start"))
        return group

    def _playback(self, layer: str, used: Index, slot: str) -> Group:
        """Add a group that fires the recorded spikes of these neurons."""
        b2 = self._b2
        spikes = self._drive.spikes[layer][:, :, used].swapaxes(0, 1).reshape(-1, len(used))
        times, neurons = np.nonzero(spikes)
        group = b2.SpikeGeneratorGroup(len(used), neurons, times * b2.second, clock=self._clock, when=slot, sorted=True)
        self._net.add(group)
        return group

    def _trace(self, name: str) -> Trace:
        def by_step(values: Array) -> Array:
            # (n, N·T) or (N·T, n) rows of time to (T, N, n)
            return values.reshape(self._images, self._steps, -1).swapaxes(0, 1)

        after = by_step(np.asarray(self._monitors[name][0].v).T)
        if not isinstance(self._graph.nodes[name], IF):
            return Trace(np.zeros(after.shape, np.bool_), after, after)
        _, before, fired = self._monitors[name]
        spikes = np.zeros((self._images * self._steps, after.shape[2]), np.bool_)
        spikes[np.rint(np.asarray(fired.t)).astype(np.int64), np.asarray(fired.i)] = True
        return Trace(by_step(spikes), after, by_step(np.asarray(before.v).T))
