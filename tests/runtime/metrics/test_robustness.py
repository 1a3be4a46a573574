"""Faults of devices: each has its stated effect only, and equal seeds give equal faults."""

import json

import numpy as np
import pytest

from networks import Builder, small_graph
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.data import ImageSet, arrays
from spikelet.engines import create
from spikelet.errors import UsageError
from spikelet.metrics.accuracy import accuracy, wilson
from spikelet.metrics.faults import KINDS, Fault, FaultyEngine, drifted_thresholds, flip_bits
from spikelet.metrics.robustness import all_faults, interval, robustness
from spikelet.nodes import IF, Scale
from spikelet.report.fault_report import check, fault_figures, fault_table
from spikelet.session import Model
from spikelet.verify import record_golden

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (20, 3, 6, 6)).astype(np.uint8)
SOUND = Fault("dropped", 0.0)


@pytest.fixture(scope="module")
def images():
    return ImageSet(PIXELS, np.arange(20) % 3, tuple("abc"), "insects")


@pytest.fixture(scope="module")
def bundle():
    graph = small_graph()
    manifest = Manifest("small", tuple("abc"), 4, exact_steps(graph))
    return Bundle(graph, manifest, record_golden(graph, PIXELS[:1], 4), "# small\n")


def spikes(engine, steps=4, pixels=PIXELS):
    """Return random spikes by layer, (T, N, *shape)."""
    engine.reset(len(pixels))
    recorded_spikes = {name: [] for name in engine.graph.spiking}
    for t in range(steps):
        engine.step(pixels.astype(np.float32) if t == 0 else None)
        for name in recorded_spikes:
            recorded_spikes[name].append(engine._spikes[name].copy())
    return {name: np.stack(value) for name, value in recorded_spikes.items()}


def recorded(graph):
    engine = create(graph, "numpy", graph.spiking)
    return spikes(engine)


