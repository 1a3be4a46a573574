"""Compare every spike and potential of a bundle with Brian2.

A small exact network is simulated as a whole: every layer receives Brian2's spikes. In a larger network every layer is
simulated separately, driven by the spikes that the engine recorded in the layers before it, and a sample of its neurons
is built with all their synapses. Float32 networks are also simulated by layer, because a tie would otherwise change
the input of all later layers.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from spikelet.bundle import Bundle
from spikelet.copies import expand
from spikelet.engines import Engine, create
from spikelet.errors import Cancelled, UsageError
from spikelet.inputs import as_sequence, resolve_steps
from spikelet.nodes import Array
from spikelet.options import choice, function, instance
from spikelet_converters.brian2 import simulator
from spikelet_converters.brian2.comparison import Pair, compare, merge
from spikelet_converters.brian2.differences import LayerReport
from spikelet_converters.brian2.network import Drive, Network
from spikelet_converters.brian2.recording import EngineFactory, record
from spikelet_converters.brian2.report import ValidationReport
from spikelet_converters.brian2.sampling import Neurons, Selection, parts, populations, select
from spikelet_converters.brian2.synapses import integrators
from spikelet_converters.choices import TIE_TOLERANCE

BATCH_BYTES = 2**28  # largest recording of potentials and spikes
CYTHON_EVENTS = 30_000_000_000  # synapses times time-steps; a minute or more in NumPy, and compiling takes a minute


def validate(
    bundle: Bundle,
    images: object,
    *,
    steps: int | None = None,
    neurons: Neurons = None,
    engine: str | EngineFactory = "auto",
    seed: int = 0,
    eps: float = TIE_TOLERANCE,
    target: str = "auto",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ValidationReport:
    """Simulate a bundle in Brian2 and compare every spike and potential with those of an engine.

    Safe to call from a thread, one call at a time.

    Args:
        bundle: The bundle.
        images: A sample, a batch or a sequence, as for `spikelet.inputs.as_sequence`.
        steps: Number of time-steps T; by default that of the bundle (`Bundle.default_steps`), or the length of the
            sequence.
        neurons: Neurons sampled per layer, spread over the channels, or "all". None simulates a small network as a
            whole and samples 256 neurons per layer of a larger one.
        engine: The engine under test, by name or as a function of graph and recorded layers.
        seed: Seed of the sample.
        eps: Relative tolerance of ties in float32 bundles; see `comparison`.
        target: Brian2's code generation target, "numpy", "cython" or "auto".
        on_progress: Called with (finished neurons, all neurons).
        cancelled: Called repeatedly; True stops the work.

    Raises:
        MissingDependency: Brian2 is not installed.
        Cancelled: `cancelled` returned True.
        DataError: The images do not fit the network.
        UsageError: An argument is of a wrong type; the number of time-steps or neurons is out of range.
        EngineError: The engine is unknown or cannot run the network.
        CostError: The recording of one image needs more memory than the limits permit.
    """
    instance("bundle", bundle, Bundle)
    function("on_progress", on_progress)
    function("cancelled", cancelled)
    graph, started = bundle.graph, perf_counter()
    sequence = as_sequence(graph, images)
    # potentials are compared as float32, so that T is within exact_steps
    default = min(bundle.default_steps, bundle.manifest.exact_steps or bundle.default_steps)
    steps = resolve_steps(steps, len(sequence), bundle.manifest.exact_steps, default=default)
    selection = select(expand(graph), neurons, seed)  # Brian2 gets plain neurons, the engine the copies
    version = simulator.load().__version__
    code_target = _target(target, selection.synapses * steps * sequence.shape[1])
    runner = engine(graph, graph.spiking) if callable(engine) else create(graph, engine, graph.spiking)
    batches = _batches(selection, sequence, steps, runner)
    progress = _ProgressReporter(selection.neurons * len(batches), on_progress, cancelled)
    reports: dict[str, LayerReport] = {}
    for first, batch in batches:
        for name, report in _compare_batch(runner, selection, batch, steps, first, eps, code_target, progress).items():
            before = reports.get(name, report)
            reports[name] = report if before is report else merge(before, report, same_neurons=True, exact=graph.exact)
    return ValidationReport(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        exact=graph.exact,
        engine=runner.name,
        brian2_version=version,
        images=sequence.shape[1],
        steps=steps,
        mode=selection.mode,
        target=code_target,
        seed=seed,
        eps=eps,
        seconds=perf_counter() - started,
        layers=tuple(reports.values()),
    )


class _ProgressReporter:
    """Reports progress to the caller and checks for cancellation."""

    def __init__(self, total: int, on_progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> None:
        self.total, self.done = total, 0
        self._on_progress, self._cancelled = on_progress, cancelled
        self.check(0)

    def check(self, neurons: float) -> bool:
        """Report that `neurons` more are finished, and return whether to continue."""
        self._on_progress(min(self.total, self.done + int(neurons)), self.total)
        return not self._cancelled()

    def share(self, neurons: int) -> Callable[[float], bool]:
        """Return `check` as a function of the finished share of a part with this number of neurons."""
        return lambda share: self.check(share * neurons)


def _compare_batch(
    runner: Engine,
    selection: Selection,
    sequence: Array,
    steps: int,
    first_image: int,
    eps: float,
    target: str,
    progress: _ProgressReporter,
) -> dict[str, LayerReport]:
    graph = selection.graph  # the engine's graph may be the fault under test
    if not progress.check(0):
        raise Cancelled("validation")
    recorded = record(runner, graph, sequence, steps, selection.chosen)
    drive = Drive(sequence, recorded.spikes)
    reports: dict[str, LayerReport] = {}
    for part in parts(selection):
        compared = populations(selection, part)
        upstream = integrators(graph, compared)
        size = sum(map(len, compared))
        traces = Network(graph, [*upstream, *compared], drive, steps, target).run(progress.share(size))
        progress.done += size
        graded: dict[str, float] = {}
        for population in upstream:
            trace = traces[population.name]
            pair = Pair(graph, population, (trace.spikes,) * 2, (trace.potentials,) * 2, trace.before, graded=graded)
            graded[population.name] = float(pair.reach().max(initial=0))
        for population in compared:
            name = population.name
            trace, selected = traces[name], part[name]
            index = selection.chosen[name][selected]
            spikes = recorded.spikes[name][:, :, index] if name in recorded.spikes else trace.spikes
            potentials = recorded.potentials[name][:, :, selected]
            pair = Pair(
                graph, population, (spikes, trace.spikes), (potentials, trace.potentials), trace.before, first_image,
                graded,
            )  # fmt: skip
            report = compare(pair, eps)
            before = reports.get(name, report)
            reports[name] = report if before is report else merge(before, report, same_neurons=False, exact=graph.exact)
    return reports


def _batches(selection: Selection, sequence: Array, steps: int, runner: Engine) -> list[tuple[int, Array]]:
    """Return batches whose recordings fit in memory: (index of the first image, inputs (T or 1, N, …)).

    Raises:
        CostError: The recording of one image needs more memory than the limit permits.
    """
    bytes_per_image = steps * sum(
        4 * len(index) + selection.graph.neurons(name) for name, index in selection.chosen.items()
    )
    runner.limits.check(f"recording of one image in {steps} time-steps", bytes_per_image)
    size = runner.fitting(max(1, min(BATCH_BYTES // bytes_per_image, sequence.shape[1])))
    return [(start, sequence[:, start : start + size]) for start in range(0, sequence.shape[1], size)]


def _target(target: str, events: int) -> str:
    """Return Brian2's code generation target. events: synapses times time-steps."""
    choice("target", target, ("auto", "numpy", "cython"))
    if target == "cython" and not simulator.has_compiler():
        raise UsageError("target cython: no working C++ compiler; use target numpy, which needs none")
    if target == "auto":
        return "cython" if events >= CYTHON_EVENTS and simulator.has_compiler() else "numpy"
    return target
