"""Plain ReLU networks: the same network from three kinds of file, calibrated, and what each step of it promises."""

import json

import numpy as np
import pytest
import torch
from onnx import helper
from torch import nn
from torch.nn import functional as F

from converters_support import SHAPE, onnx_file
from spikelet import cli
from spikelet.bundle import read, write
from spikelet.converters.builder import Builder
from spikelet.converters.calibration.analog import Analog
from spikelet.converters.calibration.correction import corrected
from spikelet.converters.calibration.thresholds import activations, rescaled, thresholds
from spikelet.converters.plain import Calibration, convert_source
from spikelet.converters.sources import Preprocessing
from spikelet.converters.sources.onnx import read as read_onnx
from spikelet.converters.sources.torch import from_exported, from_module
from spikelet.data import ImageSet, arrays
from spikelet.errors import ConversionError, UsageError
from spikelet.verify import verify

NORM = Preprocessing((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


class Residual(nn.Module):
    """Functional and shared rectifiers, a residual block, a global pool, a view."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 6, 3, padding="same")
        self.relu = nn.ReLU()
        self.fc1 = nn.Linear(6, 12)
        self.output = nn.Linear(12, 4)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.conv2(x) + x)
        x = self.relu(F.adaptive_avg_pool2d(x, 1))
        x = torch.clamp(self.fc1(x.view(x.size(0), -1)), 0, 4.0)
        return self.output(x)


@pytest.fixture(scope="module")
def pixels():
    """Smooth images."""
    small = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (80, 3, 3, 3))).float()
    return F.interpolate(small, SHAPE[1:], mode="bilinear").round().to(torch.uint8).numpy()


@pytest.fixture(scope="module")
def network(pixels):
    """A random network whose answers differ from image to image."""
    torch.manual_seed(3)
    network = Residual()
    inputs = torch.from_numpy(NORM.apply(pixels.astype(np.float32)))
    with torch.no_grad():
        for _ in range(20):
            network(inputs)
        network.eval().output.bias -= network(inputs).mean(0)
    return network


@pytest.fixture(scope="module")
def images(network, pixels):
    """The images, labelled by the network itself, so that its accuracy is 1."""
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


def every_operator(path, seed=0):
    """A network of every operator that is read."""
    rng = np.random.default_rng(seed)

    def f(*shape, scale=0.4):
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    weights = {
        "mean": np.full((1, 3, 1, 1), 120.0, np.float32),
        "std": np.array([60, 61, 62], np.float32).reshape(1, 3, 1, 1),
        "w1": f(6, 3, 3, 3), "gamma": np.abs(f(6)) + 0.5, "beta": f(6), "rm": f(6), "rv": np.abs(f(6)) + 0.5,
        "w2": f(6, 3, 3, 3), "b2": f(6), "zero": np.float32(0), "six": np.float32(6),
        "w3": f(6, 8), "b3": f(8), "w4": f(5, 8), "b4": f(5), "flat": np.array([0, -1]), "axes": np.array([2, 3]),
    }  # fmt: skip
    n = helper.make_node
    nodes = [
        n("Sub", ["x", "mean"], ["x1"]), n("Div", ["x1", "std"], ["x2"]),
        n("Conv", ["x2", "w1"], ["c1"], pads=[1, 1, 1, 1]),
        n("BatchNormalization", ["c1", "gamma", "beta", "rm", "rv"], ["bn"]), n("Relu", ["bn"], ["r1"]),
        n("AveragePool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        n("Conv", ["p1", "w2", "b2"], ["c2"], group=2, auto_pad="SAME_UPPER"), n("Add", ["c2", "p1"], ["sum"]),
        n("Clip", ["sum", "zero", "six"], ["r2"]), n("Dropout", ["r2"], ["r3"]),
        n("GlobalAveragePool", ["r3"], ["p2"]), n("Reshape", ["p2", "flat"], ["f"]),
        n("MatMul", ["f", "w3"], ["m"]), n("Add", ["m", "b3"], ["a"]), n("Relu", ["a"], ["r4"]),
        n("Gemm", ["r4", "w4", "b4"], ["g"], transB=1), n("Softmax", ["g"], ["y"], axis=1),
    ]  # fmt: skip
    return onnx_file(path, nodes, weights)


@pytest.mark.parametrize("per", ["channel", "layer"])
def test_thresholds_change_what_is_counted_not_what_is_computed(network, images, per):
    source = from_module(network, SHAPE, NORM)
    assert set(source.relus) == {"relu", "relu_1", "relu_2", "clamp"}
    assert source.relus["clamp"] == 4.0
    pixels = torch.from_numpy(images.images).float()
    before = Analog(source.graph)
    wanted = source.predict(NORM.apply(images.images.astype(np.float32)))
    assert np.abs(before(pixels, before.rectifier(source.relus)).numpy() - wanted).max() < 2e-2, "at most border means"
    thetas = thresholds(activations(source.graph, source.relus, pixels), "percentile", per=per)
    assert all((np.unique(t).size == 1) == (per == "layer") for t in thetas.values())
    after = Analog(rescaled(source.graph, thetas))
    caps = {name: None if cap is None else cap / thetas[name] for name, cap in source.relus.items()}
    found = after(pixels, after.rectifier(caps)).numpy()
    expected = before(pixels, before.rectifier(source.relus)).numpy()
    assert np.abs(found - expected).max() < 1e-4


def test_methods_choose_what_they_say():
    """One channel of known activations: the maximum, a percentile, and the best of the quantisers tried by hand."""
    weight = np.ones((1, 1), np.float32)
    builder = Builder((1,), calibrate=True)
    x = builder.relu("relu", "relu", None, builder.linear("fc", "fc", weight, None, builder.input()))
    builder.output([builder.linear("out", "out", weight, None, x)])
    graph = builder.graph()
    pixels = torch.cat([torch.arange(100).float(), torch.tensor([250.0])])[:, None]
    found = activations(graph, builder.relus, pixels, batch=101)
    assert thresholds(found, "max")["relu"] == 250
    assert 95 < thresholds(found, "percentile", percentile=97)["relu"] < 99

    def error(theta, steps=4):
        a = pixels.numpy()
        return np.square(np.clip(np.floor(steps * a / theta + 0.5), 0, steps) * theta / steps - a).mean()

    chosen = thresholds(found, "mse", 4)["relu"][0]
    assert error(chosen) == pytest.approx(min(error(250 * k / 64) for k in range(1, 65)), rel=1e-5)
    with pytest.raises(UsageError, match="percentile: expected one above 0 and up to 100, got 0"):
        thresholds(found, "percentile", percentile=0)
    with pytest.raises(UsageError, match="method: expected max, percentile, mse, got 'best'"):
        thresholds(found, "best")


def test_correction_brings_the_rates_nearer(network, images):
    source = from_module(network, SHAPE, NORM)
    pixels = torch.from_numpy(images.images).float()
    thetas = thresholds(activations(source.graph, source.relus, pixels), "mse", 4)
    graph = rescaled(source.graph, thetas)
    caps = {name: None if cap is None else cap / thetas[name] for name, cap in source.relus.items()}
    better = corrected(graph, caps, pixels, 4)

    def gap(graph):
        analog, wanted, found = Analog(graph), {}, {}
        rectify = Analog(rescaled(source.graph, thetas)).rectifier(caps)

        def keep(name, current):
            wanted[name] = rectify(name, current)
            return wanted[name]

        reference = Analog(rescaled(source.graph, thetas))
        logits = reference(pixels, keep)
        spiking = analog(pixels.repeat(4, 1, 1, 1), analog.spiking(4, found)).reshape(4, len(pixels), -1).mean(0)
        return [float((wanted[n].clamp_max(1) - found[n]).square().mean()) for n in graph.spiking], float(
            (logits - spiking).square().mean()
        )

    before, after = gap(graph), gap(better)
    assert after[1] < before[1], "the answer is nearer to the source's"
    assert after[0][0] <= before[0][0], "and so is the first layer, whose input is the same"


def test_three_files_of_one_network_give_one_graph(network, tmp_path):
    exported = torch.export.export(network, (torch.zeros(2, *SHAPE),))
    torch.export.save(exported, tmp_path / "a.pt2")
    a, b = from_module(network, SHAPE, NORM), from_exported(tmp_path / "a.pt2", NORM)
    pixels = torch.randint(0, 256, (4, *SHAPE)).float()
    answers = []
    for source in (a, b):
        analog = Analog(source.graph)
        answers.append(analog(pixels, analog.rectifier(source.relus)).numpy())
    assert np.allclose(answers[0], answers[1], atol=1e-5)
    assert sorted(v is None for v in a.relus.values()) == sorted(v is None for v in b.relus.values())


def test_every_operator_of_onnx_is_read_as_onnx_runtime_runs_it(tmp_path):
    source = read_onnx(every_operator(tmp_path / "a.onnx"), Preprocessing(scale=1.0))
    pixels = np.random.default_rng(1).integers(0, 256, (6, *SHAPE)).astype(np.float32)
    analog = Analog(source.graph)
    logits = analog(torch.from_numpy(pixels), analog.rectifier(source.relus))
    assert np.allclose(torch.softmax(logits, 1), source.predict(pixels), atol=1e-5)
    assert list(source.relus.values()) == [None, 6.0, None]
    assert source.notes == ("node #16 (Softmax): was left out: the largest logit is the answer with and without",)


def test_a_quantised_onnx_file(tmp_path):
    """QuantizeLinear and DequantizeLinear around weights and activations, as exporters write them."""
    rng = np.random.default_rng(0)
    weights = {
        "qw": rng.integers(-127, 128, (4, 192)).astype(np.int8), "sw": np.float32(0.001), "zw": np.int8(0),
        "sa": np.float32(0.02), "za": np.uint8(0), "w2": rng.standard_normal((3, 4)).astype(np.float32),
    }  # fmt: skip
    n = helper.make_node
    nodes = [
        n("Flatten", ["x"], ["f"]), n("DequantizeLinear", ["qw", "sw", "zw"], ["w1"]),
        n("Gemm", ["f", "w1"], ["g"], transB=1), n("Relu", ["g"], ["r"]),
        n("QuantizeLinear", ["r", "sa", "za"], ["q"]), n("DequantizeLinear", ["q", "sa", "za"], ["d"]),
        n("Gemm", ["d", "w2"], ["y"], transB=1),
    ]  # fmt: skip
    source = read_onnx(onnx_file(tmp_path / "a.onnx", nodes, weights), Preprocessing())
    assert [round(cap, 4) for cap in source.relus.values()] == [5.1]


class TestConvert:
    def test_it_answers_as_its_source(self, bundle, tmp_path):
        result = bundle.manifest.results[0]
        assert result["float_accuracy"] > 0.97
        assert result["accuracy"][-1] > 0.85
        assert len(result["accuracy"]) == 32
        write(bundle, tmp_path / "a.snnb")
        found = read(tmp_path / "a.snnb")
        assert all(verify(found, engine).ok for engine in ("numpy", "onnx"))
        assert found.manifest.provenance["calibration"]["digest"] == result["digest"]

    def test_the_report_says_where_answers_are_lost(self, bundle):
        layers = bundle.manifest.conversion["layers"]
        assert [e["steps"] for e in layers[0]["by_step"]] == [4, 8, 16, 32]
        assert all(0 <= e["clipped"] <= 1 and 0.5 < e["agreement_through"] <= 1 for e in layers)

    def test_too_few_steps_are_told(self, network, images):
        bundle = convert_source(
            from_module(network, SHAPE, NORM),
            "small",
            calibration=Calibration(images, "max", per="layer", steps=1, correct=False),
            data=[images],
        )
        words = " ".join(bundle.manifest.conversion["advice"])
        assert "most is lost in " in words
        assert "try --steps 2" in words

    def test_without_calibration_nothing_is_guessed(self, network):
        with pytest.raises(
            ConversionError, match=r"rectifiers \(relu, .*, …\) need thresholds .*: name images of the training data"
        ):
            convert_source(from_module(network, SHAPE, NORM), "small")

    def test_images_that_do_not_fit(self, network):
        other = ImageSet(np.zeros((2, 3, 9, 9), np.uint8), None, None, "nines")
        with pytest.raises(ConversionError, match=r"nines: images are \(3, 9, 9\), the network takes \(3, 8, 8\)"):
            convert_source(from_module(network, SHAPE, NORM), "small", calibration=Calibration(other))

    def test_a_reading_that_computes_something_else_is_caught(self, network, images):
        source = from_module(network, SHAPE, NORM)
        wrong = type(source)(**{**source.__dict__, "predict": lambda x: 2 * source.predict(x)})
        with pytest.raises(ConversionError, match="its reading answers differently"):
            convert_source(wrong, "small", calibration=Calibration(images))


def test_max_pools_are_replaced_when_asked_for(images):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 4)
    )  # fmt: skip
    with pytest.raises(ConversionError, match=r"module 2 \(MaxPool2d\): .* let it be replaced with --max-pool average"):
        from_module(network, SHAPE)
    source = from_module(network, SHAPE, average_pools=True)
    assert source.notes == ("module 2: max pooling was replaced by average pooling, as asked for",)
    bundle = convert_source(source, "small", calibration=Calibration(images, steps=4), data=[images])
    assert "accuracy_before_replacement" in bundle.manifest.results[0]


def test_the_command(network, images, tmp_path, monkeypatch, capsys):
    """`spikelet convert model.onnx --calibration DATA`, and what it refuses."""
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
    found = json.loads(call(f"{line} --json --method percentile --per layer --no-correction").out)
    assert found["bits"] == 8
    assert json.loads(call("verify a.snnb --json").out)["ok"]
    module = "convert model.py:network --input 3x8x8 --calibration smooth.npz --steps 4 -o b.snnb"
    call(module)
    assert "plain rectifiers (n2) need thresholds" in call(module.replace("--calibration smooth.npz ", ""), 1).err
    err = call(f"{module} --std 0.2 0.3", 1).err
    assert "std of the input: expected 3 numbers, one a channel; found 2" in err
    err = call(module.replace("3x8x8", "3x9x9"), 1).err
    assert "module 1: takes (192,), its input has shape (243,); is the network's input (--input)" in err
    assert "give it with --input CxHxW" in call(module.replace("--input 3x8x8 ", ""), 2).err
    assert "model.py has no nothing" in call(module.replace("network", "nothing"), 2).err
    assert "found int; expected a torch.nn.Module, or a class" in call(module.replace("network", "three"), 1).err
    assert "a torch module is named model.py:NAME" in call("convert model.py -o c.snnb", 2).err
    assert "missing.onnx: no such file" in call("convert missing.onnx -o c.snnb", 2).err
    assert "expected CxHxW, as 3x32x32" in call(module.replace("3x8x8", "3x8"), 2).err
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    assert "junk.onnx: not a valid ONNX model" in call("convert junk.onnx -o c.snnb", 1).err
    (tmp_path / "junk.pt2").write_bytes(b"junk")
    assert "junk.pt2: not a program that torch.export wrote" in call("convert junk.pt2 -o c.snnb", 1).err
