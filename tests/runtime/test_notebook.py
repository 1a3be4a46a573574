"""Interactive sessions: repr, HTML, signatures, input conversions and plots."""

import inspect
import re

import numpy as np
import pytest
from PIL import Image

import spikelet
from networks import Builder, small_graph
from spikelet import Confidence, Margin, Model
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.errors import DataError, MissingDependency, UsageError
from spikelet.metrics.fanout import sites
from spikelet.metrics.operations import operations
from spikelet.metrics.tally import tally
from spikelet.plots import counted
from spikelet.verify import record_golden

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 3, 6, 6)).astype(np.uint8)
GREY = RNG.integers(0, 256, (5, 8, 7)).astype(np.uint8)
NASTY = "<script>alert(1)</script>\nx"


def bundle(graph, name="small", labels=("ant", "bee", "cat")):
    pixels = RNG.integers(0, 256, (1, *graph.input.shape)).astype(np.float32)
    return Bundle(graph, Manifest(name, labels, 8, exact_steps(graph)), record_golden(graph, pixels, 2), "")


@pytest.fixture(scope="module")
def model():
    return Model(bundle(small_graph()), "numpy")


@pytest.fixture(scope="module")
def grey():
    net = Builder((1, 8, 7), np.random.default_rng(1))
    net.conv("conv", 4)
    net.neuron("if1", scale=900)
    return Model(bundle(net.graph()), "numpy")


@pytest.mark.parametrize("number", [2, 2.0, np.float32(2), np.int64(2)])
def test_a_number_is_a_margin(model, number):
    expected = model.run(IMAGES, 6, early_exit=Margin(2.0))
    assert len(set(expected.exit_steps.tolist())) > 1
    assert np.array_equal(model.run(IMAGES, 6, early_exit=number).exit_steps, expected.exit_steps)


@pytest.mark.parametrize("value", [True, "2", [2], Margin, Confidence, object()])
def test_invalid_rules_are_refused_in_a_sentence(model, value):
    message = (
        "early_exit: expected a margin such as 2.0, Margin(2.0), Confidence(0.9) or a rule with a function `done`, "
    )
    with pytest.raises(UsageError, match=re.escape(message)):
        model.run(IMAGES, early_exit=value)
    with pytest.raises(UsageError, match="expected a number of 0 or more, found -1"):
        model.run(IMAGES, early_exit=-1)


@pytest.mark.parametrize("steps", [2.5, "4", True, [4], np.float64(3)])
def test_steps_that_are_no_whole_number_are_refused_in_a_sentence(model, steps):
    for run in (model.run, lambda *args: next(model.stream(args[0][0], args[1]))):
        with pytest.raises(UsageError, match=r"steps: expected a whole number of 1…\d+, found"):
            run(IMAGES, steps)


def test_greyscale_images_need_no_axis_of_channels(grey):
    expected = grey.run(GREY[:, None], 4).sums
    assert np.array_equal(grey.run(GREY, 4).sums, expected)
    assert np.array_equal(grey.run(GREY[2], 4).sums[:, 0], expected[:, 2])
    assert np.array_equal(grey.run(GREY, 4, layout="NHWC").sums, expected)
    assert [step.prediction for step in grey.stream(GREY[1], 2)] == grey.run(GREY[1], 2).predictions[:, 0].tolist()
    with pytest.raises(
        DataError, match=re.escape("(1, 8, 7) or, channel last, (8, 7, 1) or, without channels, (8, 7)")
    ):
        grey.run(GREY.transpose(0, 2, 1))
    with pytest.raises(DataError, match="expected one sample"):
        grey.run(np.stack([GREY, GREY]))  # a sequence, or a batch with two channels?


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "RGBA"])
def test_images_of_pillow_are_read_in_the_colours_of_the_network(grey, model, mode, batch):
    """As for files, palettes are not grey values, and a grey image has three equal colours."""
    picture = Image.fromarray(GREY[0]).convert(mode)
    images = [picture, picture] if batch else picture
    values = np.asarray(picture.convert("L"))
    assert np.array_equal(grey.run(images, 3).sums[:, -1], grey.run(values, 3).sums[:, 0])
    colours = Image.fromarray(IMAGES[0].transpose(1, 2, 0)).convert(mode)
    pixels = np.asarray(colours.convert("RGB")).transpose(2, 0, 1)
    colour_images = [colours] * 2 if batch else colours
    for layout in ("auto", "NHWC"):
        assert np.array_equal(model.run(colour_images, 3, layout=layout).sums[:, -1], model.run(pixels, 3).sums[:, 0])


def test_an_image_of_another_size_is_refused_with_its_remedy(grey, model):
    message = "expected an image of 7 × 8 pixels, found 8 × 8; resize it, for example image.resize((7, 8))"
    with pytest.raises(DataError, match=re.escape(message)):
        grey.run(Image.new("L", (8, 8)))
    net = Builder((2, 3, 3), np.random.default_rng(1))
    net.conv("conv", 2)
    net.neuron("if1")
    with pytest.raises(DataError, match="an image has 1 or 3 channels"):
        Model(bundle(net.graph()), "numpy").run(Image.new("L", (3, 3)))