class TestFaults:
    @pytest.mark.parametrize("kind", KINDS)
    def test_level_zero_is_the_sound_network(self, kind):
        graph = small_graph()
        faulty, expected = spikes(FaultyEngine(graph, Fault(kind, 0.0), 3)), recorded(graph)
        assert all(np.array_equal(faulty[name], expected[name]) for name in graph.spiking)

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_same_seed_is_the_same_device(self, kind):
        graph, fault = small_graph(), Fault(kind, max(KINDS[kind].levels))
        one, again, other = (FaultyEngine(graph, fault, seed) for seed in (1, 1, 2))
        runs = [spikes(engine, pixels=engine.noisy(PIXELS)) for engine in (one, again, other)]
        assert all(np.array_equal(runs[0][name], runs[1][name]) for name in graph.spiking)
        assert any(not np.array_equal(runs[0][name], runs[2][name]) for name in graph.spiking)

    def test_stuck_neurons(self):
        graph = small_graph()
        off, on = (spikes(FaultyEngine(graph, Fault(kind, 0.3), 0)) for kind in ("stuck-off", "stuck-on"))
        for name in graph.spiking:
            size = graph.neurons(name)
            silent, firing = (~off[name].any((0, 1))).sum(), on[name].all((0, 1)).sum()
            assert 0.05 * size < silent
            assert 0.1 * size < firing < 0.7 * size

    def test_layers_of_one_shape_have_faults_of_their_own(self):
        silent = IF(np.full(1, 10**6, np.int32), np.zeros(1, np.int32))
        net = Builder((1, 8, 8), np.random.default_rng(0))
        net.add("if1", silent)
        net.add("scale", Scale(np.ones(1, np.int8)))
        net.add("if2", silent)
        stuck = spikes(FaultyEngine(net.graph(), Fault("stuck-on", 0.3), 0), pixels=np.zeros((1, 1, 8, 8), np.uint8))
        assert 5 < stuck["if1"][0].sum() < 35
        assert not np.array_equal(stuck["if1"], stuck["if2"])

    def test_all_stuck(self):
        graph = small_graph()
        assert not any(value.any() for value in spikes(FaultyEngine(graph, Fault("stuck-off", 1.0), 0)).values())
        assert all(value.all() for value in spikes(FaultyEngine(graph, Fault("stuck-on", 1.0), 0)).values())

    def test_lost_and_spurious_spikes_have_the_requested_rate(self):
        graph = small_graph()
        first = graph.spiking[0]  # faults of the first layer reach the later ones
        sound = recorded(graph)[first]
        lost = spikes(FaultyEngine(graph, Fault("dropped", 0.25), 0))[first]
        more = spikes(FaultyEngine(graph, Fault("spurious", 0.25), 0))[first]
        assert not (lost & ~sound).any()
        assert not (sound & ~more).any()
        assert 1 - lost.sum() / sound.sum() == pytest.approx(0.25, abs=0.03)
        assert (more & ~sound).sum() / (~sound).sum() == pytest.approx(0.25, abs=0.03)

    def test_a_lost_spike_still_resets(self):
        """A fault in transmission changes no potential of the layer that fired."""
        graph = small_graph()
        first = graph.spiking[0]
        engine, sound = FaultyEngine(graph, Fault("dropped", 0.9), 0), create(graph, "numpy", [first])
        for runner in (engine, sound):
            runner.reset(len(PIXELS))
            for t in range(3):
                runner.step(PIXELS.astype(np.float32) if t == 0 else None)
        assert np.array_equal(engine._v[first], sound._v[first])

    @pytest.mark.parametrize("bits", [4, 8, 12])
    def test_bits_flip_within_the_width(self, bits):
        top = 2 ** (bits - 1)
        weight = RNG.integers(-top + 1, top, (64, 32, 3, 3)).astype(np.int16)
        flipped = flip_bits(weight, bits, 0.05, np.random.default_rng(0))
        assert (flipped >= -top).all()
        assert (flipped < top).all()
        changed = (flipped.astype(int) ^ weight) & (2**bits - 1)
        share = sum((changed >> bit & 1).sum() for bit in range(bits)) / (weight.size * bits)
        assert share == pytest.approx(0.05, rel=0.05)
        every = flip_bits(weight, bits, 1.0, np.random.default_rng(0))
        assert np.array_equal(every, ~weight), "every bit of two's complement"

    def test_bits_of_floats(self):
        weight = RNG.standard_normal((200, 200)).astype(np.float32)
        flipped = flip_bits(weight, 8, 0.02, np.random.default_rng(0))
        assert np.isfinite(flipped).all()
        assert 0.3 < (flipped != weight).mean() < 0.6, "1 - 0.98^32 = 0.48"

    def test_thresholds_differ_between_neurons(self):
        node = IF(np.array([1000, 3000], np.int32), np.zeros(2, np.int32))
        theta = drifted_thresholds(node, (2, 40, 40), 0.1, np.random.default_rng(0))
        assert theta.shape == (1, 2, 40, 40)
        assert (theta == np.rint(theta)).all()
        for channel, expected in enumerate((1000, 3000)):
            assert theta[0, channel].mean() == pytest.approx(expected, rel=0.02)
            assert theta[0, channel].std() == pytest.approx(0.1 * expected, rel=0.1)
        assert drifted_thresholds(node, (2, 40, 40), 1.0, np.random.default_rng(0)).min() == 1, "never 0 or below"

    def test_noise_stays_within_the_range_of_the_input(self):
        graph = small_graph()
        noisy = FaultyEngine(graph, Fault("input-noise", 0.2), 0).noisy(PIXELS)
        assert (noisy == np.rint(noisy)).all()
        assert (noisy.min(), noisy.max()) == (0, 255)
        grey = FaultyEngine(graph, Fault("input-noise", 0.05), 0).noisy(np.full_like(PIXELS, 128))
        assert grey.std() == pytest.approx(0.05 * 255, rel=0.1)

    def test_invalid_faults_are_refused(self):
        with pytest.raises(UsageError, match="unknown fault 'rust'; known: weight-bits, stuck-off"):
            Fault("rust", 0.1)
        for level in (-0.1, 1.5, float("nan")):
            with pytest.raises(UsageError, match="fault dropped: level: expected a number of 0…1"):
                Fault("dropped", level)


