"""Sweep single neurons of every type, reset and tie rule over many input currents.

The neurons are in two small networks, one in integers and one in float32 with a multiplicative leak. Every combination
of neuron type, reset and tie rule is a layer, every combination of v_init and current a neuron. The engine under test
and Brian2 run the networks, and both are compared with closed-form solutions where these exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from spikelet.engines import create
from spikelet.errors import Cancelled, EngineError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Add, Array, Input, Node, Output, Reset, Tie
from spikelet_converters.brian2 import simulator
from spikelet_converters.brian2.closed_forms import Current, Train, spike_train
from spikelet_converters.brian2.comparison import Pair, compare
from spikelet_converters.brian2.differences import LayerReport
from spikelet_converters.brian2.network import simulate
from spikelet_converters.brian2.recording import EngineFactory, record
from spikelet_converters.brian2.synapses import populate
from spikelet_converters.choices import TIE_TOLERANCE

THETA = 60
SHIFT = 3  # exact leak: 1/8 of the potential per time-step
BETA = 0.875  # equal leak in float32
TRACE_STEPS = 64
RATE_STEPS = 240
RESETS: tuple[Reset, ...] = ("subtract", "zero")
TIES: tuple[Tie, ...] = (">=", ">")


@dataclass(frozen=True)
class KindReport:
    """The comparison of all neurons of one type, reset and tie rule.

    Attributes:
        kind: Type of the neurons.
        reset: Reset after a spike.
        tie: Tie rule.
        layer: The engine compared with Brian2.
        formulas: Number of neurons with a closed form.
        off_formula: Spikes that differ from the closed form, (engine, Brian2).
    """

    kind: str
    reset: Reset
    tie: Tie
    layer: LayerReport
    formulas: int
    off_formula: tuple[int, int]

    @property
    def ok(self) -> bool:
        """Whether the engine, Brian2 and the closed forms agree."""
        return self.layer.ok and self.off_formula == (0, 0)

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values."""
        return {
            "kind": self.kind,
            "reset": self.reset,
            "tie": self.tie,
            **{key: value for key, value in self.layer.as_json().items() if key != "name"},
            "closed_forms": self.formulas,
            "engine_off_closed_form": self.off_formula[0],
            "brian2_off_closed_form": self.off_formula[1],
        }


@dataclass(frozen=True)
class RateCurve:
    """Spike rates under constant current.

    Attributes:
        kind: Type of the neuron.
        reset: Reset after a spike.
        points: (current / theta, rate in the engine, in Brian2, and by the closed form or None).
    """

    kind: str
    reset: Reset
    points: tuple[tuple[float, float, float, float | None], ...]


