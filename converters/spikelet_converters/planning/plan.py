"""Choose copies k, time-steps T and early exit of a bundle for a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spikelet import options
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle
from spikelet.bundle.golden import Activity
from spikelet.data import ImageSet
from spikelet.engines import choose as choose_engine
from spikelet.errors import ConversionError, DataError, UsageError
from spikelet.graph import Graph
from spikelet.inputs import MAX_STEPS, as_sequence, resolve_steps
from spikelet.metrics.accuracy import check_labels
from spikelet.metrics.hardware import Profile
from spikelet.nodes import MAX_COPIES
from spikelet_converters.conversion.copied_bundle import golden_of_copies
from spikelet_converters.conversion.copies import STARTS, Start, with_copies
from spikelet_converters.planning.front import choose, compared_costs, pareto
from spikelet_converters.planning.measure import count
from spikelet_converters.planning.settings import Budget, Cost, Point

COPIES = (1, 2, 4, 8)


@dataclass(frozen=True)
class Plan:
    """The settings of a bundle, measured on a set of images.

    Attributes:
        bundle: Name of the bundle.
        digest: SHA-256 of the bundle.
        data: Name of the images on which the setting was chosen.
        data_digest: SHA-256 of the images.
        images: Number of images.
        engine: Name of the engine, or "auto" if it depends on the number of copies.
        start: Initial potentials of the copies, see `with_copies`.
        budget: The limits.
        tolerance: Accuracy that may be given up for a cheaper setting.
        profile: Name of the hardware profile of the energies, or None.
        costs: Costs that the front compares with the accuracy.
        points: All settings.
        front: The Pareto front, in the order of its costs.
        chosen: The recommended setting; None if none is within the budget.
        refusals: Reasons why the bundle cannot have a number of copies, by this number.
    """

    bundle: str
    digest: str
    data: str
    data_digest: str
    images: int
    engine: str
    start: Start
    budget: Budget
    tolerance: float
    profile: str | None
    costs: tuple[Cost, ...]
    points: tuple[Point, ...]
    front: tuple[Point, ...]
    chosen: Point | None
    refusals: dict[int, str]

    def as_json(self) -> dict[str, object]:
        """Convert to a JSON object."""
        return {
            "bundle": self.bundle,
            "bundle_digest": self.digest,
            "chosen_on": {"data": self.data, "data_digest": self.data_digest, "images": self.images},
            "interval": "Wilson, 95%",
            "engine": self.engine,
            "initial_potentials_of_copies": self.start,
            "budget": self.budget.as_json(),
            "tolerance": self.tolerance,
            "profile": self.profile,
            "compared": list(self.costs),
            "points": [point.as_json() | {"front": point in self.front} for point in self.points],
            "front": [point.as_json() for point in self.front],
            "chosen": None if self.chosen is None else self.chosen.as_json(),
            "refused": {str(copies): reason for copies, reason in self.refusals.items()},
        }


def plan(
    bundle: Bundle,
    data: ImageSet,
    *,
    copies: Sequence[int] | None = None,
    steps: int | Mapping[int, int] | None = None,
    budget: Budget | None = None,
    tolerance: float = 0.0,
    start: Start = "half",
    early_exit: bool = True,
    profile: Profile | None = None,
    engine: str = "auto",
    threads: int | None = None,
    timed: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Plan:
    """Measure settings of copies, time-steps and early exit, and choose one for a budget.

    A network with k copies is derived from the bundle in memory. One run over its largest T includes all smaller T
    and all margins of early exit.

    Args:
        bundle: The bundle.
        data: Images with labels on which the setting is chosen. Its accuracy on these images is optimistic; measure it
            on other images before publication, see `confirmation.confirm`.
        copies: Numbers of copies k; 1 is the bundle as it is. None takes 1, 2, 4 and 8, without those that
            this network cannot have; `Plan.refusals` has the reasons.
        steps: Largest T, or largest T by k. By default it is that of the bundle, and less with more copies: k T is at
            most twice the number of levels of the bundle.
        budget: Limits; None for none. The front compares the accuracy with time-steps, neurons and the costs that are
            limited.
        tolerance: Accuracy that may be given up for a cheaper setting, 0…1.
        start: Initial potentials of the copies, "half" or "trained", see `with_copies`.
        early_exit: Whether to measure early exit as well.
        profile: Hardware profile of the energy; required by `Budget.energy`.
        engine: Name of the engine, or "auto".
        threads: Number of threads; None for the default of the engine.
        timed: Whether to measure the time of an image; `Budget.time` implies it.
        on_progress: Called with (images done, number of images over all k).

    Raises:
        DataError: The images have no labels, or do not fit the network.
        UsageError: An option is wrong, or the budget needs a profile.
        ConversionError: The network cannot have a stated number of copies.
        CostError: A network needs more memory or operations than the limits permit.

    Examples:
        >>> from spikelet import bundle, shipped
        >>> demo = bundle.read(shipped.demo())
        >>> images = shipped.images_for(demo.graph.input.shape, demo.manifest.labels).subset(50)
        >>> result = plan(demo, images, copies=[1, 2], steps=1, budget=Budget(steps=1), engine="numpy")
        >>> str(result.chosen.setting)
        'k = 2, T = 1'
    """
    budget = Budget() if budget is None else budget
    check_plan(bundle, data, budget, profile, start)
    options.instance("early_exit", early_exit, bool)
    options.instance("timed", timed, bool)
    options.function("on_progress", on_progress)
    tolerance = float(options.real("tolerance", tolerance, 0, 1))
    networks, refusals = _networks(bundle.graph, copies, start)
    largest_steps = steps if isinstance(steps, Mapping) else dict.fromkeys(networks, steps)
    longest = {k: _longest(bundle, graph, k, largest_steps.get(k)) for k, graph in networks.items()}
    points: list[Point] = []
    engines: set[str] = set()
    for position, (k, graph) in enumerate(networks.items()):

        def report(done: int, total: int, position: int = position) -> None:
            on_progress(position * total + done, len(networks) * total)

        selected = choose_engine(graph, engine, steps=longest[k])
        engines.add(selected)
        timing = timed or budget.time is not None
        if timing and graph.activity is None:  # so that the engine evaluates it as it evaluates the converted bundle
            graph = graph.with_activity(Activity(graph, golden_of_copies(bundle, graph, k).spikes))
        counted = count(graph, k, data, longest[k], selected, threads, profile, timing, report)
        points += counted.points(counted.settings(early_exit))
    costs = compared_costs(budget)
    return Plan(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        data=data.name,
        data_digest=data.digest,
        images=len(data),
        engine=engines.pop() if len(engines) == 1 else "auto",
        start=start,
        budget=budget,
        tolerance=tolerance,
        profile=None if profile is None else profile.name,
        costs=costs,
        points=tuple(points),
        front=pareto(points, costs),
        chosen=choose(points, budget, tolerance),
        refusals=refusals,
    )


def check_plan(bundle: Bundle, data: ImageSet, budget: Budget, profile: Profile | None, start: Start) -> None:
    """Check the arguments of a plan or of its confirmation before a run.

    Raises:
        DataError: The images have no labels, or do not fit the network.
        UsageError: An argument is of a wrong type, or the budget needs a profile.
    """
    options.instance("bundle", bundle, Bundle)
    options.instance("data", data, ImageSet)
    options.instance("budget", budget, Budget)
    if profile is not None:
        options.instance("profile", profile, Profile)
    options.choice("start", start, STARTS)
    if budget.energy is not None and profile is None:
        raise UsageError("a limit of energy needs a hardware profile: give --profile NAME")
    if profile is not None and not profile.priced:
        raise UsageError(f"profile {profile.name}: cannot limit energy: {profile.unpublished}; choose another profile")
    if not len(data):
        raise DataError(f"{data.name}: contains no images")
    if data.labels is None:
        raise DataError(f"{data.name}: has no labels; a plan compares accuracies, which need labels")
    check_labels(data, bundle.graph.classes)
    as_sequence(bundle.graph, data.images)


def _networks(graph: Graph, copies: Sequence[int] | None, start: Start) -> tuple[dict[int, Graph], dict[int, str]]:
    """Return the network by number of copies, and the reason by number of copies that it cannot have."""
    bundle_copies = own_copies(graph)
    if copies is not None:
        options.instance("copies", copies, Sequence)
        if not copies:
            raise UsageError("copies: expected one number or more, found none")
    numbers = COPIES if copies is None else [options.whole("copies", k, 1, MAX_COPIES) for k in copies]
    networks: dict[int, Graph] = {}
    refusals: dict[int, str] = {}
    for k in dict.fromkeys(numbers):
        if k == 1:
            networks[bundle_copies] = graph
            continue
        try:
            networks[k] = with_copies(graph, k, start)
        except ConversionError as error:
            if copies is not None:
                raise
            refusals[k] = str(error)
    return networks, refusals


def _longest(bundle: Bundle, graph: Graph, copies: int, steps: int | None) -> int:
    """Return the largest T of a network."""
    if graph is bundle.graph:
        return resolve_steps(steps, 1, bundle.step_limit, default=bundle.default_steps)
    limit = exact_steps(graph) if graph.exact else MAX_STEPS
    levels = 2 * bundle.default_steps
    longest = min(bundle.default_steps, -(-levels // copies)) if steps is None else options.whole("steps", steps)
    return min(longest, limit, MAX_STEPS)


def own_copies(graph: Graph) -> int:
    """Return the number of copies that the neurons of a bundle have, the largest over its layers."""
    return max(graph.neuron(name).copies for name in graph.spiking)
