"""Forms of ONNX files that exporters write: the imported graph computes the outputs of ONNX Runtime.

Every case is a small network with random weights. The expected outputs come from ONNX Runtime on the file itself.
"""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from onnx_forms import FORMS, NORM, RAW, RELU, SHAPE, body, conv, logits, model, n, pixels, session, tail
from spikelet.errors import ConversionError, UsageError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.onnx import read
from spikelet_converters.frontends.onnx.attributes import READ, WITHOUT_EFFECT, attributes_of


def with_type(path, dtype):
    """Change weights, inputs and outputs of a file to another float type."""
    network = onnx.load(path)
    for tensor in network.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(dtype), tensor.name))
    for entry in [*network.graph.input, *network.graph.output]:
        entry.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    onnx.save(network, path)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_the_imported_graph_computes_the_outputs_of_onnx_runtime(form, tmp_path):
    path = model(tmp_path / "a.onnx", FORMS[form])
    if "order" in form:
        source, expected = read(path, RAW), session(model(tmp_path / "b.onnx", FORMS[form][::-1]), pixels(SHAPE))
    else:
        source, expected = read(path, RAW), session(path, pixels(SHAPE))
    actual = logits(source, pixels(SHAPE))
    rounded_border = 0.02 if form in ("BatchNormalization first", "constants at every place") else 1e-5
    assert np.abs(actual - expected).max() <= rounded_border * np.abs(expected).max()
    assert np.ptp(expected, axis=0).min() > 1e-3, "the network must distinguish the images"
    assert check_graph(source, None) < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("form", "layers"), [("Relu twice", 1), ("Clip without min after Relu", 1), ("Clip below zero after Relu", 1),
                         ("Relu after a pool of rectified values", 1),
                         ("Relu after a padded pool of rectified values", 1), ("Transpose back and forth", 1)]
)  # fmt: skip
def test_rectifying_rectified_values_adds_no_neurons(form, layers, tmp_path):
    assert len(read(model(tmp_path / "a.onnx", FORMS[form]), RAW).graph.spiking) == layers


ENDINGS = {
    "Softmax": ([n("Softmax", ["z"], ["y"], axis=1)], 17, "softmax"),
    "Softmax of opset 11": ([n("Softmax", ["z"], ["y"])], 11, "softmax"),
    "Softmax along the last axis": ([n("Softmax", ["z"], ["y"], axis=-1)], 17, "softmax"),
    "LogSoftmax": ([n("LogSoftmax", ["z"], ["y"], axis=1)], 17, "log_softmax"),
    "Sigmoid": ([n("Sigmoid", ["z"], ["y"])], 17, "sigmoid"),
    "Tanh": ([n("Tanh", ["z"], ["y"])], 17, "tanh"),
    "ArgMax": ([n("ArgMax", ["z"], ["y"], axis=1, keepdims=0)], 17, "argmax"),
    "ArgMax after Softmax": ([n("Softmax", ["z"], ["p"]), n("ArgMax", ["p"], ["y"], axis=-1)], 17, "argmax"),
    "ArgMax and Cast": ([n("ArgMax", ["z"], ["a"], axis=1), n("Cast", ["a"], ["y"], to=TensorProto.INT32)], 17, "argmax"),
    "Log of Softmax": ([n("Softmax", ["z"], ["p"]), n("Log", ["p"], ["y"])], 17, "log_softmax"),
    "LogSoftmax of Softmax": (
        [n("Softmax", ["z"], ["p"]), n("LogSoftmax", ["p"], ["y"])], 17, "log_softmax_of_softmax"
    ),
    "percent": ([n("Softmax", ["z"], ["p"]), n("Mul", ["k100", "p"], ["y"])], 17, "softmax"),
    "a scale of Sigmoid": (
        [n("Sigmoid", ["z"], ["p"]), n("Div", ["p", "half"], ["q"]), n("Sub", ["q", "half"], ["y"])], 17, "sigmoid"
    ),
    "Identity after Softmax": ([n("Softmax", ["z"], ["p"]), n("Identity", ["p"], ["y"])], 17, "softmax"),
}  # fmt: skip

