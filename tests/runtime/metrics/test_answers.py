"""Accuracy, early exit, spike rates and complete measurements."""

import json
import re

import numpy as np
import pytest

from counts.calls import peak_bytes
from networks import Builder, small_graph
from spikelet import cli, shipped
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.data import ImageSet
from spikelet.errors import DataError, UsageError
from spikelet.metrics import measure, tally
from spikelet.metrics.accuracy import accuracy, order_of_labels, source_results, wilson
from spikelet.metrics.exits import at_threshold, exit_curve, operations_at_exit, thresholds
from spikelet.metrics.fanout import sites
from spikelet.metrics.operations import operations
from spikelet.metrics.rates import layer_rates
from spikelet.metrics.tally import Tally
from spikelet.nodes import IF, Linear
from spikelet.report.tables import exit_table
from spikelet.session import Model
from spikelet.session.early_exit import Margin
from spikelet.verify import record_golden

STEPS = 6


def image_set(count=50, labels=3, name="insects"):
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (count, 3, 6, 6)).astype(np.uint8)
    return ImageSet(images, None if labels is None else rng.integers(0, labels, count), None, name)


def bundle_of(graph, results=(), labels=None, name="small", card="# small\n"):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, *graph.input.shape)).astype(np.uint8)
    manifest = Manifest(name, labels, 4, exact_steps(graph), results=list(results))
    return Bundle(graph, manifest, record_golden(graph, images, 2), card)


@pytest.fixture(scope="module")
def counted():
    graph = small_graph()
    return tally(graph, sites(graph), image_set().images, STEPS, "numpy")


class TestAccuracy:
    @pytest.mark.parametrize(
        ("right", "n", "low", "high"),
        # R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_wilson_against_published_intervals(self, right, n, low, high):
        assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)
        assert wilson(n - right, n) == pytest.approx((1 - high, 1 - low), abs=5e-5)

    def test_by_time_step(self):
        predictions = np.array([[0, 1, 1, 1], [0, 0, 0, 1]])
        points = accuracy(predictions, np.array([0, 0, 0, 1]))
        assert [point["accuracy"] for point in points] == [0.5, 1.0]
        assert [point["time_steps"] for point in points] == [1, 2]
        assert (points[0]["low"], points[0]["high"]) == wilson(2, 4)

    def test_without_labels(self):
        assert accuracy(np.zeros((2, 3), np.int64), None) is None

    def test_the_float_network_is_known_by_the_data_s_digest(self):
        data = image_set()
        known = {"digest": data.digest, "float_accuracy": 0.75, "agreement_with_float": 0.5, "steps": 8}
        source = source_results(Manifest("x", results=[{"digest": "other", "float_accuracy": 0.1}, known]), data)
        assert source == {"accuracy": 0.75, "agreement": 0.5, "agreement_steps": 8}
        nothing = {"accuracy": None, "agreement": None, "agreement_steps": None}
        assert source_results(Manifest("x", results=[known | {"digest": "other"}]), data) == nothing
        odd = {"digest": data.digest, "float_accuracy": "<b>", "agreement_with_float": True, "steps": None}
        assert source_results(Manifest("x", results=[odd]), data) == nothing

    @pytest.mark.parametrize(
        ("labels", "note"),
        [
            (lambda answers: answers + 1, "label 1 as class 0, of 2 as class 1, of 3 as class 2, …: subtract 1 from"),
            (lambda answers: 9 - answers, "label 1 as class 8, of 2 as class 7, of 3 as class 6, …: reorder them, or"),
            (lambda answers: answers, ""),
            (lambda answers: np.where(answers == 3, 5, answers), ""),  # one class that the network never knows
            (lambda answers: np.arange(100) % 10, ""),  # by chance
        ],
    )
    def test_labels_in_another_order(self, labels, note):
        answers = np.sort(np.random.default_rng(0).integers(0, 9, 100))
        assert note in order_of_labels(answers, labels(answers))
        assert bool(order_of_labels(answers, labels(answers))) == bool(note)
        noisy = np.where(np.arange(100) % 5, answers, 4)  # one in five predictions is the class 4
        assert bool(order_of_labels(noisy, labels(answers))) == bool(note)
        assert order_of_labels(answers[::25], labels(answers)[::25]) == "", "four images show no order"

    def test_a_network_that_predicts_few_classes_shows_no_order(self):
        labels = np.arange(90) % 9 + 1
        assert order_of_labels(np.zeros(90, np.int64), labels) == ""
        assert order_of_labels(np.arange(90) % 2, labels) == ""
        assert order_of_labels(labels, None) == ""

    @pytest.mark.parametrize(("command", "shift"), [("run", 9), ("energy", 9), ("run", 0)])
    def test_the_json_output_has_the_note(self, command, shift, tmp_path, capsys):
        arrays = dict(np.load(next(path for path in shipped.files() if path.name.startswith("fashion"))))
        labels = (arrays["labels"][:60] + shift) % 10
        np.savez(tmp_path / "moved.npz", images=arrays["images"][:60], labels=labels)
        data = [str(tmp_path / "moved.npz"), "--steps", "1", "--engine", "numpy", "--json"]
        assert cli.main([command, "vgg5-fashion-mnist", *data]) == 0
        note = json.loads(capsys.readouterr().out)["note_on_labels"]
        assert note is None if shift == 0 else "labels appear to be in another order" in note

    def test_predictions_are_those_of_a_run(self, counted):
        model = Model(bundle_of(small_graph()), "numpy")
        np.testing.assert_array_equal(model.run(image_set().images, STEPS).predictions, counted.predictions)


