"""Names are data: any layer, class, bundle, profile or file name is shown unchanged and collides with no other name."""

import csv
import io
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PySide6.QtGui import Qt, QTextDocument, QTextLayout
from PySide6.QtWidgets import QFileDialog, QLabel, QMessageBox, QWidget

from gui_support.bundles import bundle_of, plain_graph
from gui_support.driving import drawn, opened_window, prepare_all
from networks import Builder
from spikelet.bundle import write
from spikelet.errors import UsageError
from spikelet_gui.models.session import profiles
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.shell.exporting import tables_of
from spikelet_gui.views.shell.opening import open_paths
from spikelet_gui.views.widgets.controls import Tabs
from spikelet_gui.views.widgets.readout import Reading
from spikelet_gui.views.widgets.text import Elided, Legend, coloured, isolated, label, tooltip

LAYERS = ("x", "total", "spiking", "neuron", "rate", "margin", "a.b", "a_b", "A_b", "level", "steps.x", "CON")
CLASSES = ("margin", "time_step", "<b>bold</b>", "a & b", "a & b", "../x")
NAME = "<i>net</i> [*] &amp ../../net"
FILE = "<b>photos</b> & more.npz"


@pytest.fixture(scope="module")
def odd(qapp, rest, tmp_path_factory):
    """A window with a network, classes and data of odd names, in which every panel has results."""
    folder = tmp_path_factory.mktemp("names")
    net = Builder((3, 8, 8), np.random.default_rng(0))
    for index, layer in enumerate(LAYERS):
        net.conv(f"conv{index}", 4)
        net.neuron(layer, scale=1500 if index == 0 else 30)
    path = folder / "odd & small.snnb"
    write(bundle_of(net.graph(len(CLASSES)), NAME, CLASSES), path)
    rng = np.random.default_rng(1)
    images, truth = rng.integers(0, 256, (8, 3, 8, 8), dtype=np.uint8), rng.integers(0, len(CLASSES), 8)
    np.savez(folder / "photos.npz", images=images, labels=truth)
    (folder / "photos.npz").rename(folder / FILE.replace("/", "_"))
    with opened_window(path) as window:
        open_paths(window.inspector, [folder / FILE.replace("/", "_")])
        rest(window)
        window.inspector.run_sweep(window.inspector.data)
        window.inspector.results.comparison_key = None
        prepare_all(window)
        yield window


def plain(text):
    """Return the visible text of a rich label or a tooltip."""
    document = QTextDocument()
    document.setHtml(text) if Qt.mightBeRichText(text) else document.setPlainText(text)
    return document.toPlainText().replace("\xa0", " ").replace("\u200b", "")


@pytest.mark.parametrize(
    ("layer", "panel"),
    [("total", panel) for panel in PANELS]
    + [(layer, panel) for layer in ("a.b", "margin") for panel in ("overview", "layers", "compare", "residuals")],
)  # the other panels do not show the selected layer
def test_every_panel_exports_every_table_once_with_distinct_columns(odd, rest, tmp_path, panel, layer):
    odd.show_panel(panel)
    odd.inspector.selection.focus(layer)
    rest(odd)
    tables = tables_of(odd.content.panels[panel])
    odd.exporter.write(tmp_path / "out" / "a.csv")
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == len(tables)
    assert len({file.name.casefold() for file in files}) == len(tables)
    for file in files:
        head, *rows = csv.reader(io.StringIO(file.read_text("utf-8")))
        assert len(set(head)) == len(head), file.name
        assert rows
        assert {len(row) for row in rows} == {len(head)}


def test_columns_of_classes_do_not_replace_the_fixed_columns(odd, rest):
    odd.show_panel("overview")
    rest(odd)
    table = next(table for table in tables_of(odd.content.panels["overview"]) if table.name == "evidence")
    head = table.csv().splitlines()[0].split(",")
    assert (head[0], head[-1]) == ("time_step", "margin")
    assert head[1:-1] == ["class margin", "class time_step", "<b>bold</b>", "a & b", "a & b-2", "../x"]