class TestRobustness:
    def test_the_row_without_faults_is_the_accuracy_of_run(self, bundle, images):
        report = robustness(bundle, images, 4, [Fault("stuck-off", 1.0)], [0])
        assert report.fault_free.accuracy == pytest.approx(
            Model(bundle, "numpy").run(PIXELS, 4).accuracy(images.labels)
        )
        assert report.measure == "accuracy"
        # no spikes: all images have the same prediction
        assert report.points[0].accuracy[-1] in [pytest.approx((images.labels == k).mean()) for k in range(3)]

    def test_seeds_and_progress(self, bundle, images):
        seen, parts = [], []
        faults = [Fault("dropped", 0.5), Fault("threshold", 0.4)]
        report = robustness(
            bundle, images, 3, faults, (4, 5, 6), lambda done, total: seen.append((done, total)), parts.append
        )
        assert list(dict.fromkeys(seen)) == [(i, 7) for i in range(8)]
        assert len(seen) == 7 * 3 + 1, "each time-step of each run can be the last"
        assert [part.points for part in parts] == [report.points[:k] for k in range(3)]
        assert parts[-1] == report
        for point in report.points:
            assert np.mean(point.by_seed, axis=0).tolist() == pytest.approx(point.accuracy)
            assert all(
                low <= share <= high for low, share, high in zip(point.low, point.accuracy, point.high, strict=True)
            )
        again = robustness(bundle, images, 3, faults, (4, 5, 6))
        assert again == report

    def test_without_labels_it_is_agreement(self, bundle):
        report = robustness(bundle, ImageSet(PIXELS, None, None, "x"), 2, [Fault("dropped", 0.1)], [0])
        assert report.measure == "agreement"
        assert report.fault_free.accuracy[-1] == 1

    def test_a_float_network(self, images):
        graph = small_graph(exact=False)
        bundle = Bundle(graph, Manifest("f"), record_golden(graph, PIXELS[:1], 2), "# f\n")
        report = robustness(bundle, images, 2, [Fault("weight-bits", 0.05), Fault("threshold", 0.2)], [0])
        assert all(0 <= share <= 1 for point in report.points for share in point.accuracy)

    def test_the_interval_covers(self):
        """The interval contains a known mean in about 95% of 200 experiments."""
        source, hits = np.random.default_rng(0), 0
        for _ in range(200):
            right = source.random((5, 1, 60)) < 0.7
            (low,), (high,) = interval(right)
            hits += low <= 0.7 <= high
        assert 180 <= hits <= 200

    def test_the_interval_of_one_device_is_that_of_every_accuracy(self, bundle, images):
        """The report, the inspector's Accuracy and its Robustness show one interval for the same images."""
        report = robustness(bundle, images, 4, [Fault("dropped", 0.3)], [0])
        points = accuracy(Model(bundle, "numpy").run(PIXELS, 4).predictions, images.labels)
        assert report.fault_free.low == pytest.approx([point["low"] for point in points])
        assert report.fault_free.high == pytest.approx([point["high"] for point in points])
        for share, low, high in zip(
            report.points[0].accuracy, report.points[0].low, report.points[0].high, strict=True
        ):
            assert (low, high) == pytest.approx(wilson(20 * share, 20))

    def test_the_interval_is_wider_where_devices_differ(self):
        alike = np.zeros((4, 1, 100), bool)
        alike[:, :, :50] = True  # every device errs on the same images
        differ = np.zeros((4, 1, 100), bool)
        differ[:2] = True  # two devices are always right, two never
        independent = np.random.default_rng(0).random((4, 1, 100)) < 0.5
        widths = [high[0] - low[0] for low, high in map(interval, (independent, alike, differ))]
        assert widths == sorted(widths)
        assert widths[1] == pytest.approx(np.subtract(*wilson(50, 100)[::-1]))
        assert widths[2] > 0.5
        (low,), (high,) = interval(np.ones((3, 1, 20), bool))
        assert (low, high) == pytest.approx(wilson(20, 20))

    def test_the_number_of_independent_predictions_by_hand(self):
        two = np.zeros((2, 1, 20), bool)
        two[0] = True  # the variance of the mean of 0 and 1 is 1/4, as that of one prediction
        (low,), (high,) = interval(two)
        assert (low, high) == pytest.approx(wilson(0.5, 1))
        shared = np.zeros((2, 1, 10), bool)
        shared[0, :, :5] = shared[1, :, 5:] = shared[1, :, 0] = True  # the devices complement each other
        (low,), (high,) = interval(shared)
        assert (low, high) == pytest.approx(wilson(11, 20)), "at most as many as there are predictions"

    def test_impossible_measurements_are_refused(self, bundle, images):
        with pytest.raises(UsageError, match="is proven exact for"):
            robustness(bundle, images, 60_000)
        with pytest.raises(UsageError, match="seeds: expected one or more"):
            robustness(bundle, images, 2, seeds=[])

    def test_every_kind_has_levels(self):
        assert len(all_faults()) == sum(len(kind.levels) for kind in KINDS.values()) >= 20


