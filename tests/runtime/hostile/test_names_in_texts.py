"""Names of bundles and classes are text in every format that is written: Markdown, CSV and web pages."""

import csv
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import Builder
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.bundle.card import card
from spikelet.deploy import deployment
from spikelet.deploy.firmware import c_files
from spikelet.deploy.targets import TARGETS
from spikelet.escapes import markdown, printable, table_cell, without_escapes
from spikelet.report.figures import as_csv
from spikelet.report.markdown import to_html
from spikelet.verify import record_golden
from spikelet_converters.exports.onnx import readme
from spikelet_gui.models.export import tab_separated

NAMES = (
    "<script>alert(1)</script>",
    "[text](javascript:alert(1)) ![image](http://example.org/x.png) <http://example.org>",
    "</title>&lt; &amp; & \" ' \\ \\\\",
    "*a* _b_ __c__ ~~d~~ `e` ``f $g$ | h",
    "# head",
    "- item",
    "1. item",
    "*/ ??/ %s %n ${x} $(id) @NAME@ @SHAPE@",
    "www.example.org https://example.org a@b.c",
    "=cmd|' /C calc'!A0",
    "\u7f51\u7edc \U0001f600",
    "[" * 256,
)
PIECES = st.sampled_from([*"\\`*_[]()<>|~$&#+-=.!:1 a\n\t", "www.", "://", "&lt;", "<b>", "\u202e", "C#"])


class Elements(HTMLParser):
    """The elements and the text of a piece of HTML."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text = set(), ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)

    def handle_data(self, data):
        self.text += data


def commonmark(text):
    """Return the elements and text of Markdown in the dialect of GitHub, with raw HTML and links."""
    renderer = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True})
    return Elements(renderer.enable(["table", "strikethrough"]).render(text))


@pytest.fixture(scope="module")
def bundle():
    """A bundle whose name and classes are NAMES."""
    net = Builder((5,), np.random.default_rng(0))
    net.linear("fc", 4)
    net.neuron("if1")
    graph = net.graph(len(NAMES))
    manifest = Manifest(" ".join(NAMES)[:256], NAMES, 8, exact_steps(graph), {"source": NAMES[0]})
    manifest.results.append({"data": NAMES[1], "images": 1, "accuracy": [1.0]})
    return Bundle(graph, manifest, record_golden(graph, np.zeros((1, 5), np.uint8), 2), "")


@settings(max_examples=150, deadline=None)
@given(text=st.lists(PIECES, min_size=1, max_size=12).map("".join) | st.sampled_from(NAMES))
def test_markdown_shows_a_name_as_it_is(text):
    expected = " ".join(printable(text).split())
    for document, elements in (
        (f"# {markdown(text)}", {"h1"}),
        (f"| a |\n|---|\n| {markdown(text)} |", {"table", "thead", "tbody", "tr", "th", "td"}),
        (f"Classes: {markdown(text)}.", {"p"}),
        (markdown(text), {"p"}),
    ):
        shown = commonmark(document)
        assert shown.elements <= elements, document
        assert expected in " ".join(shown.text.split()), document
        own = Elements(to_html(document))
        assert own.elements <= elements | {"h3", "div"}, document
        assert expected in " ".join(own.text.split()), document


@pytest.mark.parametrize("writer", ["c", "onnx", "board", "card"])
def test_the_markdown_of_a_bundle_has_no_markup_of_names(bundle, writer):
    text = {
        "c": lambda: c_files(bundle, "mcu")[0]["README.md"],
        "onnx": lambda: readme(bundle),
        "board": lambda: deployment._readme(bundle, TARGETS["x86"], compiled=True),
        "card": lambda: card(bundle.graph, bundle.manifest),
    }[writer]()
    shown = commonmark(text)
    allowed = {"h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "pre", "ul", "li", "strong"}
    assert shown.elements <= allowed
    visible = " ".join(shown.text.split())
    assert bundle.manifest.name in visible
    if writer in ("c", "card"):
        assert all(name in visible for name in NAMES)


@pytest.mark.parametrize("text", ["=1+1", "+1+cmd", "-x", "@SUM(A1)", " =1", "\t=1", "-1", "a=b", "-0.5"])
def test_an_exported_cell_is_no_formula(text):
    """A spreadsheet computes a cell that begins with =, +, - or @, also in quotes."""
    ((read,),) = csv.reader(io.StringIO(as_csv([text], [])))
    assert read == table_cell(text)
    assert tab_separated([[text]]) == " ".join(read.split("\t"))
    assert read in (text, f"'{text}")
    assert (read == text) == (text in ("-1", "a=b", "-0.5"))


@given(text=st.lists(PIECES | st.sampled_from(NAMES), max_size=8).map("".join))
def test_a_terminal_shows_the_text_without_escapes(text):
    assert without_escapes(markdown(text)) == printable(text)
