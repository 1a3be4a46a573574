"""The drawing of the network shows this image or all images, and energies of a column have one unit."""

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import Qt

from gui_support.bundles import bundle_of, plain_graph
from gui_support.driving import draw_once, drop, option_button, start_again
from spikelet.bundle import write
from spikelet.metrics.energy import Energy
from spikelet_gui.models.analysis.costs import energy_text, unit_of
from spikelet_gui.models.session.sources.inputs import read_bundle
from spikelet_gui.views.panels.layers.cards import PotentialCard
from spikelet_gui.views.panels.overview.layer_card import LayerCard
from spikelet_gui.views.panels.overview.network_card import NetworkCard
from spikelet_gui.views.plots.evidence import NAMED_CLASSES, EvidenceCard, MarginCard
from spikelet_gui.views.plots.picture import Picture
from spikelet_gui.views.plots.prediction import PredictionCard
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.widgets.cards import CardView

RUN_CARDS = ("Prediction", "Margin", "Spikes", "Potentials", "Feature maps", "Spike rates", "Neurons")


@pytest.fixture
def card(opened):
    return opened.content.panels["overview"].findChild(NetworkCard)


def test_rates_of_this_image_or_of_all_images(opened, rest, data, card, qtbot):
    inspector = opened.inspector
    assert card.basis.chosen == 0, "nothing is measured over many images yet"
    assert not option_button(card.basis, 1).isEnabled()
    assert card.looks()["if1"].rate == inspector.trace.rate("if1", 4)
    drop(opened, data)
    rest(opened)
    inspector.run_sweep(inspector.source.data)
    rest(opened)
    measured = {rate.layer: rate for rate in inspector.measured.sweep.measured.rates}
    assert card.basis.chosen == 1
    assert card.looks()["if1"].rate == measured["if1"].rate
    assert card.card.note.toolTip() == "spike rates over 60 images, T = 4; colours: 0 to 30%"
    qtbot.mouseClick(option_button(card.basis, 0), Qt.MouseButton.LeftButton)
    assert card.looks()["if1"].rate == inspector.trace.rate("if1", 4) != measured["if1"].rate
    silent = (inspector.trace.spikes["if1"].sum(axis=0) == 0).sum()
    assert card.looks()["if1"].flags == f"{silent:,} silent"
    inspector.show_index(3)
    inspector.set_steps(2)
    rest(opened)
    assert card.looks()["if1"].rate == inspector.trace.rate("if1", 2)
    assert card.card.note.toolTip() == "spike rates on this image, T = 2; colours: 0 to 30%"
    opened.set_theme("light")
    assert opened.content.panels["overview"].findChild(NetworkCard).looks()["if1"].rate == inspector.trace.rate(
        "if1", 2
    )
    assert inspector.settings.rates == "image"


def test_buttons_of_a_layer_leave_no_gaps(opened):
    card = opened.content.panels["overview"].findChild(LayerCard)
    assert "all" not in opened.inspector.selection.table().columns
    kinds_by_layer = []
    for layer in opened.inspector.document.bundle.graph.spiking:
        opened.inspector.selection.focus(layer)
        visible = [button for button in card.buttons.values() if button.isVisible()]
        cells = [card.grid.getItemPosition(card.grid.indexOf(button))[:2] for button in visible]
        assert cells == [(0, 0), (0, 1), (1, 0)][: len(cells)]
        kinds_by_layer.append([kind for kind, button in card.buttons.items() if button in visible])
    assert ["silent", "saturated"] in kinds_by_layer, "without the one between them"


def test_until_another_bundle_has_run_nothing_of_the_last_one_is_shown(opened, rest, grey_path, monkeypatch):
    panels = [opened.content.panels[name] for name in ("overview", "layers")]
    for name in ("layers", "overview"):
        opened.show_panel(name)
        rest(opened)
    monkeypatch.setattr(opened.inspector, "run", lambda: None)  # a run that takes long
    opened.inspector.show_document(read_bundle(grey_path))
    for name in ("layers", "overview"):
        opened.show_panel(name)
        rest(opened)
    overview, layers = panels
    (prediction,) = overview.findChildren(PredictionCard)
    assert (prediction.message.text(), prediction.verdict.text(), prediction.bars.bars) == ("", "", [])
    for card in (card for panel in panels for card in panel.findChildren(CardView)):
        if card.card.name in RUN_CARDS:
            assert card.card.note.accessibleName() == "", card.card.name
    assert overview.findChild(MarginCard).curve.getData()[0] is None
    for card in (overview.findChild(EvidenceCard), layers.findChild(PotentialCard)):
        assert not [item for item in card.plot.plotItem.items if isinstance(item, pg.PlotDataItem)]
    assert layers.findChild(Raster).spikes.shape[1] == layers.neurons.model.rowCount() == 0
    assert layers.findChild(Picture).image.image is None
    monkeypatch.undo()
    opened.inspector.run()
    rest(opened)
    opened.show_panel("layers")
    rest(opened)
    assert prediction.message.text()
    assert layers.findChild(Raster).spikes.shape[1] == 256


def test_axes_of_time_steps_have_no_ticks_after_the_last_one(opened, rest, data):
    opened.inspector.set_steps(43)
    rest(opened)
    overview = opened.content.panels["overview"]
    for card in (overview.findChild(EvidenceCard), overview.findChild(MarginCard)):
        low, high = card.plot.box.viewRange()[0]
        ticks = [value for _, values in card.plot.getAxis("bottom").tickValues(low, high, 400) for value in values]
        assert high > 45
        assert 40 <= max(ticks) <= 43


def test_the_curves_of_many_classes_are_drawn_as_one_item(common, tmp_path):
    """With an item for each class, an image took five seconds for 1,000 classes."""
    write(bundle_of(plain_graph(classes=300), labels=[f"class {k}" for k in range(300)]), tmp_path / "many.snnb")
    start_again(common, tmp_path / "many.snnb")
    trace, card = common.inspector.trace, common.content.panels["overview"].findChild(EvidenceCard)
    curves = [item for item in card.plot.plotItem.items if isinstance(item, pg.PlotDataItem)]
    assert len(curves) == 1 + NAMED_CLASSES
    drawn = np.vstack([curve.getOriginalDataset()[1].reshape(-1, 4 + (curve is curves[0]))[:, :4] for curve in curves])
    assert np.array_equal(np.sort(drawn, axis=0), np.sort(trace.evidence.T, axis=0))
    draw_once(common)


def test_energies_of_a_column_have_one_unit():
    small, large = Energy(120.0, 900.0), Energy(2e6, 5e6)
    assert energy_text(small) == "120 – 900 pJ"
    assert energy_text(large) == "2.00 – 5.00 µJ"
    unit = unit_of([small, None, large])
    assert unit == (1e6, "µJ")
    assert energy_text(small, unit) == "below 0.001 µJ"
    assert energy_text(Energy(2e3, 24_600.0), unit) == "0.0020 – 0.025 µJ"
    assert energy_text(None, unit) == "no figure"
    assert unit_of([None]) == (1.0, "pJ")
