"""Plans: accuracies and costs with known answers, and the Pareto front."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparators import THETA, bundle_of, comparator, images, leaky
from networks import small_graph
from spikelet import Margin, Model
from spikelet.data import ImageSet
from spikelet.engines import create
from spikelet.errors import ConversionError, DataError, UsageError
from spikelet.graph import Graph
from spikelet.metrics import measure
from spikelet.metrics.accuracy import wilson
from spikelet.metrics.hardware import find_profile
from spikelet.nodes import IF, Linear
from spikelet_converters.conversion.copies import with_copies
from spikelet_converters.planning import measure as measuring
from spikelet_converters.planning.chart import chart
from spikelet_converters.planning.confirmation import confirm, without
from spikelet_converters.planning.front import choose, compared_costs, pareto
from spikelet_converters.planning.plan import plan
from spikelet_converters.planning.settings import COSTS, Budget, Point, Setting
from spikelet_converters.planning.timing import elapsed, run_times

pytestmark = pytest.mark.usefixtures("nothing_compiled")

i32 = np.int32


def levels(pixels, count):
    """Return the spikes of a neuron with `count` levels, given by copies or time-steps."""
    return np.clip((2 * count * pixels.astype(np.int64) + THETA) // (2 * THETA), 0, count)


@pytest.fixture(scope="module")
def result():
    return plan(bundle_of(comparator()), images(), copies=[1, 2, 3], steps=6, engine="numpy")


def test_every_copies_and_every_t_has_its_known_accuracy_and_costs(result):
    fixed = [point for point in result.points if point.setting.margin is None]
    assert [(point.setting.copies, point.setting.steps) for point in fixed] == list(
        itertools.product((1, 2, 3), range(1, 7))
    )
    data = images()
    accuracies = set()
    for point in fixed:
        copies, steps = point.setting.copies, point.setting.steps
        counts = levels(data.images, copies * steps)
        right = int((counts.argmax(1) == data.labels).sum())
        assert point.accuracy == right / len(data)
        assert (point.low, point.high) == wilson(right, len(data))
        assert (point.steps, point.neurons) == (steps, 2 * copies)
        assert point.operations == pytest.approx(counts.sum() / len(data)), "a spike causes one accumulate"
        assert (point.energy, point.time) == (None, None)
        accuracies.add(point.accuracy)
    assert len(accuracies) > 4, "the settings differ"


def test_early_exit_is_that_of_a_run(result):
    data = images()
    early = [point for point in result.points if point.setting.margin is not None]
    assert all(point.setting.margin > 0 for point in early), "with 0 every image takes one time-step"
    assert {point.setting.steps for point in early} == set(range(2, 7))
    for point in early[::7]:
        setting = point.setting
        model = Model(
            bundle_of(with_copies(comparator(), setting.copies) if setting.copies > 1 else comparator()), "numpy"
        )
        run = model.run(data.images, setting.steps, early_exit=Margin(setting.margin))
        assert point.accuracy == (run.predictions[-1] == data.labels).mean()
        assert point.steps == pytest.approx(run.exit_steps.mean())
        assert 1 <= point.steps < setting.steps


def test_the_choice_with_and_without_a_budget(result):
    by_setting = {point.setting: point for point in result.points}
    assert result.costs == ("steps", "neurons")
    best = max(point.accuracy for point in result.points)
    assert result.chosen.accuracy == best
    limited = plan(
        bundle_of(comparator()), images(), copies=[1, 2, 3], steps=6, budget=Budget(steps=1, neurons=4), engine="numpy"
    )
    assert limited.chosen.setting == Setting(2, 1)
    assert limited.points == result.points
    few = choose(result.points, Budget(operations=0.99 * by_setting[Setting(1, 1)].operations))
    assert few is None
    assert choose(result.points, Budget(), tolerance=1.0).setting == Setting(1, 1)


def test_a_tolerance_is_not_rounded():
    """In floating point 0.8 - 0.1 is more than 0.7."""
    cheap, accurate = (Point(Setting(1, t), right, 0, 1, t, 1, 1.0) for t, right in ((1, 0.7), (2, 0.8)))
    assert choose([cheap, accurate], Budget(), tolerance=0.1) == cheap


def test_a_cost_that_is_not_known_is_within_no_limit():
    point = Point(Setting(1, 1), 0.9, 0, 1, 1, 1, 1.0)
    assert choose([point], Budget(energy=1e9)) is None
    assert choose([point], Budget(operations=1)) == point


@st.composite
def points(draw):
    """Return points with few different values, so that many costs and accuracies are equal."""
    rows = draw(st.lists(st.tuples(*[st.integers(0, 3)] * 6), min_size=1, max_size=12))
    return [
        Point(Setting(k + 1, t + 1), right / 4, 0, 1, t + 1, neurons, float(operations), float(energy))
        for k, t, right, neurons, operations, energy in rows
    ]


@given(points=points(), costs=st.lists(st.sampled_from(COSTS[:4]), min_size=1, max_size=4, unique=True))
def test_the_front_is_what_nothing_dominates(points, costs):
    def values(point):
        return (*(point.cost(cost) for cost in costs), -point.accuracy)

    def dominates(a, b):
        return values(a) != values(b) and all(x <= y for x, y in zip(values(a), values(b), strict=True))

    front = pareto(points, costs)
    expected = {values(point) for point in points if not any(dominates(other, point) for other in points)}
    assert sorted(map(values, front)) == sorted(expected), "one point for each of its values"
    assert list(front) == sorted(front, key=lambda point: values(point)[:-1])


@given(
    points=points(),
    limits=st.tuples(*[st.none() | st.sampled_from([0.5, 1, 2, 3])] * 4),
    tolerance=st.sampled_from([0, 0.25, 1]),
)
def test_the_choice_is_on_the_front_and_within_the_budget(points, limits, tolerance):
    budget = Budget(*limits)
    chosen = choose(points, budget, tolerance)
    permitted = [point for point in points if budget.permits(point)]
    if chosen is None:
        assert permitted == []
        return
    assert chosen in permitted
    assert chosen.accuracy >= max(point.accuracy for point in permitted) - tolerance
    assert chosen in pareto(points, compared_costs(budget))
    if tolerance == 0:
        assert chosen.accuracy == max(point.accuracy for point in permitted)


def test_energy_is_that_of_the_energy_command():
    graph, profile = small_graph(), find_profile("cmos45-int8")
    rng = np.random.default_rng(1)
    data = ImageSet(rng.integers(0, 256, (12, *graph.input.shape)).astype(np.uint8), rng.integers(0, 3, 12), None, "r")
    bundle = bundle_of(graph)
    planned = plan(bundle, data, copies=[1], steps=5, budget=Budget(energy=1e9), profile=profile, engine="numpy")
    (point,) = [point for point in planned.points if point.setting == Setting(1, 5)]
    (estimate,) = measure(bundle, data, 5, "numpy").estimates([profile])
    assert point.energy == pytest.approx(estimate.levels["memory"].high / 1e6)
    energies = [point.energy for point in planned.points if point.setting.margin is None]
    assert energies == sorted(energies)
    assert planned.costs == ("energy", "steps", "neurons")
    assert planned.profile == "cmos45-int8"


def test_times_are_medians_from_the_start_of_an_image():
    ticks = itertools.count()
    times = elapsed(create(comparator(), "numpy"), images(3).images, 3, clock=lambda: next(ticks) / 1000)
    assert times.tolist() == pytest.approx([1, 2, 3])
    ticks = itertools.count()

    def interrupted():
        """Return the time of a clock in which another program takes 0.1 s three times."""
        tick = next(ticks)
        return tick / 1000 + 0.1 * sum(tick > begin for begin in (21, 34, 47))

    times = elapsed(create(comparator(), "numpy"), images(3).images, 3, clock=interrupted)
    assert times.tolist() == pytest.approx([1, 2, 3])


def test_runs_without_early_exit_are_timed_as_runs_that_know_their_length():
    ticks, windows = itertools.count(), []
    engine = create(comparator(), "numpy")
    reset = engine.reset
    engine.reset = lambda batch, window=None: windows.append(window) or reset(batch, window)
    times = run_times(engine, images(3).images, 3, clock=lambda: next(ticks) / 1000)
    assert times.tolist() == pytest.approx([1, 2, 3])
    assert sorted(set(windows)) == [1, 2, 3]


def test_the_time_of_an_early_exit_is_the_mean_of_its_images(monkeypatch):
    monkeypatch.setattr(measuring, "elapsed", lambda engine, images, steps: np.arange(1.0, steps + 1))
    monkeypatch.setattr(measuring, "run_times", lambda engine, images, steps: 10 * np.arange(1.0, steps + 1))
    timed = plan(bundle_of(comparator()), images(), copies=[1], steps=3, timed=True, engine="numpy")
    for point in timed.points:
        setting = point.setting
        assert point.time == pytest.approx(10 * setting.steps if setting.margin is None else point.steps)


@pytest.mark.parametrize(
    ("neuron", "reason"),
    [
        (leaky(), "if: LIF neurons leak, so their spike count depends on when a current arrives"),
        (replace(comparator().neuron("if"), reset="zero"), "if: neurons reset to zero lose what exceeds the threshold"),
    ],
)
def test_neurons_that_cannot_have_copies_are_planned_without_and_refused_by_name(neuron, reason):
    bundle = bundle_of(comparator(neuron))
    planned = plan(bundle, images(20), engine="numpy")
    assert {point.setting.copies for point in planned.points} == {1}
    assert set(planned.refusals) == {2, 4, 8}
    assert all(text.startswith(reason) for text in planned.refusals.values())
    with pytest.raises(ConversionError, match=reason):
        plan(bundle, images(20), copies=[1, 2], engine="numpy")


def test_copies_of_copies_are_refused_and_the_copies_of_the_bundle_are_measured():
    bundle = bundle_of(with_copies(comparator(), 3), steps=2)
    planned = plan(bundle, images(20), engine="numpy")
    assert {point.setting.copies for point in planned.points} == {3}
    assert {point.neurons for point in planned.points} == {6}
    assert planned.refusals[2].startswith("if: has 3 copies of each neuron already")
    with pytest.raises(ConversionError, match="has 3 copies of each neuron already"):
        plan(bundle, images(20), copies=[2], engine="numpy")


def test_copies_that_leave_the_exact_range_are_listed_as_refusals():
    wide = IF(np.full(2, 2**23, i32), np.zeros(2, i32))
    nodes = {**comparator().nodes, "if2": wide, "fc2": Linear(np.eye(2, dtype=np.int8), np.zeros(2, i32))}
    order = ["x", "if", "fc", "if2", "fc2", "y"]
    graph = Graph({name: nodes[name] for name in order}, tuple(itertools.pairwise(order)))
    planned = plan(replace(bundle_of(graph, 1), graph=graph), images(20), engine="numpy")
    assert planned.refusals
    assert all("not exact" in text for text in planned.refusals.values())


def test_the_default_range_of_time_steps_has_at_most_twice_the_levels():
    planned = plan(bundle_of(comparator(), steps=4), images(20), early_exit=False, engine="numpy")
    longest = {k: max(p.steps for p in planned.points if p.setting.copies == k) for k in (1, 2, 4, 8)}
    assert longest == {1: 4, 2: 4, 4: 2, 8: 1}
    assert all(point.setting.margin is None for point in planned.points)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"data": ImageSet(images(4).images, None, None, "unlabelled")}, DataError, "unlabelled: has no labels"),
        ({"data": images(0)}, DataError, "contains no images"),
        ({"budget": Budget(energy=1.0)}, UsageError, "a limit of energy needs a hardware profile"),
        ({"profile": find_profile("akida")}, UsageError, "profile akida: cannot limit energy: "),
        ({"copies": []}, UsageError, "copies: expected one number or more"),
        ({"copies": 2}, UsageError, "copies: expected a Sequence, found 2"),
        ({"copies": [0]}, UsageError, "copies: expected a whole number of 1…255, found 0"),
        ({"steps": 9999}, UsageError, "steps: 9999 requested, but this bundle is proven exact for 4096"),
        ({"start": "other"}, UsageError, 'start: expected "trained" or "half"'),
        ({"tolerance": 2}, UsageError, "tolerance: expected a number of 0…1"),
    ],
)
def test_what_is_refused(options, error, message):
    options = {"data": images(4), **options}
    with pytest.raises(error, match=message):
        plan(bundle_of(comparator()), **options, engine="numpy")


def test_numbers_of_copies_of_numpy():
    whole = plan(bundle_of(comparator()), images(4), copies=[1], steps=1, engine="numpy")
    assert plan(bundle_of(comparator()), images(4), copies=[np.int64(1)], steps=1, engine="numpy") == whole


@pytest.mark.parametrize("limit", [0, -1, float("nan"), "2"])
def test_limits_are_numbers_above_0(limit):
    with pytest.raises(UsageError, match=r"Budget\.time"):
        Budget(time=limit)


def test_a_confirmation_measures_the_choice_on_other_images(result):
    bundle, others = bundle_of(comparator()), images(150, seed=1)
    measured = confirm(bundle, result, others, engine="numpy")
    assert measured.setting == result.chosen.setting
    again = plan(bundle, others, copies=[measured.setting.copies], steps=measured.setting.steps, engine="numpy")
    if measured.setting.margin is None:
        assert measured in again.points
    with pytest.raises(UsageError, match="the setting was chosen on these images"):
        confirm(bundle, result, images(), engine="numpy")
    nothing = replace(result, chosen=None)
    with pytest.raises(UsageError, match="there is no setting to confirm"):
        confirm(bundle, nothing, others, engine="numpy")


def test_images_that_chose_are_left_out():
    data = ImageSet(np.arange(12, dtype=np.uint8).reshape(6, 2), np.arange(6) % 2, None, "rows")
    rest = without(data, data.take(np.array([1, 4])))
    assert rest.images[:, 0].tolist() == [0, 4, 6, 10]
    assert rest.labels.tolist() == [0, 0, 1, 1]
    with pytest.raises(DataError, match="the setting was chosen on all 6 images"):
        without(data, data)


def test_the_plot_has_a_curve_for_each_number_of_copies(result):
    svg = chart(result)
    for copies in {point.setting.copies for point in result.front}:
        assert f">k = {copies}</text>" in svg
    assert f">recommended: {result.chosen.setting}</text>" in svg
    assert svg.count("<polygon") >= 2, "intervals"
    assert ">time-steps of an image (mean)</text>" in svg
