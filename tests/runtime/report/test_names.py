"""Names that users choose never collide with names that the report uses itself."""

from xml.etree import ElementTree

import numpy as np
import pytest

from networks import Builder
from page_support.reports import Page
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.data import ImageSet
from spikelet.errors import UsageError
from spikelet.metrics.hardware import builtin, load_profile
from spikelet.metrics.measurement import measure
from spikelet.report import figures
from spikelet.report.document import Report, all_figures, html
from spikelet.report.tables import operations_table
from spikelet.verify import record_golden

NAMES = ("float32", "int8", "2-bit activations", "source network", "spiking", "<b>x</b> & y")
LAYERS = ("accuracy", "spiking", "float32", "a.b", "a_b", "x")


def measured(name):
    """Return a measurement of a network whose layers have the names of LAYERS."""
    net = Builder((3, 8, 8), np.random.default_rng(0))
    for index, layer in enumerate(LAYERS):
        net.conv(f"conv{index}" if index else "total", 4)
        net.neuron(layer, scale=1500 if index == 0 else 30)
    graph = net.graph(3)
    rng = np.random.default_rng(1)
    images = ImageSet(rng.integers(0, 256, (6, 3, 8, 8), dtype=np.uint8), np.arange(6) % 3, None, "noise")
    known = {"data": "noise", "digest": images.digest, "float_accuracy": 0.75}
    manifest = Manifest(name, None, 4, exact_steps(graph), results=[known])
    return measure(Bundle(graph, manifest, record_golden(graph, images.images[:1], 2), "# card\n"), images, 2, "numpy")


@pytest.fixture(scope="module")
def measurement():
    return measured("net")


def first_column(figure):
    return [row[0] for row in figure.rows]


@pytest.mark.parametrize("names", [(name,) for name in NAMES] + [("a", "a: source network"), ("int8 (b)", "b")])
def test_rows_of_bundles_and_of_other_networks_differ(measurement, names):
    several = [measurement] * len(names)
    report = Report(several, names, list(builtin().values()), "cmos45-int8")
    energy = figures.baselines_figure(report.main_estimates, names)
    levels = [(row[0], row[1]) for row in energy.rows]
    assert len(set(levels)) == len(levels)
    accuracy = figures.accuracy_figure(several, names)
    float_rows = {row[0] for row in accuracy.rows if row[1] == ""}
    assert len(float_rows) == len(names)
    assert not float_rows & {row[0] for row in accuracy.rows if row[1] != ""}


@pytest.mark.parametrize("names", [("net",), NAMES[:2]])
def test_figures_and_anchors_of_a_page_have_distinct_names(measurement, names):
    report = Report([measurement] * len(names), names, list(builtin().values()), "cmos45-int8")
    drawn = all_figures(report)
    stems = [figure.name.casefold() for figure in drawn]
    assert len(set(stems)) == len(stems)
    for figure in drawn:
        ElementTree.fromstring(figure.svg)
    page = Page(html(report, drawn))
    anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert anchors
    assert len(set(anchors)) == len(anchors)


def test_the_sum_of_a_table_is_no_node(measurement):
    _, rows = operations_table([measurement], ["net"])
    assert "total" in [row[0] for row in rows[:-1]]
    assert len({row[0] for row in rows}) == len(rows)
    assert rows[-1][0] not in measurement.bundle.graph.nodes


@pytest.mark.parametrize("name", ["1", "22"])
def test_a_profile_is_not_named_like_the_index_of_a_bundle(tmp_path, name):
    """A profile called energy-1 would replace the figure of the bundle."""
    file = tmp_path / "my.toml"
    file.write_text(f'name = "{name}"\ntitle = "Mine"\n[figures.ac]\nvalue = 1\nunit = "pJ"\nsource = "a test, 2026"\n')
    with pytest.raises(UsageError, match="name: expected letters, digits, .*, not digits alone, found"):
        load_profile(file)
