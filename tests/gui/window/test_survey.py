"""Comparison of two networks on many images: predictions, and energy."""

from gui_support.bundles import LABELS, bundle_of, plain_graph
from gui_support.driving import drop
from spikelet.bundle import write
from spikelet.metrics import measure
from spikelet_gui.models.session.profiles import find_profile, profiles
from spikelet_gui.views.panels.compare import panel as comparing
from spikelet_gui.views.panels.compare.energy import NO_FIGURES


def test_energy_of_both_is_that_of_their_measurements(opened, rest, tmp_path, data):
    other = tmp_path / "other.snnb"
    write(bundle_of(plain_graph(seed=5), "other"), other)
    drop(opened, data)
    opened.show_panel("compare")
    rest(opened)
    panel, inspector = opened.content.panels["compare"], opened.inspector
    card = panel.energy
    inspector.results.open_second(other)
    rest(opened)
    assert (panel.predictions.isVisible(), card.isVisible()) == (True, False)
    panel.shown.pick(1)
    rest(opened)
    assert (panel.predictions.isVisible(), card.isVisible()) == (False, True)
    profile = find_profile(inspector.settings.profile)

    def measured(images):
        """Return the rows (name, level, low, high) of measurements of both on these images."""
        bundles = {"first": inspector.document.bundle, "second": inspector.results.second.bundle}
        for name, bundle in bundles.items():
            (estimate,) = measure(bundle, images, inspector.cursor.steps).estimates([profile])
            for level, energy in estimate.levels.items():
                yield [name, level, energy.low / 1e6, energy.high / 1e6]

    assert card.card.data().rows == list(measured(inspector.data.take(slice(0, 1))))
    assert "this image" in card.card.note.toolTip()
    panel.run_survey()
    rest(opened)
    rows = list(measured(inspector.data))
    assert card.card.data().rows == rows
    assert rows[0][2:] != rows[3][2:]
    assert "60 images" in card.card.note.toolTip()
    before = inspector.settings.profile
    inspector.set_profile(next(name for name, profile in profiles().items() if not profile.priced))
    assert card.card.data() is None
    assert card.card.note.toolTip() == NO_FIGURES
    inspector.set_profile(before)
    panel.shown.pick(0)


def test_classes_are_compared_by_name(opened, rest, tmp_path, data):
    """The labels of the images are those of the first network."""
    graph, path = plain_graph(), tmp_path / "other.snnb"
    drop(opened, data)
    opened.show_panel("compare")
    rest(opened)
    panel, results = opened.content.panels["compare"], opened.inspector.results

    def surveyed(labels):
        write(bundle_of(graph, "other", labels), path)
        results.open_second(path)
        rest(opened)
        panel.run_survey()
        rest(opened)
        return results.survey

    same = surveyed(LABELS)
    assert same.agreement.tolist() == [1] * 4
    assert not (same.accuracy[1] != same.accuracy[0]).any()
    assert "other classes" not in panel.predictions.message.text()
    reordered = surveyed((LABELS[1], LABELS[0], LABELS[2]))
    assert 0 < reordered.agreement[3] < 1, "equal indices are other classes"
    assert "other classes" not in panel.predictions.message.text()
    others = surveyed(("dog", "eel", "fox"))
    assert (others.agreement.tolist(), others.accuracy[1].tolist()) == ([0] * 4, [0] * 4)
    assert (others.accuracy[0] == same.accuracy[0]).all()
    assert "The second has other classes" in panel.predictions.message.text()


def test_a_failure_on_many_images_leaves_the_comparison_on_one(opened, rest, data, monkeypatch):
    drop(opened, data)
    opened.show_panel("compare")
    rest(opened)
    panel = opened.content.panels["compare"]
    comparison = panel.comparison

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(comparing, "survey", fail)
    panel.run_survey()
    rest(opened)
    assert "out of memory" in opened.content.transport.text
    assert panel.comparison is comparison
    assert panel.content.isVisible()
