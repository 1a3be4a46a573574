"""Calibration of plain ReLU networks: thresholds, corrections, conversion, and the command."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from converters_support import SHAPE
from source_networks.relu import NORM, every_operator, residual_network, smooth_pixels
from spikelet import cli
from spikelet.bundle import read, write
from spikelet.data import ImageSet, arrays
from spikelet.errors import ConversionError, UsageError
from spikelet.graph import Graph
from spikelet.nodes import IF, Input, Linear, Output
from spikelet.verify import verify
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.calibration.correction import corrected
from spikelet_converters.calibration.loss import Loss, advice
from spikelet_converters.calibration.thresholds import Activations, activations, rescaled, thresholds
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.torch import from_module

pytestmark = pytest.mark.usefixtures("nothing_compiled")


@pytest.fixture(scope="module")
def pixels():
    return smooth_pixels()


@pytest.fixture(scope="module")
def network(pixels):
    return residual_network(pixels)


@pytest.fixture(scope="module")
def images(network, pixels):
    """Return images labelled by the network, so that its accuracy is 1."""
    with torch.no_grad():
        labels = network(torch.from_numpy(NORM.apply(pixels.astype(np.float32)))).argmax(1).numpy()
    assert min(np.bincount(labels)) > 3
    return ImageSet(pixels, labels, None, "smooth")


@pytest.fixture(scope="module")
def bundle(network, images):
    return convert_source(
        from_module(network, SHAPE, NORM),
        "small",
        calibration=Calibration(images, steps=32),
        data=[images],
        command="spikelet convert x",
    )


@pytest.mark.parametrize("per", ["channel", "layer"])
def test_thresholds_do_not_change_the_logits(network, images, per):
    source = from_module(network, SHAPE, NORM)
    assert set(source.relus) == {"relu", "relu_1", "clamp"}
    assert source.relus["clamp"] == 4.0
    pixels = torch.from_numpy(images.images).float()
    before = Analog(source.graph)
    source_logits = source.predict(NORM.apply(images.images.astype(np.float32)))
    assert np.abs(before(pixels, before.rectifier(source.relus)).numpy() - source_logits).max() < 2e-2, (
        "at most border means"
    )
    thetas = thresholds(activations(source.graph, source.relus, pixels), "percentile", per=per)
    assert all((np.unique(t).size == 1) == (per == "layer") for t in thetas.values())
    after = Analog(rescaled(source.graph, thetas))
    caps = {name: None if cap is None else cap / thetas[name] for name, cap in source.relus.items()}
    rescaled_logits = after(pixels, after.rectifier(caps)).numpy()
    expected = before(pixels, before.rectifier(source.relus)).numpy()
    assert np.abs(rescaled_logits - expected).max() < 1e-4


def test_methods_choose_their_thresholds():
    """Thresholds of one channel with known activations: the maximum, a percentile, and the best of quantisers computed by hand."""
    weight = np.ones((1, 1), np.float32)
    builder = Builder((1,), calibrate=True)
    x = builder.relu("relu", "relu", None, builder.linear("fc", "fc", weight, None, builder.input()))
    builder.output([builder.linear("out", "out", weight, None, x)])
    graph = builder.graph()
    pixels = torch.cat([torch.arange(100).float(), torch.tensor([250.0])])[:, None]
    layers = activations(graph, builder.relus, pixels, batch=101)
    assert thresholds(layers, "max")["relu"] == 250
    assert 95 < thresholds(layers, "percentile", percentile=97)["relu"] < 99

    def error(theta, steps=4):
        a = pixels.numpy()
        return np.square(np.clip(np.floor(steps * a / theta + 0.5), 0, steps) * theta / steps - a).mean()

    chosen = thresholds(layers, "mse", 4)["relu"][0]
    assert error(chosen) == pytest.approx(min(error(250 * k / 64) for k in range(1, 65)), rel=1e-5)
    with pytest.raises(UsageError, match="percentile: expected a number above 0 and up to 100, found 0"):
        thresholds(layers, "percentile", percentile=0)
    with pytest.raises(UsageError, match="method: expected max, percentile, mse, found 'best'"):
        thresholds(layers, "best")


def test_a_percentile_is_that_of_the_positive_activations():
    values = torch.cat([torch.zeros(90), torch.arange(1.0, 11.0)])[None]
    layers = {"relu": Activations(values, values.max(1).values)}
    assert thresholds(layers, "percentile", percentile=50)["relu"] == 5.5


@pytest.mark.parametrize("method", ["max", "percentile", "mse"])
def test_a_channel_without_activations_gets_the_median_threshold_of_its_layer(method):
    values = torch.tensor([[0.0, 0.0, 0.0], [0.0, 2.0, 2.0], [5.0, 5.0, 0.0], [90.0, 90.0, 90.0]])
    layers = {"relu": Activations(values, values.max(1).values), "silent": Activations(0 * values, torch.zeros(4))}
    thetas = thresholds(layers, method, 4)
    assert thetas["relu"][0] == np.median(thetas["relu"][1:])
    assert thetas["silent"].tolist() == [1, 1, 1, 1]


def test_advice_blames_no_layer_if_none_loses_agreement():
    even = [Loss("if1", 1.0, 0.0, 0.1), Loss("if2", 1.0, 0.0, 0.1)]
    tried = [("--steps 32", 0.95), ("--method max", 0.8)]
    better = "try --steps 32: predictions agree on 95.0% instead of 90.0%"
    assert advice(even, 0.9, tried) == [better]
    blamed, remedy = advice([even[0], Loss("if2", 0.9, 0.0, 0.1)], 0.9, tried)
    assert blamed == "most is lost in if2: predictions agree on 90.0% once it spikes (10.0 points less than before it)"
    assert remedy == better


def test_correction_reduces_the_error_of_the_rates(network, images):
    source = from_module(network, SHAPE, NORM)
    pixels = torch.from_numpy(images.images).float()
    thetas = thresholds(activations(source.graph, source.relus, pixels), "mse", 4)
    graph = rescaled(source.graph, thetas)
    caps = {name: None if cap is None else cap / thetas[name] for name, cap in source.relus.items()}
    better = corrected(graph, caps, pixels, 4)

    def gap(graph):
        analog, targets, rates = Analog(graph), {}, {}
        rectify = Analog(rescaled(source.graph, thetas)).rectifier(caps)

        def keep(name, current):
            targets[name] = rectify(name, current)
            return targets[name]

        reference = Analog(rescaled(source.graph, thetas))
        logits = reference(pixels, keep)
        spiking = analog(pixels.repeat(4, 1, 1, 1), analog.spiking(4, rates)).reshape(4, len(pixels), -1).mean(0)
        return [float((targets[n].clamp_max(1) - rates[n]).square().mean()) for n in graph.spiking], float(
            (logits - spiking).square().mean()
        )

    before, after = gap(graph), gap(better)
    assert after[1] < before[1], "the answer is nearer to the source's"
    assert after[0][0] <= before[0][0], "and so is the first layer, whose input is the same"


def test_a_potential_is_corrected_by_one_threshold_at_most():
    """A neuron that starts three thresholds too low misses three spikes; its initial potential is raised by one threshold."""
    start = np.array([-300, 50], np.float32)
    nodes = {
        "x": Input((2,), np.zeros(2, np.float32)), "if": IF(np.full(2, 100, np.float32), start),
        "fc": Linear(np.ones((2, 2), np.float32), np.zeros(2, np.float32)), "y": Output(),
    }  # fmt: skip
    graph = Graph(nodes, tuple(pairwise(nodes)))
    better = corrected(graph, {"if": None}, torch.full((4, 2), 50.0), 8)
    assert better.nodes["if"].v_init.tolist() == [-200, 50]


class TestConvert:
    def test_it_agrees_with_its_source(self, bundle, tmp_path):
        result = bundle.manifest.results[0]
        assert result["float_accuracy"] > 0.97
        assert result["accuracy"][-1] > 0.85
        assert len(result["accuracy"]) == 32
        write(bundle, tmp_path / "a.snnb")
        stored = read(tmp_path / "a.snnb")
        assert all(verify(stored, engine).ok for engine in ("numpy", "onnx"))
        assert stored.manifest.provenance["calibration"]["digest"] == result["digest"]

    def test_the_report_shows_where_agreement_is_lost(self, bundle):
        layers = bundle.manifest.conversion["layers"]
        assert [e["steps"] for e in layers[0]["by_step"]] == [4, 8, 16, 32]
        assert all(0 <= e["clipped"] <= 1 and 0.5 < e["agreement_through"] <= 1 for e in layers)

    def test_too_few_steps_are_reported(self, network, images):
        bundle = convert_source(
            from_module(network, SHAPE, NORM),
            "small",
            calibration=Calibration(images, "max", per="layer", steps=1, correct=False),
            data=[images],
        )
        advice = " ".join(bundle.manifest.conversion["advice"])
        assert "most is lost in " in advice
        assert re.search(r"try --steps 2: predictions agree on [0-9.]+% instead of [0-9.]+%", advice)

    def test_advice_is_tried_before_it_is_given(self, network, images, monkeypatch):
        settings = Calibration(images, "max", per="layer", steps=1, correct=False)
        source = from_module(network, SHAPE, NORM)
        advice = convert_source(source, "small", calibration=settings, data=[images]).manifest.conversion["advice"][1]
        before, after = re.search(r"--steps 2: predictions agree on (.*)% instead of (.*)%", advice).groups()[::-1]
        for steps, share in ((1, before), (2, after)):
            bundle = convert_source(
                source, "small", calibration=replace(settings, steps=steps), bits=None, data=[images]
            )
            agreed = bundle.manifest.results[0]["agreement_with_float"]
            assert float(share) == pytest.approx(100 * agreed, abs=0.06)
        monkeypatch.setattr("spikelet_converters.conversion.advice.agreement", lambda *arguments: 0.5)
        advice = convert_source(source, "small", calibration=settings, data=[images]).manifest.conversion["advice"][1]
        assert advice == "--steps 2 does not help; more calibration images may (--calibration-count)"

    def test_more_bits_are_tried_where_rounding_loses(self, network, images):
        source, settings = from_module(network, SHAPE, NORM), Calibration(images, steps=16)
        bundles = {
            bits: convert_source(source, "small", calibration=settings, data=[images], bits=bits) for bits in (4, 10)
        }
        coarse, fine = (bundle.manifest.results[0]["accuracy"][-1] for bundle in bundles.values())
        unrounded = bundles[4].manifest.results[0]["accuracy_before_quantisation"][-1]
        assert unrounded - coarse > 0.01
        (advice,) = bundles[4].manifest.conversion["advice"][-1:]
        lost = f"rounding the weights cost {100 * (unrounded - coarse):.1f} points"
        assert advice == f"{lost}: try --bits 10: accuracy {fine:.1%} instead of {coarse:.1%}"

    def test_rectifiers_without_calibration_are_refused(self, network):
        with pytest.raises(
            ConversionError,
            match=r"rectifiers \(relu, relu_1, clamp\) need thresholds: name images of the training data",
        ):
            convert_source(from_module(network, SHAPE, NORM), "small")

    def test_images_that_do_not_fit(self, network):
        other = ImageSet(np.zeros((2, 3, 9, 9), np.uint8), None, None, "nines")
        with pytest.raises(ConversionError, match=r"nines: images are \(3, 9, 9\), the network takes \(3, 8, 8\)"):
            convert_source(from_module(network, SHAPE, NORM), "small", calibration=Calibration(other))

    def test_an_imported_graph_with_other_logits_is_refused(self, network, images):
        source = from_module(network, SHAPE, NORM)
        wrong = type(source)(**{**source.__dict__, "predict": lambda x: 2 * source.predict(x)})
        with pytest.raises(
            ConversionError, match="the imported graph computes other outputs than the network on random inputs"
        ):
            convert_source(wrong, "small", calibration=Calibration(images))


def test_max_pools_are_replaced_on_request(images):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 4)
    )  # fmt: skip
    source = from_module(network, SHAPE, max_pools="average")
    assert source.notes == ("module 2 (MaxPool2d): max pooling was replaced by average pooling, as requested",)
    bundle = convert_source(source, "small", calibration=Calibration(images, steps=4), data=[images])
    assert "accuracy_before_replacement" in bundle.manifest.results[0]


def test_the_command(network, images, tmp_path, monkeypatch, capsys):
    """`spikelet convert model.onnx --calibration DATA`, and its errors."""
    monkeypatch.chdir(tmp_path)
    every_operator(tmp_path / "model.onnx")
    arrays.write(tmp_path / "smooth.npz", images)
    (tmp_path / "model.py").write_text(
        "from torch import nn\nnetwork = nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.ReLU(), nn.Linear(6, 3))\n"
        "three = 3\n"
    )

    def call(line, code=0):
        capsys.readouterr()
        assert cli.main(line.split()) == code
        return capsys.readouterr()

    line = "convert model.onnx --calibration smooth.npz --raw-pixels --steps 8 -o a.snnb"
    assert "agrees so far" in call(f"{line} --data smooth.npz").out
    out = call(line).out  # without --data the report by layer is made all the same, and says of what
    assert "agrees so far" in out
    assert "smooth (the calibration images), " in out
    report = json.loads(call(f"{line} --json --method percentile --per layer --no-correction").out)
    assert report["bits"] == 8
    assert json.loads(call("verify a.snnb --json").out)["ok"]
    module = "convert model.py:network --input 3x8x8 --calibration smooth.npz --steps 4 -o b.snnb"
    call(module)
    assert "plain rectifiers (n2) need thresholds" in call(module.replace("--calibration smooth.npz ", ""), 1).err
    err = call(f"{module} --std 0.2 0.3", 1).err
    assert "std of the input: expected 3 numbers, one per channel; found 2" in err
    err = call(module.replace("3x8x8", "3x9x9"), 1).err
    assert (
        "module 1 (Linear): expected an input of shape (192,), found (243,); check the network's input shape (--input)"
        in err
    )
    assert "give it with --input CxHxW" in call(module.replace("--input 3x8x8 ", ""), 2).err
    assert "model.py has no nothing" in call(module.replace("network", "nothing"), 2).err
    assert "found int; expected a torch.nn.Module, or a class" in call(module.replace("network", "three"), 1).err
    assert "a torch module is named model.py:NAME" in call("convert model.py -o c.snnb", 2).err
    assert "missing.onnx: no such file" in call("convert missing.onnx -o c.snnb", 2).err
    assert "expected CxHxW, as 3x32x32" in call(module.replace("3x8x8", "3xa8"), 2).err
    assert "model.onnx: --weights is for modules, model.py:NAME; omit it" in call(f"{line} --weights model.py", 2).err
    assert "--dt is for NIR files; omit it" in call(f"{module} --dt 1", 2).err
    assert "give the file with --weights" in call(f"{module} --weights-key net", 2).err
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    assert "junk.onnx: not a valid ONNX model" in call("convert junk.onnx -o c.snnb", 1).err
    (tmp_path / "junk.pt2").write_bytes(b"junk")
    assert "junk.pt2: not a torch.export program" in call("convert junk.pt2 -o c.snnb", 1).err


def test_what_the_code_of_a_network_prints_is_not_among_the_results(images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arrays.write(tmp_path / "smooth.npz", images)
    (tmp_path / "chatty.py").write_text("""
from torch import nn
print("defined")

class Network(nn.Sequential):
    def forward(self, x):
        print("evaluated", x.shape)
        return super().forward(x)

def network():
    print("made")
    return Network(nn.Flatten(), nn.Linear(192, 6), nn.ReLU(), nn.Linear(6, 3))
""")
    line = "convert chatty.py:network --input 3x8x8 --calibration smooth.npz --steps 4 -o a.snnb"
    assert cli.main([*line.split(), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["bits"] == 8
    assert all(text in err for text in ("defined\n", "made\n", "evaluated "))
    assert cli.main([*line.replace("a.snnb", "b.snnb").split()]) == 0
    assert "defined\nmade\n" in capsys.readouterr().out