@dataclass(frozen=True)
class DynamicsReport:
    """Single neurons in an engine, in Brian2 and by closed forms.

    Attributes:
        engine: The engine, or two names if "auto" selects another one for float32.
        brian2_version: Version of Brian2.
        steps: Number of time-steps.
        kinds: The types of neurons that the engine supports; an integer engine has no float32 neurons.
        rates: f-I curves.
    """

    engine: str
    brian2_version: str
    steps: int
    kinds: tuple[KindReport, ...]
    rates: tuple[RateCurve, ...]

    @property
    def ok(self) -> bool:
        """Whether all differences are float32 ties."""
        return all(kind.ok for kind in self.kinds)

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values."""
        return {
            "ok": self.ok,
            "brian2_version": self.brian2_version,
            "engine": self.engine,
            "steps": self.steps,
            "kinds": [kind.as_json() for kind in self.kinds],
            "f_i": [
                {"kind": curve.kind, "reset": curve.reset, "points": [list(point) for point in curve.points]}
                for curve in self.rates
            ],
        }


def sweep(
    engine: str | EngineFactory = "auto",
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> DynamicsReport:
    """Run the neurons in an engine and in Brian2. engine: as for `validate`.

    Raises:
        MissingDependency: Brian2 is not installed.
        Cancelled: `cancelled` returned True.
    """
    version = simulator.load().__version__
    kinds: list[KindReport] = []
    rates: list[RateCurve] = []
    names: list[str] = []
    for done, exact in enumerate((True, False)):
        on_progress(2 * done, 4)
        if cancelled():
            raise Cancelled("validation")
        v_init, current = swept_currents()
        graph, layers = network(exact, v_init)
        try:
            name, pairs = _run_both(graph, current, engine)
        except EngineError:
            if exact:
                raise
            break  # an integer engine
        names.append(name)
        kinds += [_kind(graph, layer, label, current, pairs[layer]) for layer, label in layers.items()]
        on_progress(2 * done + 1, 4)
        levels = np.arange(0, 2 * THETA + 1, 3)
        graph, layers = network(exact, np.zeros(len(levels)))
        constant = np.tile(levels, (RATE_STEPS, 1)).astype(np.float64)
        _, pairs = _run_both(graph, constant, engine)
        rates += [
            _rates(graph, layer, label, constant, pairs[layer]) for layer, label in layers.items() if label[2] == ">="
        ]
    on_progress(4, 4)
    return DynamicsReport(" and ".join(dict.fromkeys(names)), version, TRACE_STEPS, tuple(kinds), tuple(rates))


def swept_currents() -> tuple[Array, Current]:
    """Return v_init (n,), 0 or theta / 2, and currents (T, n): constant, step, ramp, random and negative."""
    time, rng = np.arange(TRACE_STEPS), np.random.default_rng(0)
    shapes = [np.full(TRACE_STEPS, level) for level in (0, 6, 12, 20, 30, 45, 60, 90)]
    shapes += [np.where(time < TRACE_STEPS // 2, low, high) for low, high in ((0, 24), (40, 0), (36, -30))]
    shapes += [np.rint(72 * time / TRACE_STEPS), np.rint(60 - 90 * time / TRACE_STEPS)]
    shapes += [rng.integers(0, 60, TRACE_STEPS), rng.integers(-40, 70, TRACE_STEPS), np.full(TRACE_STEPS, -18)]
    currents = np.stack(shapes, 1).astype(np.float64)
    return np.repeat([0, THETA // 2], currents.shape[1]), np.tile(currents, 2)


def network(exact: bool, v_init: Array) -> tuple[Graph, dict[str, tuple[str, Reset, Tie]]]:
    """Return a network with a layer per neuron type, reset and tie rule, on one input (n,), and its layers' labels.

    v_init: (n,) in the units of THETA; a float32 network has a theta of 1 and divides by THETA.
    """
    n, dtype, unit = len(v_init), np.int32 if exact else np.float32, 1 if exact else THETA
    theta, start = np.full(n, THETA / unit).astype(dtype), (v_init / unit).astype(dtype)
    nodes: dict[str, Node] = {"input": Input((n,), np.zeros(n, np.int16 if exact else np.float32), -1000, 1000)}
    labels: dict[str, tuple[str, Reset, Tie]] = {}
    for kind, reset, tie in product(("IF", "LIF") if exact else ("LIF",), RESETS, TIES):
        name = f"{kind}.{reset}.{'ge' if tie == '>=' else 'gt'}"
        labels[name] = (kind if exact or kind == "IF" else "LIF, float32", reset, tie)
        decay = np.full(n, SHIFT, np.int32) if exact else np.full(n, BETA, np.float32)
        nodes[name] = IF(theta, start, reset, tie) if kind == "IF" else LIF(theta, start, reset, tie, decay)
    edges = [edge for name in labels for edge in (("input", name), (name, "sum"))]
    return Graph({**nodes, "sum": Add(), "output": Output()}, (*edges, ("sum", "output"))), labels


def _run_both(graph: Graph, current: Current, engine: str | EngineFactory) -> tuple[str, dict[str, Pair]]:
    """Run the engine and Brian2; return the engine's name and the runs by layer. current: (T, n) in units of THETA."""
    runner = engine(graph, graph.spiking) if callable(engine) else create(graph, engine, graph.spiking)
    unit = 1 if graph.exact else THETA
    pixels = (current / unit).astype(np.float32)[:, None]
    everything = {name: np.arange(current.shape[1]) for name in (*graph.spiking, graph.output_name)}
    recorded = record(runner, graph, pixels, len(pixels), everything)
    traces = simulate(graph, pixels, len(pixels))
    pairs = {
        name: Pair(
            graph,
            populate(graph, name),
            (recorded.spikes[name], traces[name].spikes),
            (recorded.potentials[name], traces[name].potentials),
            traces[name].before,
        )
        for name in graph.spiking
    }
    return runner.name, pairs


def _kind(graph: Graph, layer: str, label: tuple[str, Reset, Tie], current: Current, pair: Pair) -> KindReport:
    formulas, differing = 0, [0, 0]
    for neuron in range(current.shape[1]):
        train = _formula(graph, layer, neuron, current)
        if train is None:
            continue
        formulas += 1
        for side in range(2):
            differing[side] += int((pair.spikes[side][:, 0, neuron] != train).sum())
    return KindReport(*label, replace(compare(pair, TIE_TOLERANCE), name=layer), formulas, (differing[0], differing[1]))


def _rates(graph: Graph, layer: str, label: tuple[str, Reset, Tie], current: Current, pair: Pair) -> RateCurve:
    engine, brian2 = (spikes[:, 0].mean(0) for spikes in pair.spikes)
    points = []
    for neuron, level in enumerate(current[0]):
        train = _formula(graph, layer, neuron, current)
        formula = None if train is None else float(train.mean())
        points.append((float(level / THETA), float(engine[neuron]), float(brian2[neuron]), formula))
    return RateCurve(label[0], label[1], tuple(points))


def _formula(graph: Graph, layer: str, neuron: int, current: Current) -> Train | None:
    node = graph.neuron(layer)
    single = replace(node, **{field: getattr(node, field)[neuron : neuron + 1] for field in node.tensors})
    # the engine takes the current as float32
    return spike_train(
        single, (current[:, neuron] / (1 if graph.exact else THETA)).astype(np.float32).astype(np.float64)
    )
