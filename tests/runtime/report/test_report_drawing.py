"""Parts of pages: charts as SVG, Markdown as HTML."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from spikelet.report.charts import Bar, Curve, bars, curves, ranges, raster
from spikelet.report.markdown import to_html
from spikelet.report.svg import Axis
from spikelet.report.wording import break_even


@pytest.mark.parametrize(
    ("rates", "text"),
    [
        (None, "no figure"),
        ((0.25, 0.25), "25.0%"),
        ((-0.1, 0.055), "spiking never cheaper (low), 5.5% (high)"),
        ((1.2, 3.0), "spiking always cheaper"),
    ],
)
def test_break_even_rates_name_the_cheaper_network(rates, text):
    assert break_even(rates) == text


class TestCharts:
    @pytest.mark.parametrize(
        ("low", "high", "ticks"),
        [
            (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
            (0.62, 0.88, [0.65, 0.7, 0.75, 0.8, 0.85]),
            (-1, 9, [-0.0, 2, 4, 6, 8]),
            (3, 3, [3]),
        ],
    )
    def test_ticks_are_round_and_inside(self, low, high, ticks):
        assert Axis("x", low, high, 0, 100).ticks() == pytest.approx(ticks)

    def test_ticks_of_counts_are_whole(self):
        svg = curves("t", [Curve("a", [(1, 0.5), (2, 0.6), (3, 0.7)])], "time-steps T", "y", form=str)
        texts = [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
        assert texts[: texts.index("time-steps T")] == ["1", "2", "3"]

    def test_decades(self):
        axis = Axis("x", 1, 1e4, 0, 400, log=True)
        assert axis.ticks() == pytest.approx([1, 10, 100, 1000, 10000])
        assert [axis(value) for value in (1, 10, 1e4, 0)] == pytest.approx([0, 100, 400, 0])

    def test_long_names_are_cut_to_fit(self):
        name = f"nn{'m' * 300}.end"
        for svg in (
            curves("t", [Curve(name, [(1, 0.5), (2, 0.6)])], "x", "y"),
            bars("t", [Bar(name, 1.0)], "x"),
            ranges("t", [(name, [(1.0, 2.0)])], ("one",), "x"),
            raster("t", [(name, np.ones((2, 3), np.bool_))]),
        ):
            texts = [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
            (cut,) = (text for text in texts if text.startswith("nn"))
            assert len(cut) in (32, 76)
            assert cut.startswith("nnm")
            assert cut.endswith("m.end")

    @pytest.mark.parametrize(
        "form", ["stages.{}.a_long_name_of_an_activation", "a_long_name_of_a_module.of_a_network.{}", "{}" + "x" * 40]
    )
    def test_long_names_that_are_alike_can_be_told_apart(self, form):
        names = [form.format(k) for k in range(30)]
        for svg in (
            bars("t", [Bar(name, 1.0) for name in names], "x"),
            ranges("t", [(name, [(1.0, 2.0)]) for name in names], ("one",), "x"),
            raster("t", [(name, np.ones((2, 3), np.bool_)) for name in names]),
        ):
            texts = [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
            shown = [text for text in texts if "…" in text]
            assert len(set(shown)) == 30
            assert max(map(len, shown)) <= 32

    def test_odd_data_still_draws(self):
        for svg in (
            curves("t", [Curve("a", [(1, 0.5)])], "x", "y"),
            curves("t", [Curve("a", level=0.3)], "x", "y"),
            bars("t", [Bar("a", 0.0)], "x"),
            ranges("t", [("a", [None, (0.0, 0.0)])], ("one", "two"), "x"),
            raster("t", [("a", np.zeros((100, 3), np.bool_))]),
        ):
            assert "nan" not in svg
            ET.fromstring(svg)


class TestMarkdown:
    @pytest.mark.parametrize(
        ("text", "html"),
        [
            ("# A <b>", "<h3>A &lt;b&gt;</h3>"),
            ("one\ntwo", "<p>one two</p>"),
            ("* a\n* `b`", "<ul><li>a</li><li><code>b</code></li></ul>"),
            (
                "| a |\n|---|\n| & |",
                '<div class="wide"><table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&amp;</td></tr></tbody></table></div>',
            ),
            ("|---|", ""),
            ("", ""),
        ],
    )
    def test_what_cards_are_written_in(self, text, html):
        assert to_html(text) == html