def test_a_repr_is_a_line_with_the_sizes(model):
    result = model.run(IMAGES, 4, record="if1")
    assert repr(model.bundle) == (
        f"<Bundle small: input 3×6×6, classes 3, spiking layers 3, neurons 188, arithmetic exact within "
        f"{exact_steps(model.graph)} time-steps, 8 bits>"
    )
    assert repr(model).startswith("<Model small: engine numpy, input 3×6×6, classes 3")
    rate = sum(count.sum() for count in result.spike_counts.values()) / (5 * 4 * 188)
    assert repr(result) == (f"<Result: samples 5, time-steps 4, classes 3, mean spike rate {rate:.1%}, recorded if1>")
    early = model.run(IMAGES, 4, early_exit=0.0)
    assert ", classes 3, mean exit step 1.00, " in repr(early)
    nasty = Model(bundle(small_graph(exact=True), NASTY, (NASTY, "b", "c")), "numpy")
    for value in (nasty, nasty.bundle, nasty.run(IMAGES, 2)):
        assert len(repr(value)) < 250
        assert "\n" not in repr(value)
        page = value._repr_html_()
        assert page.startswith("<table>")
        assert "<script>" not in page
    assert "ant, bee, cat" in model.bundle._repr_html_()


def public():
    for name in spikelet.__all__:
        value = getattr(spikelet, name)
        if callable(value):
            yield name, value
        for key, member in vars(value).items() if inspect.isclass(value) else ():
            if inspect.isfunction(member) and not key.startswith("_"):
                yield f"{name}.{key}", member


@pytest.mark.parametrize(("name", "value"), list(public()))
def test_a_signature_shows_no_address(name, value):
    try:
        text = str(inspect.signature(value))
    except ValueError:  # exceptions have the signature of their base
        return
    assert "0x" not in text, name
    assert "<function" not in text


@pytest.fixture
def plotting():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_plots_show_the_values(model, plotting):
    result = model.run(IMAGES, 4, record="if1")
    labels = result.predictions[-1].copy()
    labels[0] = (labels[0] + 1) % 3
    axes = result.plot.accuracy(labels)
    assert axes.lines[0].get_ydata().tolist() == pytest.approx([100 * share for share in result.accuracy(labels)])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time-steps", "accuracy (%)")
    raster = result.plot.raster("if1", sample=2)
    assert np.array_equal(raster.images[0].get_array(), result.spikes["if1"][:, 2].reshape(4, -1).T)
    assert raster.get_title() == "spikes of if1, sample 2"
    potentials = result.plot.potentials([0, 7], sample=1)
    for line, neuron in zip(potentials.lines, (0, 7), strict=True):
        assert line.get_ydata().tolist() == result.potentials["if1"][:, 1].reshape(4, -1)[:, neuron].tolist()
    thetas = [segments[0][0][1] for dashes in potentials.collections for segments in [dashes.get_segments()]]
    assert thetas == [float(model.graph.neuron("if1").theta[0])] * 2, "neurons of the first channel"
    assert result.plot.raster(ax=axes) is axes
    energy = result.plot.energy()
    assert [text.get_text() for text in energy.get_legend().get_texts()][:2] == ["spiking", "float32"]
    assert "µJ" in energy.get_ylabel()
    assert energy.get_yscale() == "log", "synaptic operations are visible beside memory traffic"
    energy.figure.canvas.draw()


def test_energy_counts_recorded_layers_exactly_and_others_by_their_mean(model):
    """With all layers recorded, the operations are those that the metrics count; else close to them."""
    graph = model.graph
    exact = operations(graph, sites(graph), tally(graph, sites(graph), IMAGES, 4, "numpy"))
    recorded = model.run(IMAGES, 4, record=graph.spiking)
    assert counted(recorded, graph) == exact
    rough = counted(model.run(IMAGES, 4), graph)
    assert rough.spikes == exact.spikes
    assert rough.total("acs") == pytest.approx(exact.total("acs"), rel=0.2)
    assert rough.neuron_updates == exact.neuron_updates
    early = model.run(IMAGES, 4, early_exit=2)
    assert counted(early, graph).neuron_updates == pytest.approx(188 * early.exit_steps.mean())


def test_energy_counts_the_copies_of_layers_that_were_not_recorded():
    net = Builder((3, 6, 6), np.random.default_rng(0))
    net.conv("conv", 4)
    net.neuron("if1", copies=3)
    graph = net.graph()
    result = Model(bundle(graph, labels=None), "numpy").run(IMAGES, 4)
    rough = counted(result, graph)
    assert rough.spikes == {"if1": result.spike_counts["if1"].sum() / len(IMAGES)}
    assert rough.neurons == {"if1": 3 * 4 * 6 * 6}


def test_wrong_plots_are_refused_in_a_sentence(model, plotting):
    result, recorded = model.run(IMAGES, 2), model.run(IMAGES, 2, record=["if1", "if2"])
    with pytest.raises(UsageError, match=re.escape("layer: 'if1' was not recorded, nothing was recorded; run(…, rec")):
        result.plot.raster("if1")
    with pytest.raises(UsageError, match="layer: name one; recorded are if1, if2"):
        recorded.plot.raster()
    with pytest.raises(UsageError, match="sample: expected a whole number of 0…4, found 5"):
        recorded.plot.raster("if1", sample=5)
    with pytest.raises(UsageError, match="neurons: expected a whole number of 0…143, found 144"):
        recorded.plot.potentials(144, "if1")
    with pytest.raises(UsageError, match="neurons: expected 1 to 20 of them, found 21"):
        recorded.plot.potentials(range(21), "if1")
    with pytest.raises(UsageError, match="no published energies"):
        result.plot.energy("loihi2")
    with pytest.raises(DataError, match="expected 5 whole numbers"):
        result.plot.accuracy([0, 1])


def test_without_matplotlib_the_extra_is_named(model, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingDependency, match=re.escape('matplotlib is not installed: pip install "spikelet[plot]"')):
        model.run(IMAGES, 2).plot.accuracy([0, 1, 2, 0, 1])
