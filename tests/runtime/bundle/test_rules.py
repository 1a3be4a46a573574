"""Every rule at its limit: the last accepted and the first refused value, in reader and writer."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bundle_changes import make
from hostile.bundles import bases, pack, put_together, unchecked
from spikelet.bounds.magnitudes import EXPONENT, exponent
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Golden, decode, golden, manifest, write
from spikelet.errors import BundleError, GraphError, SpikeletError
from spikelet.graph import Graph
from spikelet.inputs import MAX_STEPS
from spikelet.nodes import IF, LI, LIF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d
from spikelet.verify import record_golden, verify

F = np.float32
BIG = float(2.0**EXPONENT)


def network(exact=True, scale=1.0, mean=0, low=0, high=255, weight=3, bias=0, theta=2, v_init=1, last=None):
    """Return a network input -> fc -> neurons -> output with one neuron."""
    kind = np.int32 if exact else F
    nodes = {
        "input": Input((1,), np.array([mean], kind), low, high),
        "fc": Linear(np.array([[weight]], kind), np.array([bias], kind)),
        "if1": last or IF(np.array([theta], kind), np.array([v_init], kind)),
        "output": Output(scale),
    }
    return Graph(nodes, (("input", "fc"), ("fc", "if1"), ("if1", "output")))


def bundled(graph, bits=8, steps=2, **changed):
    """Return a bundle of the graph. changed: fields of the manifest."""
    proven = exact_steps(graph) if graph.exact else None
    described = manifest.Manifest("x", bits=bits if graph.exact else None, exact_steps=proven)
    pixels = np.full((1, *graph.input.shape), graph.input.low, F)
    return Bundle(graph, replace(described, **changed), record_golden(graph, pixels, steps), "")


def chain(*nodes, shape=(1,)):
    """Return a float32 network of a chain of nodes between the input and a neuron."""
    named = {"input": Input(shape, np.zeros(shape[0], F))} | {f"n{i}": node for i, node in enumerate(nodes)}
    if len(shape) == 3:
        named["flat"] = Flatten()
    graph_shape = shape
    for node in list(named.values())[1:]:
        graph_shape = node.output_shape((graph_shape,))
    ones = np.ones(graph_shape[0], F)
    named |= {"if1": IF(ones, ones), "output": Output()}
    names = list(named)
    return Graph(named, tuple(pairwise(names)))


def holds(bundle, **changed):
    """Assert that the bundle is written, read and replayed."""
    pack(bundle)
    loaded = decode(unchecked(bundle, **changed))
    assert verify(loaded, "numpy").ok


def refused(bundle, message, **changed):
    """Assert that reader and writer refuse the bundle with the same text."""
    with pytest.raises(BundleError, match=message) as reading:
        decode(unchecked(bundle, **changed))
    if not changed:
        with pytest.raises(BundleError, match=message) as writing:
            pack(bundle)
        assert str(writing.value).endswith(str(reading.value))


class TestTexts:
    @pytest.mark.parametrize("length", [1, manifest.MAX_NAME])
    def test_lengths_that_are_read(self, length):
        holds(bundled(network(), name="n" * length, labels=("λ" * length,)))

    @pytest.mark.parametrize("length", [0, manifest.MAX_NAME + 1])
    def test_lengths_that_are_refused(self, length):
        refused(bundled(network(), name="n" * length), r"manifest\.json\.name: expected 1 to 256 characters")
        refused(bundled(network(), labels=("n" * length,)), r"manifest\.json\.labels\[0\]: expected 1 to 256")

    @pytest.mark.parametrize(
        "code", [0, 9, 10, 13, 0x1B, 0x7F, 0x85, 0x61C, 0x200F, 0x2028, 0x2029, 0x202E, 0x2066, 0xD800, 0xDCFF]
    )
    def test_no_text_of_the_manifest_controls_a_display(self, code):
        text = f"a{chr(code)}b"
        for changed, path in (
            ({"name": text}, r"\.name"),
            ({"labels": (text,)}, r"\.labels\[0\]"),
            ({"provenance": {"a": [1, {"b": text}]}}, r"\.provenance\.a\[1\]\.b"),
            ({"provenance": {text: 1}}, r"\.provenance: a key"),
            ({"conversion": {"notes": [text]}}, r"\.conversion\.notes\[0\]"),
        ):
            refused(bundled(network(), **changed), rf"manifest\.json{path}: contains U\+{code:04X}")

    def test_the_card_may_have_lines(self):
        holds(replace(bundled(network()), card="# a\n\tb\n"))
        for text in ("a\r\nb", "\u2028", "\ud800"):
            bundle = replace(bundled(network()), card=text)
            with pytest.raises(BundleError, match=r"card\.md: not plain UTF-8 text"):
                pack(bundle)

    def test_labels_may_be_equal_and_may_be_missing(self):
        graph = make().graph
        holds(replace(make(graph), manifest=replace(make(graph).manifest, labels=("a", "a", "b"))))
        members = bases()[0]
        assert decode(put_together(members, labels=None)).manifest.labels is None


class TestNumbers:
    @pytest.mark.parametrize("scale", [2.0**-64, 1.0, 2.0**64])
    def test_scales_that_are_read(self, scale):
        holds(bundled(network(scale=scale)))
        holds(bundled(network(exact=False, scale=scale)))

    @pytest.mark.parametrize(
        "scale", [np.nextafter(2.0**-64, 0), np.nextafter(2.0**64, 2.0**65), 1e307, 5e-324, 0, -0.0, -1, 10**39]
    )
    def test_scales_that_are_refused(self, scale):
        graph = {"nodes": [{"name": "output", "kind": "Output", "scale": float(scale)}], "edges": []}
        with pytest.raises(BundleError, match=r"Output\.scale: expected a number in 2\^-64…2\^64, found"):
            decode(put_together(bases()[1], graph=graph))
        with pytest.raises(GraphError, match=r"Output\.scale"):
            Output(float(scale))

    @pytest.mark.parametrize("bits", [2, 8, 16])
    def test_weights_of_as_many_bits(self, bits):
        least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        for weight in (least, most):
            holds(bundled(network(weight=weight), bits=bits))
        for weight in (least - 1, most + 1):
            refused(
                bundled(network(weight=weight), bits=bits),
                rf"weights\.safetensors: fc\.weight: expected weights of {bits} bits, {least}…{most}, as manifest",
            )

    def test_bits_apply_to_every_kind_of_weight(self):
        for name, field in (("conv1", "weight"), ("fc1", "weight"), ("shortcut", "scale"), ("logits", "weight")):
            good = make()
            values = getattr(good.graph.nodes[name], field).astype(np.int16)
            values.reshape(-1)[-1] = 8
            nodes = dict(good.graph.nodes) | {name: replace(good.graph.nodes[name], **{field: values})}
            graph = Graph(nodes, good.graph.edges)
            described = replace(good.manifest, exact_steps=1)
            recorded = record_golden(graph, good.golden.inputs.astype(np.uint8), 1)
            refused(Bundle(graph, described, recorded, ""), rf"{name}\.{field}: expected weights of 4 bits, -8…7")
            holds(Bundle(graph, replace(described, bits=5), recorded, ""))

    @pytest.mark.parametrize("bits", [-3, 0, 1, 17, 1000, 10**30, 1e30, 8.0, True, "8", None, [8]])
    def test_bits_that_are_no_bits(self, bits):
        with pytest.raises(BundleError, match=r"manifest\.json\.bits: expected a whole number"):
            decode(put_together(bases()[0], bits=bits))

    @pytest.mark.parametrize("key", ["bits", "exact_steps"])
    def test_a_float32_bundle_has_neither(self, key):
        with pytest.raises(BundleError, match=rf"manifest\.json\.{key}: expected null in a float32 bundle"):
            decode(put_together(bases()[1], **{key: 8}))

    def test_a_mean_that_float32_cannot_subtract(self):
        """2^24 + 1 would be rounded, although pixel - mean stays within 2^24, which the proof of exactness checks."""
        for mean in (-(2**15), 2**15):
            holds(bundled(network(mean=mean)))
        for mean in (-(2**15) - 1, 2**15 + 1, 2**24 + 1):
            with pytest.raises(GraphError, match=r"Input\.mean: expected -32768…32768, found"):
                network(mean=mean)
        for mean in (np.inf, np.nan, 1e30):
            with pytest.raises(GraphError, match=r"Input\.mean"):
                network(exact=False, mean=mean)

    def test_exact_steps(self):
        bundle = bundled(network())
        proven = bundle.manifest.exact_steps
        for steps in (2, proven):
            holds(replace(bundle, manifest=replace(bundle.manifest, exact_steps=steps)))
        for steps in (0, -1, proven + 1, 2**62):
            changed = replace(bundle, manifest=replace(bundle.manifest, exact_steps=steps))
            refused(changed, r"exact_steps")

    def test_versions_of_the_lowering(self):
        message = r"manifest\.json\.lowering_version: expected a whole number of 0…2147483647"
        for version in (-1, 2**31, 10**39):
            with pytest.raises(BundleError, match=message):
                decode(put_together(bases()[0], lowering_version=version))
        for version in (0, 2**31 - 1):
            assert decode(put_together(bases()[0], lowering_version=version)).graph.exact


class TestGolden:
    @pytest.mark.parametrize("exact", [True, False])
    def test_pixels_within_the_range_of_the_input(self, exact):
        graph = network(exact, low=-3, high=7)
        good = bundled(graph)
        for pixel in (-3, 7):
            holds(replace(good, golden=record_golden(graph, np.full((1, 1), pixel, F), 2)))
        for pixel in (-4, 8):
            recorded = replace(good.golden, inputs=np.full_like(good.golden.inputs, pixel))
            refused(replace(good, golden=recorded), r"golden\.safetensors: input: expected values of -3…7, found")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
    def test_golden_data_of_invalid_values_is_refused(self, value):
        good = bundled(network(exact=False))
        for field in ("inputs", "logits"):
            values = getattr(good.golden, field).copy()
            values.reshape(-1)[0] = value
            name = "input" if field == "inputs" else field
            refused(replace(good, golden=replace(good.golden, **{field: values})), rf"{name}: expected values of")

    def test_time_steps_within_exact_steps(self):
        good = bundled(network(), steps=3)
        holds(replace(good, manifest=replace(good.manifest, exact_steps=3)))
        refused(
            replace(good, manifest=replace(good.manifest, exact_steps=2)),
            r"golden\.safetensors: logits: 3 time-steps, expected at most exact_steps, 2",
        )

    def test_the_largest_number_of_time_steps(self):
        graph = network(exact=False, weight=0.0)
        steps = MAX_STEPS
        recorded = Golden(np.zeros((1, 1), F), np.zeros((steps, 1, 1), F), {"if1": np.zeros((steps, 1, 1), np.bool_)})
        described = replace(bundled(graph), golden=recorded)
        assert decode(unchecked(described)).golden.steps == steps
        more = Golden(recorded.inputs, np.zeros((steps + 1, 1, 1), F), {"if1": np.zeros((steps + 1, 1, 1), np.bool_)})
        refused(replace(described, golden=more), r"logits: 65537 time-steps, expected at most 65536")

    @pytest.mark.parametrize("neurons", [1, 7, 8, 9])
    def test_padding_bits_are_zero(self, neurons):
        ones = np.ones(neurons, np.int32)
        nodes = {
            "input": Input((neurons,), 0 * ones),
            "if1": IF(ones, ones),
            "output": Output(),
        }
        bundle = bundled(Graph(nodes, (("input", "if1"), ("if1", "output"))))
        holds(bundle)
        unused = -neurons % 8
        packed = golden.encode(bundle.golden)
        for bit in range(unused):
            changed = {name: value.copy() for name, value in packed.items()}
            changed["spikes.if1"][-1, -1, -1] |= 1 << bit
            with pytest.raises(BundleError, match=rf"spikes\.if1: expected the last {unused} bits to be 0, found 1"):
                golden.decode(changed, bundle.graph)


class TestFloat32:
    """Values that would overflow float32 in some engine, for some input."""

    @pytest.mark.parametrize(
        ("value", "power"),
        [(1.0, 0), (1.0000001, 1), (-2.0, 1), (0.5, -1), (0.75, 0), (1e-45, -149), (0.0, -149), (3e38, 128)],
    )
    def test_exponents(self, value, power):
        assert exponent(np.array([0, value], F)) == power

    @pytest.mark.parametrize(
        ("border", "beyond"),
        [
            (chain(Scale(np.array([2.0**79], F))), chain(Scale(np.array([2.0**79 * 1.001], F)))),
            (
                chain(Linear(np.full((1, 4), 2.0**76, F), np.zeros(1, F)), shape=(4,)),
                chain(Linear(np.full((1, 5), 2.0**76, F), np.zeros(1, F)), shape=(5,)),
            ),
            (
                chain(Linear(np.zeros((1, 1), F), np.full(1, 2.0**95, F))),
                chain(Linear(np.zeros((1, 1), F), np.full(1, 2.0**95 * 1.001, F))),
            ),
            (
                chain(Conv2d(np.full((1, 1, 2, 2), 2.0**76, F), np.zeros(1, F)), shape=(1, 2, 2)),
                chain(Conv2d(np.full((1, 1, 3, 2), 2.0**76, F), np.zeros(1, F)), shape=(1, 3, 2)),
            ),
            (
                chain(Scale(np.array([2.0**76], F)), SumPool2d((2, 4), (1, 1)), shape=(1, 2, 4)),
                chain(Scale(np.array([2.0**76], F)), SumPool2d((3, 3), (1, 1)), shape=(1, 3, 3)),
            ),
            (
                chain(Scale(np.array([2.0**49], F)), LI(np.ones(1, F))),
                chain(Scale(np.array([2.0**49 * 1.001], F)), LI(np.full(1, 0.5, F))),
            ),
        ],
        ids=["Scale", "Linear", "bias", "Conv2d", "SumPool2d", "LI"],
    )
    def test_one_time_step(self, border, beyond):
        holds(bundled(border, steps=3))
        refused(bundled(beyond), r"node n\d: its value can reach 2\^97 in one time-step, expected at most 2\^96")

    def test_sums_of_nodes(self):
        nodes = dict(chain(Scale(np.array([2.0**78], F))).nodes) | {"n1": Add()}
        edges = (("input", "n0"), ("input", "n2"), ("n0", "n1"), ("n2", "n1"), ("n1", "if1"), ("if1", "output"))
        nodes["n2"] = Scale(np.array([1.0], F))
        holds(bundled(Graph(nodes, edges)))
        nodes["n2"] = Scale(np.array([2.0**79], F))
        refused(bundled(Graph(nodes, edges)), r"node n1: its value can reach 2\^97")

    @pytest.mark.parametrize(
        ("border", "beyond", "field"),
        [
            ({"theta": 2.0**-96}, {"theta": 2.0**-97}, "theta"),
            ({"theta": 2.0**96}, {"theta": 2.0**96 * 1.001}, "theta"),
            ({"theta": 1.0}, {"theta": 1e-45}, "theta"),
            ({"v_init": 2.0**96}, {"v_init": 2.0**96 * 1.001}, "v_init"),
            ({"v_init": -(2.0**96)}, {"v_init": -(2.0**97)}, "v_init"),
        ],
    )
    def test_neurons(self, border, beyond, field):
        holds(bundled(network(exact=False, **border)))
        refused(bundled(network(exact=False, **beyond)), rf"node if1: IF\.{field}: expected")

    def test_a_threshold_that_a_leak_enlarges(self):
        def graph(decay):
            ones = np.ones(1, F)
            return network(exact=False, last=LIF(ones * F(2.0**90), ones, "subtract-late", ">=", ones * F(decay)))

        holds(bundled(graph(2.0**-6)))
        refused(bundled(graph(2.0**-7)), r"node if1: LIF\.decay: theta / decay exceeds 2\^96")
        ones = np.ones(1, F)
        holds(bundled(network(exact=False, last=LIF(ones, ones, "subtract", ">=", ones * F(1e-45)))))

    def test_the_largest_network_does_not_overflow(self):
        """With all numbers at their bounds no engine warns, and every value is finite."""
        big = np.full(1, BIG, F)
        neuron = LIF(big, big, "subtract", ">", np.ones(1, F))
        graph = network(exact=False, weight=2.0**78, bias=2.0**95, last=neuron, low=-(2**15), high=2**15 - 1)
        bundle = bundled(graph, steps=50)
        with np.errstate(over="raise", invalid="raise"):
            assert verify(decode(unchecked(bundle)), "numpy").ok


class TestTensors:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_arrays_must_be_finite(self, value):
        graph = make(exact=False).graph
        for node in graph.nodes.values():
            for field in node.tensors:
                values = getattr(node, field).copy()
                values.reshape(-1)[-1] = value
                with pytest.raises(GraphError, match=rf"{node.kind}\.{field}: contains NaN or infinity"):
                    replace(node, **{field: values})

    def test_subnormal_weights_are_read(self):
        """Weight decay produces them in silent channels."""
        holds(bundled(network(exact=False, weight=1e-45, bias=-1e-40)))

    @pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
    def test_every_dtype_of_an_exact_network(self, dtype):
        nodes = {
            "input": Input((1,), np.zeros(1, dtype)),
            "fc": Linear(np.full((1, 1), -128, dtype), np.full(1, -128, dtype)),
            "if1": IF(np.full(1, 127, dtype), np.full(1, -128, dtype)),
            "output": Output(),
        }
        holds(bundled(Graph(nodes, (("input", "fc"), ("fc", "if1"), ("if1", "output"))), steps=5))


def test_a_refused_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.snnb"
    write(make(), path)
    before = path.read_bytes()
    for changed in ({"name": ""}, {"provenance": {"a": float("nan")}}, {"provenance": {"a": {1, 2}}}, {"bits": 2}):
        bundle = replace(make(), manifest=replace(make().manifest, **changed))
        with pytest.raises(SpikeletError, match=r"a\.snnb: not written"):
            write(bundle, path)
    assert path.read_bytes() == before
