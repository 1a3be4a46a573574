"""A bundle, spike for spike, against Brian2.

A small exact network is simulated whole: every layer listens to Brian2's own spikes. Of a larger one each layer is
simulated by itself, driven with the spikes that the engine recorded in the layers before it, and some of its neurons
are built with all their synapses; so is every float32 network, where one tie would otherwise move all that follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from spikelet.bundle import Bundle
from spikelet.engines import Engine, create
from spikelet.errors import Cancelled, UsageError
from spikelet.graph import Graph
from spikelet.inputs import as_sequence
from spikelet.nodes import Array
from spikelet.session import DEFAULT_STEPS
from spikelet_converters.brian2 import simulator
from spikelet_converters.brian2.comparison import EPS, Divergence, LayerReport, Pair, compare, merge
from spikelet_converters.brian2.network import Drive, Network
from spikelet_converters.brian2.recording import record
from spikelet_converters.brian2.sampling import Mode, Neurons, Plan, parts, plan, populations

BATCH_BYTES = 2**28  # of recorded potentials and spikes
CYTHON_EVENTS = 30_000_000_000  # synapses times time-steps: a minute or more in NumPy, and compiling takes one

EngineFactory = Callable[[Graph, Sequence[str]], Engine]


@dataclass(frozen=True)
class ValidationReport:
    """What Brian2 says of a bundle on an engine.

    images, steps: N and T. mode: "whole" or "by layer". target: of Brian2's code. eps: of ties.
    layers: spiking layers in topological order, then the output, whose potentials are the logits summed so far.
    """

    bundle: str
    digest: str
    exact: bool
    engine: str
    brian2_version: str
    images: int
    steps: int
    mode: Mode
    target: str
    seed: int
    eps: float
    seconds: float
    layers: tuple[LayerReport, ...]

    @property
    def ok(self) -> bool:
        """Exact bundles: nothing differs anywhere. float32 bundles: nothing but ties and what follows them."""
        return all(each.ok for each in self.layers)

    @property
    def first_divergence(self) -> Divergence | None:
        """The earliest: by time-step, then by layer; a real one before any tie."""
        found = [each.first_divergence for each in self.layers if each.first_divergence is not None]
        return min(found, key=lambda each: (each.tie and not self.exact, each.step), default=None)

    def total(self, field: str) -> int:
        """Sum over the layers."""
        return sum(int(getattr(each, field)) for each in self.layers)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        first = self.first_divergence
        found = {
            "ok": self.ok,
            "brian2_version": self.brian2_version,
            "bundle": self.bundle,
            "digest": self.digest,
            "arithmetic": "exact" if self.exact else "float32",
            "engine": self.engine,
            "images": self.images,
            "steps": self.steps,
            "mode": self.mode,
            "target": self.target,
            "seed": self.seed,
            "seconds": round(self.seconds, 2),
            "first_divergence": None if first is None else first.facts(),
            "layers": [each.facts() for each in self.layers],
        }
        if not self.exact:
            found["ties"] = {
                "eps": self.eps,
                "at_ties": self.total("ties"),
                "after_ties": self.total("after_ties"),
                "real": self.total("real"),
                "drifting_potentials": self.total("drifts"),
            }
        return found


def validate(
    bundle: Bundle,
    images: Any,
    *,
    steps: int | None = None,
    neurons: Neurons = None,
    engine: str | EngineFactory = "auto",
    seed: int = 0,
    eps: float = EPS,
    target: str = "auto",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ValidationReport:
    """Simulate a bundle in Brian2 and compare every spike and potential with those of an engine.

    images: a sample, a batch or a sequence, as `spikelet.inputs.as_sequence` takes them. steps: T, by default 8 or
        the sequence's length. neurons: sampled of each layer, at least one a channel where there are enough; "all";
        None takes the whole network where it is small and 256 a layer where it is not. engine: the one under test,
        by name or as a function of graph and recorded layers. seed: of the sample. eps: of ties in float32 bundles,
        as `comparison` says. target: Brian2's, "numpy", "cython" or "auto".
    on_progress: called with (neurons done, neurons in all). cancelled: asked now and then; True stops the work.

    Safe to call from a thread, one call at a time.

    Raises:
        MissingDependency: Brian2 is not installed. Cancelled: `cancelled` said so.
        DataError: images that do not fit. UsageError: a number of steps or neurons that cannot be.
    """
    graph, started = bundle.graph, perf_counter()
    if graph.integrators:
        raise UsageError(
            f"node {graph.integrators[0]} (LI): integrators are not built in Brian2 yet; `spikelet verify` replays "
            "this bundle's golden inputs on every engine"
        )
    sequence = as_sequence(graph, images)
    steps = _steps(bundle, steps, len(sequence))
    chosen = plan(graph, neurons, seed)
    version = simulator.load().__version__
    used = _target(target, chosen.synapses * steps * sequence.shape[1])
    runner = engine(graph, graph.spiking) if callable(engine) else create(graph, engine, graph.spiking)
    clock = _Clock(chosen.neurons * len(_batches(chosen, sequence, steps)), on_progress, cancelled)
    found: dict[str, LayerReport] = {}
    for first, here in _batches(chosen, sequence, steps):
        for name, report in _compare_batch(runner, chosen, here, steps, first, eps, used, clock).items():
            found[name] = merge(found[name], report, same_neurons=True) if name in found else report
    return ValidationReport(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        exact=graph.exact,
        engine=runner.name,
        brian2_version=version,
        images=sequence.shape[1],
        steps=steps,
        mode=chosen.mode,
        target=used,
        seed=seed,
        eps=eps,
        seconds=perf_counter() - started,
        layers=tuple(found.values()),
    )


class _Clock:
    """Tells the caller how far the work is, and the work whether to stop."""

    def __init__(self, total: int, on_progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> None:
        self.total, self.done = total, 0
        self._on_progress, self._cancelled = on_progress, cancelled
        self.check(0)

    def check(self, neurons: float) -> bool:
        """Report `neurons` more than are done; whether to go on."""
        self._on_progress(min(self.total, self.done + int(neurons)), self.total)
        return not self._cancelled()

    def share(self, neurons: int) -> Callable[[float], bool]:
        """`check` for a part of the work: of so many neurons, a share."""
        return lambda share: self.check(share * neurons)


def _compare_batch(
    runner: Engine, chosen: Plan, sequence: Array, steps: int, first_image: int, eps: float, target: str, clock: _Clock
) -> dict[str, LayerReport]:
    graph = chosen.graph  # not the engine's: that may be what is wrong
    if not clock.check(0):
        raise Cancelled("validation")
    recorded = record(runner, graph, sequence, steps, chosen.chosen)
    drive = Drive(sequence, recorded.spikes)
    found: dict[str, LayerReport] = {}
    for part in parts(chosen):
        built = populations(chosen, part)
        size = sum(map(len, built))
        traces = Network(graph, built, drive, steps, target).run(clock.share(size))
        clock.done += size
        for each in built:
            name, trace, where = each.name, traces[each.name], part[each.name]
            index = chosen.chosen[name][where]
            spikes = recorded.spikes[name][:, :, index] if name in recorded.spikes else trace.spikes
            potentials = recorded.potentials[name][:, :, where]
            pair = Pair(graph, each, (spikes, trace.spikes), (potentials, trace.potentials), trace.before, first_image)
            report = compare(pair, eps)
            found[name] = merge(found[name], report, same_neurons=False) if name in found else report
    return found


def _batches(chosen: Plan, sequence: Array, steps: int) -> list[tuple[int, Array]]:
    """(index of the first image, (T or 1, N, …)) of as many images as their records fit in memory."""
    bytes_each = steps * sum(4 * len(index) + chosen.graph.neurons(name) for name, index in chosen.chosen.items())
    size = max(1, BATCH_BYTES // bytes_each)
    return [(start, sequence[:, start : start + size]) for start in range(0, sequence.shape[1], size)]


def _steps(bundle: Bundle, steps: int | None, length: int) -> int:
    if steps is None:
        steps = DEFAULT_STEPS if length == 1 else length
    if steps < 1:
        raise UsageError(f"steps: expected 1 or more, got {steps}")
    if 1 < length != steps:
        raise UsageError(f"steps: the sequence has {length} time-steps, {steps} were asked for")
    limit = bundle.manifest.exact_steps
    if limit is not None and steps > limit:
        raise UsageError(f"steps: {steps} asked for, but this bundle is proven exact for {limit} time-steps")
    return steps


def _target(target: str, events: int) -> str:
    """Brian2's code generation target. events: synapses times time-steps."""
    if target not in ("auto", "numpy", "cython"):
        raise UsageError(f"target: expected auto, numpy or cython, got {target!r}")
    if target == "cython" and not simulator.has_compiler():
        raise UsageError("target cython: no C++ compiler works here; numpy needs none")
    if target == "auto":
        return "cython" if events >= CYTHON_EVENTS and simulator.has_compiler() else "numpy"
    return target
