"""Plots of a study: which costs are drawn, for which methods, and where their points are."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from spikelet_converters.study.plots import plots
from spikelet_converters.study.summary import Cell, Row

STUDY = SimpleNamespace(path=Path("net.toml"), title="net", reference="qcfs")


def row(method, *, copies=1, begins=None, operations=None, accuracy=0.5, seeds=(1,)):
    runs = [
        {
            "name": f"{method}-s{seed}",
            "begins": begins,
            "point": {"seed": seed, "model": "vgg9"},
            "accuracy": {"1": accuracy, "4": accuracy},
            "neurons": 100 * copies,
            "operations": operations and {t: operations[t] * seed for t in operations},
            **({"copies": copies} if copies > 1 else {}),
        }
        for seed in seeds
    ]
    cells = {t: Cell(dict.fromkeys(seeds, accuracy + t / 100)) for t in (1, 4)}
    return Row(method, "vgg9", runs, cells, Cell({1: 0.9}), Cell({1: 0.9}), {})


def points(svg):
    """Return the labels of the points: name, cost, accuracy. The cost is empty between powers of two."""
    return re.findall(r"<title>([^<:]+): ([^<,]*), ([^<]+)</title></circle>", svg)


def test_without_costs_and_copies_there_is_one_plot():
    drawings = plots(STUDY, [row("qcfs"), row("exact", accuracy=0.6)])
    assert list(drawings) == ["net-vgg9"]
    assert points(drawings["net-vgg9"]) == [
        ("qcfs", "1", "51%"), ("qcfs", "4", "54%"), ("exact", "1", "61%"), ("exact", "4", "64%"),
    ]  # fmt: skip


def test_methods_with_copies_are_drawn_over_levels_beside_their_networks_and_the_reference():
    rows = [row("qcfs"), row("exact"), row("other"), row("exact-4", copies=4, begins="exact-s1", accuracy=0.7)]
    drawings = plots(STUDY, rows)
    assert list(drawings) == ["net-vgg9", "net-vgg9-levels"]
    levels = drawings["net-vgg9-levels"]
    assert [point for point in points(levels) if point[0] == "exact-4"] == [
        ("exact-4", "4", "71%"),
        ("exact-4", "16", "74%"),
    ]
    assert {name for name, *_ in points(levels)} == {"qcfs", "exact", "exact-4"}
    assert "levels k T, copies times time-steps; times 100: neurons times time-steps" in levels


def test_operations_are_the_mean_over_seeds_and_methods_without_them_are_left_out():
    rows = [
        row("qcfs", operations={"1": 4e6, "4": 16e6}, seeds=(1, 3)),
        row("srp", seeds=(1, 3)),
        row("silent", operations={"1": 0, "4": 2e6}),
    ]
    drawings = plots(STUDY, rows)
    assert list(drawings) == ["net-vgg9", "net-vgg9-operations"]
    assert points(drawings["net-vgg9-operations"]) == [
        ("qcfs", "8", "51%"), ("qcfs", "32", "54%"), ("silent", "2", "54%"),
    ]  # fmt: skip


@pytest.mark.parametrize("methods", [6, 7, 11, 12])
def test_a_plot_has_six_curves_and_every_plot_has_the_reference(methods):
    rows = [row("qcfs"), *(row(f"m{i}") for i in range(methods - 1))]
    shown = [{name for name, *_ in points(svg)} for svg in plots(STUDY, rows).values()]
    assert all("qcfs" in names and len(names) <= 6 for names in shown)
    assert set().union(*shown) == {row.method for row in rows}
