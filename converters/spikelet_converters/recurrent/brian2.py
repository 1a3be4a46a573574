"""Simulate a recurrent network in Brian2, with recurrent synapses.

All samples run at once, as copies of the network without connections between them. In a time-step of one second:

    late        spikes of the time-step before arrive at the layers of a loop, and potentials are read
    per layer   currents (synapses of this time-step's spikes and potentials), states, thresholds, probes, resets
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet_converters.brian2 import simulator
from spikelet_converters.recurrent.network import Connection, Layer, RecurrentNetwork
from spikelet_converters.recurrent.simulation import Traces

SLOTS = ("synapses", "currents", "groups", "thresholds", "probes", "resets")

Group: TypeAlias = Any
"""A group or monitor of Brian2, which has no types."""


def simulate(network: RecurrentNetwork, inputs: npt.NDArray[np.generic]) -> Traces:
    """Simulate a network in Brian2 from rest; inputs: (T, N, *input shape).

    Raises:
        MissingDependency: Brian2 is not installed.
    """
    with simulator.building():
        return _Network(network, inputs).run()


class _Network:
    """The network of Brian2."""

    def __init__(self, network: RecurrentNetwork, inputs: npt.NDArray[np.generic]) -> None:
        self._b2 = simulator.load()
        self._b2.prefs.codegen.target = "numpy"
        self._network = network
        self._steps, self._samples = inputs.shape[:2]
        self._clock = self._b2.Clock(1 * self._b2.second)
        self._net = self._b2.Network()
        own = [f"{layer.name}.{slot}" for layer in network.layers for slot in SLOTS]
        self._net.schedule = ["start", "late", *own, "groups", "synapses", "thresholds", "resets", "end"]
        self._groups: dict[str, Group] = {network.input_name: self._frames(inputs)}
        self._monitors: dict[str, tuple[Group, ...]] = {}
        for layer in network.layers:
            self._add(layer)
        for layer in network.layers:
            for index, connection in enumerate(layer.inputs):
                self._connect(layer, index, connection)

    def run(self) -> Traces:
        """Simulate all time-steps."""
        self._net.run(self._steps * self._b2.second, namespace={})
        outputs, before, currents = {}, {}, {}
        for layer in self._network.layers:
            states, *spikes = self._monitors[layer.name]
            before[layer.name], currents[layer.name] = self._shaped(states.v), self._shaped(states.current)
            if spikes:
                fired = np.zeros((self._steps, self._samples * len(layer)))
                fired[np.rint(np.asarray(spikes[0].t)).astype(np.int64), np.asarray(spikes[0].i)] = 1
                outputs[layer.name] = fired.reshape(self._steps, self._samples, -1)
            else:
                outputs[layer.name] = before[layer.name]
        return Traces(outputs, before, currents)

    def _shaped(self, values: object) -> npt.NDArray[np.float64]:
        """Return rows of time, (N n, T), as (T, N, n)."""
        array: npt.NDArray[np.float64] = np.asarray(values, np.float64).T
        return array.reshape(self._steps, self._samples, -1)

    def _frames(self, inputs: npt.NDArray[np.generic]) -> Group:
        """Return a group whose v is the input."""
        b2 = self._b2
        values = inputs.astype(np.float64).reshape(self._steps, -1)
        shown = b2.TimedArray(values, dt=1 * b2.second)
        group = b2.NeuronGroup(values.shape[1], "v : 1", clock=self._clock, namespace={"frames": shown})
        self._net.add(group, group.run_regularly("v = frames(t, i)", when="start"))
        return group

    def _add(self, layer: Layer) -> None:
        b2, slot = self._b2, {kind: f"{layer.name}.{kind}" for kind in SLOTS}
        parameters = self._parameters(layer)
        drives = [f"drive{index}" for index in range(len(layer.inputs))]
        equation = "v : 1"
        if layer.leak is not None:
            equation = "dv/dt = leak * (rest - v + r * current) * Hz : 1"
        elif not layer.stateless:
            equation = "dv/dt = r * current * Hz : 1"
        variables = [*(f"{name} : 1" for name in ("current", "arriving", *drives)),
                     *(f"{name} : 1 (constant)" for name in parameters)]  # fmt: skip
        fires = {} if layer.theta is None else {
            "threshold": "v > theta", "reset": "" if layer.reset is None else "v = v_reset"
        }  # fmt: skip
        model = "\n".join([equation, *variables])
        group = b2.NeuronGroup(self._samples * len(layer), model, method="euler", clock=self._clock, **fires)
        for name, values in parameters.items():
            setattr(group, name, np.tile(values, self._samples))
        self._net.add(group, group.run_regularly("arriving = bias", when="start"))
        total = " + ".join(["arriving", *drives])
        code = f"current = {total}" if layer.synapse is None else f"current += share * (gain * ({total}) - current)"
        self._net.add(group.run_regularly(code, when=slot["currents"]))
        if layer.stateless:
            self._net.add(group.run_regularly("v = current", when=slot["groups"]))
        else:
            group.state_updater.when = slot["groups"]
        states = b2.StateMonitor(group, ("v", "current"), record=True, when=slot["probes"], clock=self._clock)
        self._monitors[layer.name] = (states,)
        if layer.theta is not None:
            group.thresholder["spike"].when = slot["thresholds"]
            group.resetter["spike"].when = slot["resets"]
            self._monitors[layer.name] = (states, b2.SpikeMonitor(group))
        self._net.add(*self._monitors[layer.name])
        self._groups[layer.name] = group

    def _parameters(self, layer: Layer) -> dict[str, npt.NDArray[np.float64]]:
        fields = {"bias": layer.bias, "leak": layer.leak, "rest": layer.rest, "r": layer.r, "theta": layer.theta,
                  "v_reset": layer.reset}  # fmt: skip
        if layer.synapse is not None:
            fields |= dict(zip(("share", "gain"), layer.synapse, strict=True))
        return {name: values for name, values in fields.items() if values is not None}

    def _connect(self, layer: Layer, index: int, connection: Connection) -> None:
        b2, target = self._b2, self._groups[layer.name]
        source = self._groups[connection.source]
        slot = "late" if connection.delayed else f"{layer.name}.synapses"
        post, pre = np.nonzero(connection.weight)
        if not len(post):
            return
        rows = np.arange(self._samples)[:, None] * np.array([len(layer), connection.weight.shape[1]])[:, None, None]
        at_post, at_pre = (rows[0] + post).ravel(), (rows[1] + pre).ravel()
        spiking = any(layer.name == connection.source and layer.theta is not None for layer in self._network.layers)
        if spiking:
            synapses = b2.Synapses(source, target, "w : 1 (constant)", on_pre="arriving_post += w", clock=self._clock)
            synapses.pre.when = slot
        else:
            drive = f"drive{index}_post"
            synapses = b2.Synapses(source, target, f"w : 1 (constant)\n{drive} = w * v_pre : 1 (summed)",
                                   clock=self._clock)  # fmt: skip
            synapses.summed_updaters[drive].when = slot
        synapses.connect(i=at_pre, j=at_post)
        synapses.w = np.tile(connection.weight[post, pre], self._samples)
        self._net.add(synapses)
