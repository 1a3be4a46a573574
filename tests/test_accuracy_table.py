"""The accuracy tables of README and docs are those of `make accuracy`, for the shipped bundles."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmark_modules import imported
from networks import Builder
from spikelet import bundle, shipped
from spikelet.data import ImageSet
from spikelet.engines import create, run

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def accuracy():
    pytest.importorskip("torch")
    with imported("accuracy") as (module,):
        yield module


@pytest.fixture
def page_tables():
    with imported("page_tables.accuracy") as (module,):
        yield module


@pytest.fixture
def figures(page_tables):
    return json.loads(page_tables.FIGURES.read_text("utf-8"))


def test_the_pages_show_the_measured_figures(page_tables, figures):
    for name, blocks in page_tables.tables(figures).items():
        page = (ROOT / name).read_text("utf-8")
        for title, content in blocks.items():
            assert page_tables.with_block(page, title, content) == page


ELSEWHERE = {"spoken-digits"}  # no data set that `make accuracy` reads; its tutorial has the accuracy


def test_the_figures_are_those_of_the_shipped_bundles(figures):
    digests = {path.stem: bundle.read(path).digest for path in shipped.bundles()}
    assert digests.keys() >= ELSEWHERE
    assert {name: entry["bundle"] for name, entry in figures.items()} == {
        name: digest for name, digest in digests.items() if name not in ELSEWHERE
    }


def test_figures_of_another_network_that_was_trained_from_it_are_not_kept(accuracy):
    before = {"bundle": "a", "tuned": {"source": 1}}
    assert accuracy.with_tuned({"bundle": "a"}, before) == before
    assert accuracy.with_tuned({"bundle": "b"}, before) == {"bundle": "b"}
    assert accuracy.with_tuned({"bundle": "a"}, {}) == {"bundle": "a"}


PAGES = (
    "README.md",
    "docs/index.md",
    "docs/quickstart.md",
    "docs/results/accuracy.md",
    "docs/concepts/copies.md",
    "docs/results/copies.md",
    "assets/README.md",
)


def percentages_of_prose(page):
    """Return percentages with decimals outside of tables, code and output, which a test of the demo compares."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    prose = "\n".join(line for line in text.splitlines() if not line.startswith("|"))
    return {number.rstrip(" %") for number in re.findall(r"\d+\.\d+ ?%", prose)}


@pytest.fixture
def measured(figures):
    """All accuracies of the shipped networks and of the published runs of studies, in %."""
    networks = [*figures.values(), *(entry["tuned"] for entry in figures.values() if "tuned" in entry)]
    counts = [(count, entry["images"]) for entry in networks for by_steps in entry["copies"].values()
              for count in by_steps.values()]  # fmt: skip
    shares = [count / images for count, images in counts] + [entry["source"] / entry["images"] for entry in networks]
    for path in (ROOT / "docs" / "studies").glob("*.results.json"):
        for result in json.loads(path.read_text("utf-8"))["results"]:
            shares += [*result["accuracy"].values(), *result["source"].values()]
    return {f"{100 * share:.{decimals}f}" for share in shares for decimals in (1, 2)}


@pytest.mark.parametrize("page", PAGES)
def test_every_percentage_in_prose_was_measured(measured, page):
    assert percentages_of_prose(page) <= measured


def test_pages_state_accuracies():
    assert {"89.07", "89.28"} <= percentages_of_prose("docs/quickstart.md")


def test_differences_are_means_and_deviations_over_the_seeds_of_both_methods(page_tables, tmp_path, monkeypatch):
    def result(method, seed, right):
        shares = {str(t): right for t in page_tables.DIFFERENCE_STEPS}
        return {"method": method, "point": {"seed": seed, "model": "net"}, "accuracy": shares, "test": {"data": "bars"}}

    results = [result("new", 1, 0.8), result("old", 1, 0.7), result("old", 2, 0.1), result("new", 3, 0.8)]
    results += [result("old", 3, 0.77), result("same", 1, 0.79999), result("late", 1, 0.8)]
    del results[-1]["accuracy"]["1"]  # the only time-step is a pre-step
    (tmp_path / "s.results.json").write_text(json.dumps({"results": results}))
    monkeypatch.setattr(page_tables, "STUDIES", tmp_path)
    monkeypatch.setattr(page_tables, "DIFFERENCES", (("s", "new", "old"), ("s", "same", "new"), ("s", "new", "late")))
    _, _, first, second, third = page_tables.differences_table().splitlines()
    assert first == "| net | bars | `new` − `old` | 1, 3 | " + " | ".join(["+6.5 ± 4.9"] * 6) + " |"
    assert second == "| net | bars | `same` − `new` | 1 | " + " | ".join(["+0.0"] * 6) + " |"
    assert third == "| net | bars | `new` − `late` | 1 | " + " | ".join(["–", *["+0.0"] * 5]) + " |"


def test_a_page_without_its_part_is_refused(page_tables):
    with pytest.raises(ValueError, match="expected one part <!-- accuracy: … -->, found 0"):
        page_tables.with_block("# a page\n", "accuracy", "| |\n")


@pytest.fixture
def network(page_tables):
    """Figures of 100 images of a network with trained initial potentials: 10 k + T correct predictions."""
    by_steps = {str(k): {str(t): 10 * k + t for t in steps} for k, steps in page_tables.STEPS.items()}
    trained = {str(k): {"1": 10 * k + 3} for k in page_tables.STEPS if k > 1}
    return {"images": 100, "source": 85, "copies": by_steps, "trained": trained}