def test_names_are_never_markup(odd, rest):
    for panel in PANELS:
        odd.show_panel(panel)
        rest(odd)
        for shown in odd.findChildren(QLabel):
            if shown.textFormat().name == "RichText" and shown.isVisible():
                assert "<i>net" not in shown.text()
                assert "<b>bold" not in shown.text()
    odd.show_panel("compare")
    rest(odd)
    text = plain(odd.content.panels["compare"].predictions.message.text())
    assert f"{NAME} on numpy: " in text
    shown = {plain(widget.toolTip()) for widget in odd.findChildren(QWidget) if NAME in plain(widget.toolTip())}
    assert any(hint.startswith(f"{NAME} on ") for hint in shown)
    assert f"{NAME} – spikelet".replace("[*]", "[*][*]") == odd.windowTitle()
    assert odd.content.header.name.text() == NAME


def test_a_prediction_with_a_name_like_markup_is_shown_unchanged(odd, rest):
    odd.show_panel("compare")
    comparison = odd.inspector.results.comparison
    predicted = {CLASSES[trace.prediction(trace.steps)] for trace in comparison.traces}
    odd.inspector.cursor.go(odd.inspector.cursor.steps)
    rest(odd)
    text = plain(odd.content.panels["compare"].predictions.message.text())
    assert all(name in text for name in predicted)


@pytest.mark.parametrize(
    "text", ["<b>x</b>", "a & b", "a < b", "&amp;", "&lt;b&gt;", "x" * 300, "two\nlines <x>", "plain"]
)
def test_tooltips_and_legends_show_any_text(qapp, text):
    assert plain(tooltip(text)).replace("\u2028", "\n") == text
    assert plain(Legend([("#ff0000", text)]).text()).replace("\n", " ") == f"■ {text}".replace("\n", " ")


def test_a_name_is_not_elided_in_its_full_width(qapp):
    for text in ("T-shirt/top", "Trouser", "automobile", "truck", "AVAVA", "To.Ta"):
        line = Elided(least=500)
        line.show_text(text)
        line.resize(line.minimumWidth(), 20)
        line.show_text(text)
        assert line.text() == text


def test_tabs_and_menus_show_an_ampersand(qtbot, opened, tmp_path, path):
    tabs = Tabs("layer", lambda index: None)
    tabs.show_titles(["a&b"])
    qtbot.addWidget(tabs)
    assert tabs.tabText(0) == "a&&b"  # Qt draws a&b
    copy = tmp_path / "a&b.snnb"
    copy.write_bytes(path.read_bytes())
    opened.inspector.settings.remember(copy)
    opened.content.header.menu.aboutToShow.emit()
    assert opened.content.header.menu.actions()[0].text().startswith("a&&b.snnb")


def test_a_question_shows_the_name_of_a_file_unchanged(odd, rest, tmp_path, monkeypatch):
    odd.show_panel("overview")
    rest(odd)
    name, asked = "<b>a<b> &lt;i&gt;.png", []
    (tmp_path / name).write_bytes(b"kept")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / name.removesuffix(".png")), "*.png"))
    no = QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda parent, title, text: asked.append(text) or no)
    odd.exporter.ask("png")
    assert [plain(text) for text in asked] == [f"{name} exists. Replace it?"]
    assert (tmp_path / name).read_bytes() == b"kept"


def test_a_file_whose_name_reverses_the_direction_of_text_is_not_disguised(opened, rest, tmp_path):
    file = tmp_path / "a\u202egnp.snnb"  # drawn as abnns.png
    file.write_bytes(b"no bundle")
    opened.inspector.open(file)
    rest(opened)
    assert opened.content.header.name.text() == r"a\u202egnp.snnb"
    assert opened.windowTitle() == r"a\u202egnp.snnb – spikelet"
    opened.inspector.settings.remember(file)
    opened.content.header.menu.aboutToShow.emit()
    assert opened.content.header.menu.actions()[0].text().startswith(r"a\u202egnp.snnb   ")
    drawn = [QLabel.text(label) for label in opened.findChildren(QLabel)]
    assert not [text for text in drawn if "\u202e" in text]
    assert [text for text in drawn if r"\u202e" in text]


@pytest.mark.parametrize("name", ["حمار", "حمار وحشي", "זברה 2 גדולה", "חתול"])
def test_a_name_from_right_to_left_leaves_the_order_of_a_sentence(qapp, name):
    """Each part of the sentence is drawn to the right of the one before."""
    parts = (f"{name}: ", "81 spikes in ", f"{name}, ", "3 images")
    text = isolated("".join(parts))
    layout = QTextLayout(text)
    layout.beginLayout()
    line = layout.createLine()
    layout.endLayout()
    at = [text.index("81"), text.index("spikes"), text.index("in "), text.index("3 images")]
    places = [line.cursorToX(position)[0] for position in at]
    assert places == sorted(places)
    assert places[0] > 0, "after the name"
    document = QTextDocument()
    document.setHtml(coloured("#000000", f"{name}: 81", "3"))
    assert document.firstBlock().textDirection() == Qt.LayoutDirection.LeftToRight
    assert isolated("plain, 1") == "plain, 1"


