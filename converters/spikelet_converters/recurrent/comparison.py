"""Compare the float32 simulation of a recurrent network with Brian2, spike by spike.

Brian2 computes in float64. A neuron whose potential is at its threshold, within `eps` times the sum of the magnitudes
that contribute to it, may fire in only one of them: a tie. In a loop, a differing spike affects all later time-steps,
so later differences of the same sample are counted as after a tie. All other differences are real.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet_converters.brian2 import simulator
from spikelet_converters.brian2.differences import Bools, LayerDifferences
from spikelet_converters.brian2.synapses import Values
from spikelet_converters.choices import TIE_TOLERANCE
from spikelet_converters.recurrent.brian2 import simulate as simulate_in_brian2
from spikelet_converters.recurrent.network import Layer, RecurrentNetwork
from spikelet_converters.recurrent.simulation import Traces, check, simulate


@dataclass(frozen=True, kw_only=True)
class LayerComparison(LayerDifferences):
    """The comparison of one layer. A tie affects later time-steps of the same sample.

    Attributes:
        kind: Type of the node in NIR.
    """

    kind: str

    def as_json(self) -> dict[str, object]:
        """Return the comparison as JSON values."""
        return {"name": self.name, "kind": self.kind, **vars(self), "real": self.real}


@dataclass(frozen=True)
class RecurrentReport:
    """The comparison of a network.

    Attributes:
        name: Name of the network.
        loops: Connections with a delay of one time-step, as (source, target).
        brian2_version: Version of Brian2.
        steps: Number of time-steps T.
        samples: Number of samples N.
        dt: Length of a time-step in seconds.
        eps: Relative tolerance of ties.
        layers: The layers with neurons.
        outputs: Outputs summed over time, in float32, (N, K).
    """

    name: str
    loops: tuple[tuple[str, str], ...]
    brian2_version: str
    steps: int
    samples: int
    dt: float
    eps: float
    layers: tuple[LayerComparison, ...]
    outputs: npt.NDArray[np.floating]

    @property
    def ok(self) -> bool:
        """Whether all differences are at or after ties."""
        return all(layer.ok for layer in self.layers)

    @property
    def predictions(self) -> list[int]:
        """The class with the largest summed output, by sample."""
        return [int(index) for index in self.outputs.argmax(1)]

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values."""
        return {
            "ok": self.ok, "network": self.name, "arithmetic": "float32", "brian2_version": self.brian2_version,
            "loops": [list(loop) for loop in self.loops], "dt": self.dt, "steps": self.steps, "samples": self.samples,
            "eps": self.eps, "layers": [layer.as_json() for layer in self.layers],
            "outputs": self.outputs.astype(float).tolist(), "predictions": self.predictions,
        }  # fmt: skip


def compare(network: RecurrentNetwork, inputs: npt.NDArray[np.generic], eps: float = TIE_TOLERANCE) -> RecurrentReport:
    """Simulate a network in float32 and in Brian2, and compare all spikes and potentials.

    Args:
        network: The network, which is compared with the nodes of its file first.
        inputs: (T, N, *input shape).
        eps: Relative tolerance of ties.

    Raises:
        MissingDependency: Brian2 is not installed.
        ConversionError: The layers compute other outputs than the nodes of the file.
    """
    version = simulator.load().__version__
    check(network)
    ours, theirs = simulate(network, inputs), simulate_in_brian2(network, inputs)
    return report(network, inputs, ours, theirs, version, eps)


def report(
    network: RecurrentNetwork, inputs: npt.NDArray[np.generic], ours: Traces, theirs: Traces, version: str, eps: float
) -> RecurrentReport:
    """Compare two simulations of a network.

    Args:
        network: The network.
        inputs: Its input, (T, N, *shape).
        ours: Traces of spikelet's simulation.
        theirs: Traces of Brian2.
        version: Version of Brian2.
        eps: Tolerance of ties, relative to the sums in a neuron.
    """
    magnitudes: dict[str, Values] = {network.input_name: np.abs(inputs).reshape(*inputs.shape[:2], -1).max((0, 1))}
    magnitudes |= {name: np.abs(values).max((0, 1)) for name, values in theirs.outputs.items()}
    tolerances = {layer.name: _tolerance(layer, magnitudes, theirs, eps) for layer in network.layers}
    ties = {layer.name: _at_tie(layer, ours, theirs, tolerances[layer.name]) for layer in network.layers}
    # differences of a sample before its first tie are real
    any_tie = np.zeros(inputs.shape[:2], np.bool_)
    for tied in ties.values():
        any_tie |= tied.any(2)
    past = np.logical_or.accumulate(any_tie, 0)
    past = np.concatenate([np.zeros_like(past[:1]), past[:-1]])
    # at a time-step, a tie affects the layers after its own
    affected, layers = past, []
    for layer in network.layers:
        excused = affected[:, :, None]
        layers.append(_layer(layer, ours, theirs, ties[layer.name] & ~excused, excused, tolerances[layer.name]))
        affected = affected | ties[layer.name].any(2)
    last = network.layers[-1].name
    return RecurrentReport(
        network.name, tuple(network.loops), version, inputs.shape[0], inputs.shape[1], network.dt, eps,
        tuple(layer for layer in layers if layer.kind != "Output"), ours.outputs[last].sum(0, dtype=np.float32),
    )  # fmt: skip


def _tolerance(layer: Layer, magnitudes: dict[str, Values], theirs: Traces, eps: float) -> Values:
    """Return the largest rounding error of the potentials, (n,)."""
    arriving = np.abs(layer.bias) + sum(np.abs(c.weight) @ magnitudes[c.source] for c in layer.inputs)
    current = np.abs(theirs.currents[layer.name]).max((0, 1))
    if layer.synapse is not None:
        current = current + np.abs(layer.synapse[0] * layer.synapse[1]) * arriving
    else:
        current = current + arriving
    r = np.ones(len(layer)) if layer.r is None else np.abs(layer.r)
    reach: Values = r * current + np.abs(theirs.before[layer.name]).max((0, 1))
    return eps * (reach if layer.theta is None else reach + np.abs(layer.theta))


def _at_tie(layer: Layer, ours: Traces, theirs: Traces, tolerance: Values) -> Bools:
    """Return whether a spike differs while the potential in Brian2 is at the threshold, (T, N, n)."""
    differs: Bools = ours.outputs[layer.name] != theirs.outputs[layer.name]
    if layer.theta is None:
        return np.zeros_like(differs)
    near: Bools = np.abs(theirs.before[layer.name] - layer.theta) <= tolerance
    return differs & near


def _layer(
    layer: Layer, ours: Traces, theirs: Traces, ties: Bools, excused: Bools, tolerance: Values
) -> LayerComparison:
    name = layer.name
    differs = np.zeros_like(ties) if layer.theta is None else ours.outputs[name] != theirs.outputs[name]
    difference = np.where(excused, 0.0, np.abs(ours.before[name].astype(np.float64) - theirs.before[name]))
    return LayerComparison(
        name=name,
        kind=layer.kind,
        neurons=len(layer),
        spikes=0 if layer.theta is None else int(theirs.outputs[name].sum()),
        differing_spikes=int(differs.sum()),
        ties=int(ties.sum()),
        after_ties=int((differs & excused).sum()),
        drifts=int((difference > tolerance).sum()),
        max_potential_difference=float(difference.max(initial=0)),
    )