class TestEarlyExit:
    @pytest.mark.parametrize("threshold", [0, 20, 60, 100, 1e9])
    def test_each_point_is_a_run_with_that_rule(self, counted, threshold):
        data, model = image_set(), Model(bundle_of(small_graph()), "numpy")
        result = model.run(data.images, STEPS, early_exit=Margin(threshold))
        point = at_threshold(counted, data.labels, threshold)
        assert point.steps == result.exit_steps.mean()
        assert point.accuracy == (result.predictions[-1] == data.labels).mean()
        share = [(result.exit_steps == t + 1).mean() for t in range(STEPS)]
        assert point.share_by_step == pytest.approx(share)
        events = [counted.events[:stop, n].sum() for n, stop in enumerate(result.exit_steps)]
        assert point.events == pytest.approx(np.mean(events))

    def test_operations_of_images_that_exit_at_the_first_time_step_are_those_of_a_run_of_one(self, counted):
        graph, all_sites = small_graph(), sites(small_graph())
        one_step = operations(graph, all_sites, tally(graph, all_sites, image_set().images, 1, "numpy"))
        early = operations_at_exit(operations(graph, all_sites, counted), at_threshold(counted, None, 0))
        assert (early.steps, early.neuron_updates) == (1, one_step.neuron_updates)
        for field in ("acs", "macs", "adds", "static_macs", "possible", "dense_events"):
            assert early.total(field) == pytest.approx(one_step.total(field)), field
        assert early.rate == pytest.approx(one_step.rate)

    def test_the_curve_begins_with_one_time_step_and_ends_with_all(self, counted):
        curve = exit_curve(counted, image_set().labels)
        assert curve[0].threshold == 0
        assert curve[0].steps == 1
        assert curve[-1].steps == STEPS
        assert len(curve) > 10
        steps = [point.steps for point in curve]
        assert steps == sorted(steps)
        assert curve[-1].accuracy == (counted.predictions[-1] == image_set().labels).mean()

    def test_one_class_and_one_step(self):
        assert thresholds(np.full((4, 3), np.inf)) == [0.0]
        assert thresholds(np.ones((1, 3))) == [0.0]

    def test_without_labels(self, counted):
        assert {point.accuracy for point in exit_curve(counted, None)} == {None}