def test_labels_legends_and_tooltips_isolate_names(qapp):
    text = "حمار: 81 spikes"
    expected = "\u200e\u2068حمار\u2069: 81 spikes"
    assert QLabel.text(label(text)) == expected
    assert label(text).text() == text
    assert tooltip(text) == expected
    assert expected in coloured("#000000", text)
    assert expected in Reading(text).html
    elided = Elided()
    elided.resize(400, 20)
    elided.show_text(text)
    assert QLabel.text(elided) == expected
    assert Reading(text).text == text, "what a screen reader says"


def test_long_names_do_not_widen_the_window(qapp, rest, tmp_path):
    """Names without spaces: of the bundle and of classes as long as a bundle allows, of files of 200 characters."""
    classes = tuple("x" * 255 + digit for digit in "012")
    path, images = tmp_path / f"{'b' * 200}.snnb", tmp_path / f"{'d' * 200}.npz"
    write(bundle_of(plain_graph(), "n" * 256, classes), path)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 3, 8, 8), dtype=np.uint8)
    np.savez(images, images=pixels, labels=np.arange(8) % 3)
    with opened_window(path) as window:
        open_paths(window.inspector, [images])
        rest(window)
        window.inspector.run_sweep(window.inspector.data)
        for panel in ("overview", "accuracy", "compare"):
            window.show_panel(panel)
            rest(window)
            assert window.content.panels[panel].width() <= window.content.stack.width(), panel
        window.content.header.menu.aboutToShow.emit()
        assert window.content.header.menu.sizeHint().width() < window.width()
        name = window.content.header.name
        assert name.text().endswith("…")
        assert plain(name.toolTip()) == "n" * 256


@pytest.mark.parametrize("panel", ["overview", "compare", "residuals"])
def test_drawings_with_any_names_are_well_formed(odd, rest, tmp_path, panel):
    odd.show_panel(panel)
    rest(odd)
    out = tmp_path / "a & <b>.svg"
    with drawn(odd):
        odd.exporter.write(out)
    title = ElementTree.parse(out).getroot().find("{http://www.w3.org/2000/svg}title")
    assert title.text == "a & <b>"


def test_two_bundles_of_one_name_are_distinguished(opened, rest, tmp_path):
    other, graph = tmp_path / "other.snnb", plain_graph()
    changed = replace(graph.nodes["if1"], theta=graph.nodes["if1"].theta + 40)
    write(bundle_of(replace(graph, nodes={**graph.nodes, "if1": changed}), "small"), other)
    opened.show_panel("compare")
    rest(opened)
    assert opened.inspector.results.comparison.names == (f"small on {opened.inspector.engine}", "small on numpy")
    opened.inspector.results.open_second(other)
    rest(opened)
    panel = opened.content.panels["compare"]
    panel.sides.engines[1].setCurrentText(panel.sides.engines[0].currentText())
    panel.run()
    rest(opened)
    first, second = opened.inspector.results.comparison.names
    assert first != second
    assert first in plain(panel.predictions.message.text())
    assert second in plain(panel.predictions.message.text())


def test_an_added_profile_cannot_replace_a_built_in_one(tmp_path, monkeypatch):
    monkeypatch.setattr(profiles, "added", {})
    text = 'name = "{}"\ntitle = "Mine"\n[figures.ac]\nvalue = 1\nunit = "pJ"\nsource = "a test, 2026"\n'
    file = tmp_path / "mine.toml"
    file.write_text(text.format("loihi"))
    before = profiles.find_profile("loihi")
    with pytest.raises(UsageError, match="the name 'loihi' belongs to a built-in profile"):
        profiles.add_profile(file)
    assert profiles.find_profile("loihi") is before
    file.write_text(text.format("mine"))
    assert profiles.add_profile(file) is profiles.find_profile("mine")
    assert profiles.find_profile("unknown").name == "cmos45-int8"