class TestCommand:
    @pytest.fixture
    def call(self, bundle, images, tmp_path, monkeypatch, capsys):
        write(bundle, tmp_path / "small.snnb")
        arrays.write(tmp_path / "insects.npz", images)
        monkeypatch.chdir(tmp_path)

        def run(line):
            code = cli.main(line.split())
            out = capsys.readouterr()
            return code, out.out, out.err

        return run

    def test_table_json_figures_and_report(self, call, tmp_path):
        line = "robustness small.snnb insects.npz --steps 3 --seeds 0 1 --faults dropped threshold"
        code, out, _ = call(f"{line} -o found.json --figures figures")
        assert code == 0
        assert "Lost spikes" in out
        assert "Threshold drift" in out
        assert len([row for row in out.splitlines() if "–" in row]) == 9
        facts = json.loads((tmp_path / "found.json").read_text())
        assert call(f"{line} --json")[1] == json.dumps(facts) + "\n"
        assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
            "faults-dropped.csv", "faults-dropped.svg", "faults-threshold.csv", "faults-threshold.svg"
        ]  # fmt: skip
        report = "report small.snnb insects.npz --steps 3 --no-latency --engine numpy --profile cmos45-int8 -o x.html"
        assert call(f"{report} --robustness found.json")[0] == 0
        page = (tmp_path / "x.html").read_text()
        assert "Device faults" in page
        assert page.count("Lost spikes: accuracy by level") >= 1
        assert read(tmp_path / "small.snnb").digest == facts["bundle_digest"]

    def test_levels_given_by_the_user(self, call):
        code, out, _ = call(
            "robustness small.snnb insects.npz --steps 2 --seeds 0 --faults stuck-on --levels 0 0.5 --json"
        )
        assert code == 0
        assert [fault["level"] for fault in json.loads(out)["faults"]] == [0, 0.5]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("--levels 0.1", "--levels: requires exactly one fault"),
            ("--faults dropped --levels 2", "level: expected a number of 0…1, found 2"),
            ("--seeds -1", "--seeds: expected whole numbers of 0 or more"),
            ("--steps 60000", "is proven exact for"),
            ("--seeds 1 0 1", "seeds: 1 is given twice; expected different seeds"),
            ("--faults dropped --levels 0.1 0.2 0.1", "is given twice; expected different faults"),
            ("-o none/x.json", "none: no such folder"),
            ("-o x.txt", "x.txt: expected a name that ends in .json"),
            ("-o .", ".: is a folder; expected the name of a file"),
        ],
    )
    def test_invalid_calls_are_refused(self, call, options, message):
        code, _, err = call(f"robustness small.snnb insects.npz {options}")
        assert code == 2
        assert message in err

    def test_a_report_of_another_bundle_or_of_no_run(self, call, tmp_path):
        call("robustness small.snnb insects.npz --steps 2 --seeds 0 --faults dropped -o found.json")
        facts = json.loads((tmp_path / "found.json").read_text())
        report = "report small.snnb insects.npz --steps 2 --no-latency -o x.html --robustness found.json"
        (tmp_path / "found.json").write_text(json.dumps(facts | {"bundle_digest": "0" * 64}))
        code, _, err = call(report)
        assert (code, "was measured on another bundle, small" in err) == (2, True)
        sound = {key: value for key, value in facts["sound"].items() if key != "fault"}
        wrong = [
            {"faults": [{}]},
            {"sound": 3},
            {"sound": sound},
            {"sound": facts["faults"][0]},
            {"steps": "x"},
            {"steps": 3},
            {"steps": 2.0},
            {"seeds": 1},
        ]
        for value in ({}, *(facts | change for change in wrong)):
            (tmp_path / "found.json").write_text(json.dumps(value))
            code, _, err = call(report)
            assert (code, "expected a file that `spikelet robustness -o FILE.json` has written" in err) == (2, True)


def test_tables_and_figures_agree(bundle, images):
    facts = check(json.loads(json.dumps(robustness(bundle, images, 5, [Fault("dropped", 0.1)], [0]).as_json())))
    head, rows = fault_table(facts)
    assert head == ["fault", "level", "T = 1", "T = 2", "T = 4", "T = 5", "95% at T = 5"]
    assert rows[1][:2] == ["Lost spikes", "0.1"]
    (figure,) = fault_figures(facts)
    assert len(figure.rows) == 10
    assert f"{figure.rows[-1][3]:.1%}" == rows[1][5]