class TestRates:
    def test_dead_and_saturated(self):
        spikes = {"if1": np.array([[0, 10], [19, 20]])}
        by_step = {"if1": np.array([30, 19])}
        zeros = np.zeros((2, 10))
        counted = Tally(10, 2, spikes, by_step, zeros, zeros, zeros, {})
        (layer,) = layer_rates(counted)
        assert (layer.neurons, layer.dead, layer.saturated) == (4, 1, 2)
        assert layer.rate == 49 / 80
        assert layer.by_step == (30 / 40, 19 / 40)
        assert (layer.low, layer.median, layer.high) == tuple(np.quantile([0, 0.5, 0.95, 1], [0.05, 0.5, 0.95]))

    def test_they_are_those_of_a_run(self, counted):
        result = Model(bundle_of(small_graph()), "numpy").run(image_set().images, STEPS)
        rates = {layer_rate.layer: layer_rate.rate for layer_rate in layer_rates(counted)}
        assert rates == pytest.approx(result.spike_rates)


class TestMeasure:
    def test_facts_name_the_data(self):
        data = image_set()
        facts = measure(bundle_of(small_graph()), data, 3, "numpy").as_json()
        assert (facts["images"], facts["steps"], facts["engine"]) == (50, 3, "numpy")
        assert (facts["data"], facts["data_digest"]) == ("insects", data.digest)
        assert facts["interval"] == "Wilson, 95%"
        assert facts["version"]
        assert len(facts["accuracy"]) == 3
        json.dumps(facts, allow_nan=False)

    def test_no_labels_no_accuracy(self):
        measurement = measure(bundle_of(small_graph()), image_set(labels=None), 2, "numpy")
        assert measurement.accuracy is None
        assert {point.accuracy for point in measurement.exits} == {None}
        names = [row[0] for row in exit_table([measurement], ["a"])[1]]
        assert names[-1] == "no early exit"
        assert "no early exit" not in names[:-1]

    def test_labels_out_of_range(self):
        with pytest.raises(DataError) as caught:
            measure(bundle_of(small_graph()), image_set(labels=9), 2)
        assert str(caught.value) == "insects: has a label of 8, the network's classes are 0…2"

    def test_no_images(self):
        none = ImageSet(np.zeros((0, 3, 6, 6), np.uint8), np.zeros(0, np.int64), None, "nothing")
        with pytest.raises(DataError, match="^nothing: contains no images$"):
            measure(bundle_of(small_graph()), none, 2)

    def test_more_steps_than_are_exact(self):
        net = Builder((3, 6, 6), np.random.default_rng(0))
        net.conv("conv1", 2)
        net.neuron("if1")
        bundle = bundle_of(net.graph())
        limit = bundle.manifest.exact_steps
        message = f"steps: {limit + 1} requested, but this bundle is proven exact for {limit} time-steps (exact_steps); use fewer steps, or convert with --steps {limit + 1}"
        with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
            measure(bundle, image_set(), limit + 1)

    def test_a_network_that_never_fires(self):
        net = Builder((3,), np.random.default_rng(0))
        net.add("fc", Linear(np.zeros((2, 3), np.int8), np.zeros(2, np.int32)))
        net.add("if1", IF(np.array([5, 5], np.int32), np.array([0, 0], np.int32)))
        graph = net.graph(2)
        images = ImageSet(np.zeros((4, 3, 1, 1), np.uint8), None, None, "dots")
        flat = images.images.reshape(4, 3)
        counted = tally(graph, sites(graph), flat, 3, "numpy")
        assert counted.events.sum() == 0
        (layer,) = layer_rates(counted)
        assert (layer.rate, layer.dead) == (0.0, 2)

    def test_memory_does_not_grow_with_the_data(self):
        graph = small_graph(size=16)
        all_sites = sites(graph)
        neurons = graph.neuron_count

        def peak(count):
            images = np.random.default_rng(0).integers(0, 256, (count, 3, 16, 16)).astype(np.uint8)
            return peak_bytes(lambda: tally(graph, all_sites, images, STEPS, "numpy"))

        few, many = peak(64), peak(640)
        a_few_numbers = 576 * STEPS * 3 * 8  # answer, margin, events of each image and step
        assert many - few < a_few_numbers + 100_000
        assert 576 * STEPS * neurons > 10 * (a_few_numbers + 100_000)  # what keeping spikes would take