SCALES = {"percent": (100, 0), "a scale of Sigmoid": (2, -0.5)}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_function_of_the_logits_at_the_end_is_left_out_and_the_logits_are_compared(ending, tmp_path):
    nodes, opset, kind = ENDINGS[ending]
    network = [*body(RELU)[:-1], n("Gemm", ["f", "f4", "bias"], ["z"], transB=1)]
    path = model(tmp_path / "a.onnx", [*network, *nodes], opset=opset, own={"k100": np.float32(100)})
    if "ArgMax" in ending:  # its output is an integer
        whole = onnx.load(path)
        whole.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32 if "Cast" in ending else TensorProto.INT64
        onnx.save(whole, path)
    source = read(path)
    plain = model(tmp_path / "b.onnx", network, outputs=("z",), opset=opset)
    inputs = pixels(SHAPE) / np.float32(255)
    expected = session(plain, inputs, "z")
    assert source.ending == kind
    assert np.allclose(logits(source, pixels(SHAPE)), expected, atol=1e-5)
    gain, shift = SCALES.get(ending, (1, 0))
    assert np.allclose(gain * source.predict(inputs).ravel() + shift, session(path, inputs).ravel(), rtol=1e-5)
    assert check_graph(source, None) < 1e-3


@pytest.mark.parametrize(
    ("last", "inputs"), [("Relu", ["p"]), ("Sigmoid", ["p"]), ("Exp", ["p"]), ("Mul", ["p", "low"]), ("Add", ["p", "half"]),
                         ("Add", ["p", "z"]), ("Div", ["half", "p"]), ("Mul", ["p", "bias"])]
)  # fmt: skip
def test_a_softmax_that_is_not_at_the_end_is_refused(last, inputs, tmp_path):
    nodes = [*body(RELU)[:-1], n("Gemm", ["f", "f4", "bias"], ["z"], transB=1), n("Softmax", ["z"], ["p"]),
             n(last, inputs, ["y"])]  # fmt: skip
    with pytest.raises(ConversionError, match=r"node #5 \(Softmax\): a softmax inside the network has no spiking form"):
        read(model(tmp_path / "a.onnx", nodes), RAW)