def test_copies_and_time_steps_of_equal_levels_share_a_row(page_tables, network):
    table = page_tables.copies_table({"net": network}).splitlines()
    assert table[0] == "| bundle | levels k T | k = 1 | k = 2 | k = 4 | k = 8 |"
    assert table[2:] == [
        "| `net` | 1 | T = 1: 11.00 |  |  |  |",
        "| `net` | 2 | T = 2: 12.00 | T = 1: 21.00 |  |  |",
        "| `net` | 4 | T = 4: 14.00 | T = 2: 22.00 | T = 1: 41.00 |  |",
        "| `net` | 8 | T = 8: 18.00 | T = 4: 24.00 | T = 2: 42.00 | T = 1: 81.00 |",
    ]


def test_copies_of_equal_time_steps_share_a_row(page_tables, network):
    table = page_tables.equal_steps_table({"net": network}).splitlines()
    assert table[0] == "| bundle | T | k = 1 | k = 2 | k = 4 | k = 8 | source |"
    assert table[2:] == [
        "| `net` | 1 | 11.00 | 21.00 | 41.00 | 81.00 | 85.00 |",
        "| `net` | 2 | 12.00 | 22.00 | 42.00 |  | 85.00 |",
        "| `net` | 4 | 14.00 | 24.00 |  |  | 85.00 |",
    ]


def test_trained_potentials_are_compared_where_a_network_has_them(page_tables, network):
    table = page_tables.potentials_table({"net": network, "other": {**network, "trained": {}}}).splitlines()
    assert table[2:] == [
        "| `net` | 2 | 21.00 | 23.00 | +2.00 |",
        "| `net` | 4 | 41.00 | 43.00 | +2.00 |",
        "| `net` | 8 | 81.00 | 83.00 | +2.00 |",
    ]


def test_a_network_that_was_trained_further_has_a_row_below_the_shipped_one(page_tables, network):
    tuned = {**network, "images": 200, "source": 190}
    table = page_tables.tuned_table({"net": {**network, "tuned": tuned}, "other": network}).splitlines()
    assert table[0].startswith("| network | source | k = 1, T = 1 |")
    assert [row.split(" | ")[:3] for row in table[2:]] == [
        ["| `net`", "85.00", "11.00"],
        ["| trained for copies", "95.00", "5.50"],
    ]


class TestFigures:
    """A small exact network of random weights, whose initial potentials are not theta / 2."""

    IMAGES = ImageSet(
        np.random.default_rng(0).integers(0, 256, (20, 3, 6, 6)).astype(np.uint8),
        np.arange(20) % 3,
        tuple("abc"),
        "noise",
    )

    def graph(self):
        net = Builder((3, 6, 6), np.random.default_rng(1))
        net.conv("conv", 4)
        net.neuron("if", scale=2000)
        return net.graph()

    def figures(self, accuracy, monkeypatch, before):
        monkeypatch.setattr(accuracy, "STEPS", {1: (1, 2), 2: (1,)})
        return accuracy.figures_of(self.graph(), None, self.IMAGES, "noise", {"source": 5, "images": 20, **before})

    def test_they_count_correct_predictions(self, accuracy, monkeypatch):
        figures = self.figures(accuracy, monkeypatch, {"copies": {}})
        graph = self.graph()
        expected = {"1": self.right(graph, 2), "2": self.right(accuracy.with_copies(graph, 2), 1)}
        assert figures["copies"] == expected
        assert figures["trained"] == {"2": self.right(accuracy.with_copies(graph, 2, "trained"), 1)}

    def test_those_that_are_known_are_kept(self, accuracy, monkeypatch):
        known = {"copies": {"1": {"1": 77, "2": 78}}, "trained": {"2": {"1": 79}}}
        figures = self.figures(accuracy, monkeypatch, known)
        expected = self.right(accuracy.with_copies(self.graph(), 2), 1)
        assert figures["copies"] == {"1": {"1": 77, "2": 78}, "2": expected}
        assert figures["trained"] == {"2": {"1": 79}}

    def right(self, graph, steps):
        total, counts = 0, {}
        for t, logits in run(create(graph, "numpy"), self.IMAGES.images[None], steps):
            total = total + logits
            counts[str(t + 1)] = int((total.argmax(1) == self.IMAGES.labels).sum())
        return counts


def test_held_out_images_are_compared_over_the_seeds_of_all_methods(page_tables, tmp_path):
    def result(method, seed, right):
        shares = {f"spiking_accuracy.T{t}": right + t / 100 for t in (1, 2, 4, 8)}
        point, options = {"model": "net", "seed": seed}, {"epochs": 4}
        return {"method": method, "point": point, "options": options, "test": {"data": "bars"}, "validation": shares}

    results = [result("old", 1, 0.5), result("new", 1, 0.6), result("new", 2, 0.8), result("old", 3, 0.9)]
    (tmp_path / "s.results.json").write_text(json.dumps({"results": [*results, result("new", 3, 0.8)]}))
    rows = page_tables.held_out_table(tmp_path, (("s", ("old", "new")), ("s", ("new",)))).splitlines()
    assert rows[2:] == [
        "| net | bars | `old` | 4 | 1, 3 | 71.00 | 72.00 | 74.00 | 78.00 | 73.75 ± 28.28 |",
        "| net | bars | `new` | 4 | 1, 3 | 71.00 | 72.00 | 74.00 | 78.00 | 73.75 ± 14.14 |",
        "| net | bars | `new` | 4 | 1, 2, 3 | 74.33 | 75.33 | 77.33 | 81.33 | 77.08 ± 11.55 |",
    ]
