"""Pictures of the inspector are complete files, or the file before them stays."""

import errno
import os
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QWidget

from spikelet.errors import SpikeletError
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.shell.exporting import write
from spikelet_gui.views.widgets.layouts import column
from spikelet_gui.views.widgets.tables import Table
from spikelet_gui.views.widgets.theme import theme

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_full_disk_leaves_the_file_as_it_was(qapp, suffix, tmp_path, monkeypatch):
    path = tmp_path / f"a.{suffix}"
    label = QLabel("potential")
    label.resize(120, 40)
    assert write(label, path) == [path]
    content = path.read_bytes()
    if suffix == "png":
        assert (QImage(str(path)).width(), QImage(str(path)).height()) == (120, 40)
    else:
        assert b'width="' in content
        assert b"potential" in content

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    label.setText("threshold")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpikeletError, match=rf"a\.{suffix}: could not be .* on device\); free some space"):
        write(label, path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_the_contents_of_charts_and_tables_are_clipped(qapp, tmp_path):
    """A curve outside of the range of its chart, and the last row of a table, would cover what is beside them."""
    card, plot, table = QWidget(), Plot("potentials", "time-step", "v"), Table("layers")
    plot.line([0, 1, 2], [0, 1000, -1000])
    plot.setYRange(0, 1)
    table.show_rows(["layer", "spikes"], [(f"if{row}", row) for row in range(50)])
    card.setLayout(column(plot, table))
    card.resize(400, 300)
    card.show()
    write(card, tmp_path / "a.svg")
    page = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert float(page.get("width").removesuffix("mm")) / 25.4 * 96 == pytest.approx(400, abs=0.01)
    parts = {
        part: [float(part.get(key)) for key in ("x", "y", "width", "height")] for part in page.findall(f"{SVG}svg")
    }
    between_axes = plot.mapFromScene(plot.box.sceneBoundingRect()).boundingRect()
    seen, rows = (area.viewport().rect().translated(area.viewport().mapTo(card, QPoint())) for area in (plot, table))
    between_axes = between_axes.translated(seen.topLeft()).intersected(seen)
    assert list(parts.values())[:2] == [list(area.getRect()) for area in (between_axes, rows)]
    curve, names, heads = (list(part.iter()) for part in parts)
    outside = [element for element in page.iter() if element not in (*curve, *names, *heads)]
    drawn = [
        [part for part in elements if part.get("stroke") == theme().series[0] and len(part)]
        for elements in (curve, outside)
    ]
    assert [bool(parts) for parts in drawn] == [True, False]
    assert [element.text.strip() for element in names if element.tag == f"{SVG}text"][:2] == ["if0", "0"]
    assert not any((element.text or "").strip().startswith("if") for element in outside)
    assert plot.box.childGroup.isVisible()
    assert table.viewport().isVisible()
    card.close()