class TestInputs:
    """Layouts, types and batches of the model's input."""

    def network(self, source="x", weight="f10"):
        return [n("Gemm", [source, weight, "bias"], ["h"], transB=1), n("Relu", ["h"], ["i"]),
                n("Gemm", ["i", "last"], ["y"], transB=1)]  # fmt: skip

    own = {"last": np.random.default_rng(5).standard_normal((3, 5)).astype(np.float32)}  # noqa: RUF012

    def compare(self, path, source, images, inputs, **options):
        expected = session(path, inputs, **options)
        assert np.allclose(logits(source, images), expected, rtol=1e-4, atol=1e-3 * np.abs(expected).max())
        assert check_graph(source, None) is not None

    @pytest.mark.parametrize(
        ("step", "message"), [("Mul", None), ("Add", "the mean of the input is 260,100 pixels; .*: use --raw")]
    )
    def test_pixels_that_the_network_divides_as_well(self, step, message, tmp_path):
        nodes = [n("Div", ["x", "k"], ["d"]), n(step, ["d", "c4x"], ["e"]), conv(("e", "w", "b")), RELU, *tail()]
        path = model(tmp_path / "a.onnx", nodes, own={"c4x": np.float32(4)})
        if message is not None:
            with pytest.raises(ConversionError, match=message):
                read(path)
            assert not read(path, RAW).notes
            return
        assert any(
            "the pixels are divided by 65,025; use --raw-pixels if the network" in note for note in read(path).notes
        )
        assert not read(path, RAW).notes

    def test_channels_last(self, tmp_path):
        nodes = [n("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), conv(("t", "w", "b")), RELU, *tail()]
        path = model(tmp_path / "a.onnx", nodes, shape=(9, 8, 3))
        source, images = read(path, RAW), pixels((3, 9, 8))
        assert source.shape == (3, 9, 8)
        self.compare(path, source, images, images.transpose(0, 2, 3, 1))

    def test_channels_last_normalised_before_the_transpose(self, tmp_path):
        nodes = [n("Sub", ["x", "m3"], ["s"]), n("Div", ["s", "k"], ["d"]),
                 n("Transpose", ["d"], ["t"], perm=[0, 3, 1, 2]), conv(("t", "w", "b")), RELU, *tail()]  # fmt: skip
        path = model(tmp_path / "a.onnx", nodes, shape=(9, 8, 3))
        source, images = read(path, RAW), pixels((3, 9, 8))
        self.compare(path, source, images, images.transpose(0, 2, 3, 1))

    def test_channels_last_into_a_linear_layer(self, tmp_path):
        nodes = [n("Reshape", ["x", "flat"], ["f"]), *self.network("f")]
        path = model(tmp_path / "a.onnx", nodes, shape=(4, 3, 3), own=self.own)
        self.compare(path, read(path, RAW), pixels((4, 3, 3)), pixels((4, 3, 3)))
        wide = {**self.own, "f45": np.random.default_rng(0).standard_normal((5, 45)).astype(np.float32)}
        path = model(
            tmp_path / "b.onnx", [n("Flatten", ["x"], ["f"]), *self.network("f", "f45")], shape=(5, 3, 3), own=wide
        )
        source, images = read(path, RAW), pixels((3, 5, 3))
        assert source.shape == (3, 5, 3), "channels last: 3 channels at the end and not at the front"
        self.compare(path, source, images, images.transpose(0, 2, 3, 1))

    def test_images_without_channels(self, tmp_path):
        nodes = [n("Flatten", ["x"], ["f"]), *self.network("f")]
        path = model(tmp_path / "a.onnx", nodes, shape=(4, 9), own=self.own)
        source, images = read(path, RAW), pixels((1, 4, 9))
        assert source.shape == (1, 4, 9)
        self.compare(path, source, images, images[:, 0])

    def test_images_without_channels_get_an_axis(self, tmp_path):
        own = {"one": np.array([1]), "w1": np.random.default_rng(2).standard_normal((4, 1, 3, 3)).astype(np.float32)}
        nodes = [n("Unsqueeze", ["x", "one"], ["u"]), conv(("u", "w1")), RELU, *tail()]
        path = model(tmp_path / "a.onnx", nodes, shape=(8, 9), own=own)
        self.compare(path, read(path, RAW), pixels((1, 8, 9)), pixels((1, 8, 9))[:, 0])

    def test_vectors(self, tmp_path):
        path = model(tmp_path / "a.onnx", self.network(), shape=(36,), own=self.own)
        source = read(path, RAW)
        assert source.shape == (36,)
        self.compare(path, source, pixels((36,)), pixels((36,)))

    def test_vectors_that_are_images(self, tmp_path):
        path = model(tmp_path / "a.onnx", self.network(), shape=(36,), own=self.own)
        source, images = read(path, RAW, shape=(1, 4, 9)), pixels((1, 4, 9))
        assert source.shape == (1, 4, 9)
        self.compare(path, source, images, images.reshape(-1, 36))

    def test_vectors_that_the_network_reshapes(self, tmp_path):
        own = {"image": np.array([-1, 1, 4, 9]), "w1": np.ones((4, 1, 3, 3), np.float32)}
        nodes = [n("Reshape", ["x", "image"], ["u"]), conv(("u", "w1", "b")), RELU, *tail()]
        path = model(tmp_path / "a.onnx", nodes, shape=(36,), own=own)
        source, images = read(path, RAW), pixels((1, 4, 9))
        assert source.shape == (1, 4, 9)
        self.compare(path, source, images, images.reshape(-1, 36))

    @pytest.mark.parametrize("batch", [1, 4, 8])
    def test_a_fixed_batch(self, batch, tmp_path):
        nodes = [*body(RELU)[:2], n("AveragePool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
                 n("Reshape", ["p", "sh"], ["f"]), n("Gemm", ["f", "f10", "bias"], ["y"], transB=1)]  # fmt: skip
        path = model(tmp_path / "a.onnx", nodes, batch=batch, own={"sh": np.array([batch, -1])})
        images = pixels(SHAPE, 8)
        self.compare(path, read(path, RAW), images, images, batch=batch)

    def test_half_precision(self, tmp_path):
        path = with_type(model(tmp_path / "a.onnx", FORMS["pads"]), np.float16)
        expected = session(path, pixels(SHAPE), kind=np.float16).astype(np.float32)
        source = read(path, RAW)
        assert np.allclose(logits(source, pixels(SHAPE)), expected, atol=5e-3 * np.abs(expected).max())
        assert check_graph(source, None) < 1e-3, "compared in float32, with the weights of the file"

    def test_double_precision(self, tmp_path):
        path = with_type(model(tmp_path / "a.onnx", FORMS["pads"]), np.float64)
        (expected,) = ReferenceEvaluator(onnx.load(path)).run(None, {"x": pixels(SHAPE).astype(np.float64)})
        source = read(path, RAW)
        assert np.allclose(logits(source, pixels(SHAPE)), expected, atol=1e-5 * np.abs(expected).max())
        assert check_graph(source, None) < 1e-3

    def test_pixels_of_signed_integers(self, tmp_path):
        """TensorFlow Lite takes pixels - 128, and returns integers."""
        scales = {"s": np.float32(1 / 255), "s2": np.float32(0.02), "zi": np.int8(-128), "zo": np.int8(3)}
        nodes = [n("DequantizeLinear", ["x", "s", "zi"], ["d"]), *self.network("d")[:2],
                 n("Gemm", ["i", "last"], ["z"], transB=1), n("QuantizeLinear", ["z", "s2", "zo"], ["y"])]  # fmt: skip
        path = model(tmp_path / "a.onnx", nodes, shape=(36,), own={**self.own, **scales}, kind=TensorProto.INT8)
        whole = onnx.load(path)
        whole.graph.output[0].type.tensor_type.elem_type = TensorProto.INT8
        onnx.save(whole, path)
        source, images = read(path), pixels((36,))
        integers = session(path, images - 128, kind=np.int8)
        assert np.abs(logits(source, images) - (integers - np.float32(3)) * np.float32(0.02)).max() <= 0.011
        assert check_graph(source, None) is not None

    def test_one_sample_without_an_axis(self, tmp_path):
        nodes = [*self.network()[:2], n("Gemm", ["i", "last"], ["z"], transB=1), n("Squeeze", ["z"], ["y"])]
        path = model(tmp_path / "a.onnx", nodes, shape=(36,), batch=1, own=self.own)
        source, images = read(path, RAW), pixels((36,))
        expected = np.stack([session(path, images[i : i + 1], batch=1) for i in range(len(images))])
        assert np.allclose(logits(source, images), expected, rtol=1e-4, atol=1e-3 * np.abs(expected).max())
        assert check_graph(source, None) < 1e-3 * np.abs(expected).max()

    def test_initializers_that_are_no_inputs_in_an_early_version(self, tmp_path):
        nodes = [*self.network()[:2], n("Gemm", ["i", "last", "zero1"], ["y"], transB=1)]
        path = model(tmp_path / "a.onnx", nodes, shape=(36,), opset=8, ir=3, own=self.own)
        images = pixels((36,))
        self.compare(path, read(path, RAW), images, images)

    def test_whole_pixels(self, tmp_path):
        nodes = [n("Cast", ["x"], ["t"], to=TensorProto.FLOAT), n("Div", ["t", "k"], ["d"]), conv(("d", "w", "b")), RELU,
                 *tail()]  # fmt: skip
        path = model(tmp_path / "a.onnx", nodes, kind=TensorProto.UINT8)
        source = read(path)
        assert source.preprocessing.scale == 1, "the file divides by 255 itself"
        self.compare(path, source, pixels(SHAPE), pixels(SHAPE), kind=np.uint8)
        with pytest.raises(ConversionError, match="takes whole pixels 0…255, which --mean and --std change"):
            read(path, Preprocessing((0.5,), (0.5,)))

    @pytest.mark.parametrize("axis", [None, 1])
    def test_integers_with_a_scale(self, axis, tmp_path):
        """A quantised network of TensorFlow Lite takes integers, without a QuantizeLinear before them."""
        own = {"s": np.float32(0.1), "z": np.uint8(7)} if axis is None else {
            "s": np.array([0.1, 0.2, 0.3], np.float32), "z": np.array([7, 0, 9], np.uint8)}  # fmt: skip
        nodes = [n("DequantizeLinear", ["x", "s", "z"], ["d"], **({} if axis is None else {"axis": axis})),
                 conv(("d", "w", "b")), RELU, *tail()]  # fmt: skip
        path = model(tmp_path / "a.onnx", nodes, kind=TensorProto.UINT8, own=own)
        self.compare(path, read(path, RAW), pixels(SHAPE), pixels(SHAPE), kind=np.uint8)

    @pytest.mark.parametrize("position", [0, 1])
    def test_an_input_that_nothing_uses_is_left_out(self, position, tmp_path):
        path = model(tmp_path / "a.onnx", FORMS["pads"])
        expected, whole = session(path, pixels(SHAPE)), onnx.load(path)
        whole.graph.input.insert(position, helper.make_tensor_value_info("other", TensorProto.FLOAT, [1, 2]))
        onnx.save(whole, path)
        source = read(path, RAW)
        assert np.allclose(logits(source, pixels(SHAPE)), expected, atol=1e-5 * np.abs(expected).max())
        assert check_graph(source, None) < 1e-3

    def test_an_output_without_a_shape(self, tmp_path):
        """ONNX Runtime runs such a file; the checker of ONNX refuses it."""
        path = model(tmp_path / "a.onnx", FORMS["pads"])
        whole = onnx.load(path)
        whole.graph.output[0].type.tensor_type.ClearField("shape")
        onnx.save(whole, path)
        self.compare(path, read(path, RAW), pixels(SHAPE), pixels(SHAPE))

    def test_an_input_without_a_shape(self, tmp_path):
        path = model(tmp_path / "a.onnx", FORMS["pads"])
        whole = onnx.load(path)
        whole.graph.input[0].type.tensor_type.ClearField("shape")
        onnx.save(whole, path)
        self.compare(path, read(path, RAW, shape=SHAPE), pixels(SHAPE), pixels(SHAPE))
        with pytest.raises(ConversionError, match="its input x has no fixed shape; give one with --input CxHxW"):
            read(path, RAW)

    def test_a_cast_that_rounds_is_refused(self, tmp_path):
        nodes = [conv(), n("Cast", ["c"], ["i"], to=TensorProto.INT32), n("Cast", ["i"], ["j"], to=TensorProto.FLOAT),
                 n("Relu", ["j"], ["r"]), *tail()]  # fmt: skip
        with pytest.raises(ConversionError, match=r"node #1 \(Cast\): casts to INT32, which rounds; expected FLOAT"):
            read(model(tmp_path / "a.onnx", nodes), RAW)


def test_an_output_is_named(tmp_path):
    nodes = [*body(RELU), n("Softmax", ["y"], ["prob"], axis=1), n("Relu", ["g"], ["other"])]
    path = model(tmp_path / "a.onnx", nodes, outputs=("y", "prob", "other"))
    with pytest.raises(
        ConversionError, match=r"has 3 outputs \(y, prob, other\); name the one to convert with --output-"
    ):
        read(path, RAW)
    with pytest.raises(UsageError, match="has no output 'z'; expected one of y, prob, other"):
        read(path, RAW, output="z")
    expected = session(path, pixels(SHAPE), "y")
    for name, ending in (("y", "logits"), ("prob", "softmax")):
        source = read(path, RAW, output=name)
        assert source.ending == ending
        assert np.allclose(logits(source, pixels(SHAPE)), expected, atol=1e-5)


def test_every_attribute_of_onnx_is_understood_or_refused_by_name():
    """All attributes of all versions of the supported operators, from the schemas of ONNX."""
    refused = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain != "" or schema.name not in READ:
            continue
        for name in schema.attributes:
            if name in READ[schema.name] or name in WITHOUT_EFFECT.get(schema.name, {}):
                continue
            node = n(schema.name, ["x"], ["y"], **{name: 1})
            with pytest.raises(ConversionError, match=f"the node: its attribute {name} = 1 is not supported"):
                attributes_of(node, "the node")
            refused.setdefault(schema.name, set()).add(name)
    assert {"Add", "Softmax"} - set(refused) == {"Softmax"}, "broadcast and axis of old versions, for instance"
    for kind, harmless in WITHOUT_EFFECT.items():
        for name, values in harmless.items():
            attributes_of(n(kind, ["x"], ["y"], **{name: 7 if values is None else values[0]}), "the node")
            if values is not None:
                with pytest.raises(ConversionError, match=f"its attribute {name} = 7 is not supported; expected"):
                    attributes_of(n(kind, ["x"], ["y"], **{name: 7}), "the node")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (body(n("BatchNormalization", ["c", *NORM], ["r"], training_mode=1)), "training_mode = 1 is not supported"),
        (body(n("Foreign", ["c"], ["r"], domain="com.example")), "is an operator of com.example"),
        (body(n("Max", ["c", "c4"], ["r"])), "has lower bounds that differ by channel; expected one number"),
        (body(n("Clip", ["c", "zero", "b"], ["r"])), "has 4 bounds; expected one number"),
        (body(n("Mul", ["c", "w1x1"], ["r"])), r"constant of shape \(4, 4, 1, 1\)"),
        (body(n("Mul", ["c", "w2"], ["r"])), r"multiplies \(N, 4, 7, 7\) by constants of shape \(4, 4, 3, 3\); expected one"),
        (body(n("Div", ["c", "zero"], ["r"])), "divides by zero"),
        ([conv(("x", "w", "b")), n("Relu", ["q"], ["y"])], "not a valid ONNX model"),
    ],
)  # fmt: skip
def test_refusals_by_name(nodes, message, tmp_path):
    with pytest.raises(ConversionError, match=message):
        read(model(tmp_path / "a.onnx", nodes), RAW)


def test_a_pool_of_maxima_is_compared_as_maxima(tmp_path):
    """--max-pool average replaces the pool; everything else is still compared."""
    nodes = [*body(RELU)[:2], n("MaxPool", ["r"], ["m"], kernel_shape=[2, 2], strides=[2, 2]), conv(("m", "w1x1"), "d"),
             n("Relu", ["d"], ["e"]), *tail("e")]  # fmt: skip
    source = read(model(tmp_path / "a.onnx", nodes), RAW, max_pools="average")
    assert len(source.maxima) == 1
    assert check_graph(source, None) < 1e-3
    assert not np.allclose(logits(source, pixels(SHAPE)), source.predict(pixels(SHAPE)), rtol=1e-3)
    everywhere = [*nodes[:2], n("GlobalMaxPool", ["r"], ["m"]), *nodes[3:]]
    source = read(model(tmp_path / "a.onnx", everywhere), RAW, max_pools="average")
    assert len(source.maxima) == 1
    assert check_graph(source, None) < 1e-3
    padded = [*nodes[:2], n("MaxPool", ["r"], ["m"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), *nodes[3:]]
    with pytest.raises(ConversionError, match="takes maxima at the border of the image"):
        read(model(tmp_path / "a.onnx", padded), RAW, max_pools="average")
