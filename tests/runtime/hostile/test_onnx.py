"""Malicious ONNX files: operators, domains, nested graphs, external data, damage."""

import numpy as np
import pytest

from hostile.bundles import bases, put_together
from networks import Builder, small_graph
from spikelet.bundle import decode, step
from spikelet.errors import BundleError
from spikelet.files import protobuf
from spikelet.lowering.onnx import audit
from spikelet.lowering.onnx import step as lowering
from spikelet.lowering.onnx.protobuf import External, OnnxGraph
from spikelet.nodes import SumPool2d

LATER = lowering.LOWERING_VERSION + 1


@pytest.fixture(scope="module")
def model(members):
    return members["step.onnx"]


class TestOnnx:
    """A step model of another version of spikelet cannot be compared; its contents are checked."""

    def refused(self, members, model, message):
        with pytest.raises(BundleError, match=message):
            decode(put_together(members | {"step.onnx": model}, lowering_version=LATER))

    def test_models_of_this_version_are_accepted(self, members):
        for base in bases():
            assert decode(put_together(base, lowering_version=LATER)).graph.spiking

    def test_with_this_version_every_byte_counts(self, members, model):
        with pytest.raises(BundleError, match=r"step\.onnx: does not compute the graph of the manifest; it differs"):
            decode(put_together(members | {"step.onnx": model + protobuf.text(2, "spikelet")}))

    @pytest.mark.parametrize("operator", ["Loop", "If", "Scan", "ReadFile", "Exp", "MatMul", ""])
    def test_operators(self, members, model, operator):
        node = protobuf.message(1, protobuf.text(1, "input") + protobuf.text(2, "y") + protobuf.text(4, operator))
        self.refused(
            members, model + protobuf.message(7, node), f"step.onnx: operator '{operator}'; spikelet writes no such"
        )

    def test_operators_of_another_domain_are_refused(self, members, model):
        self.refused(
            members,
            model + protobuf.message(8, protobuf.text(1, "evil") + protobuf.integer(2, 1)),
            "operator domain 'evil'",
        )
        self.refused(
            members,
            model + protobuf.message(7, protobuf.message(1, protobuf.text(4, "Add") + protobuf.text(7, "evil"))),
            "field 7 in a node",
        )

    def test_graphs_inside(self, members, model):
        body = protobuf.message(6, protobuf.text(2, "body"))
        self.refused(
            members,
            model
            + protobuf.message(
                7, protobuf.message(1, protobuf.text(4, "Add") + protobuf.message(5, protobuf.text(1, "to") + body))
            ),
            "field 6 in a attribute",
        )
        self.refused(members, model + protobuf.message(25, b""), "field 25 in a model")
        self.refused(members, model + protobuf.message(14, b""), "field 14 in a model")

    @pytest.mark.parametrize(
        ("location", "offset", "length"),
        [("/etc/passwd", "0", "10"), ("../x", "0", "1"), ("weights.safetensors", "1", "3"), ("weights.safetensors", "", ""), ("weights.safetensors", "-1", "3"), ("weights.safetensors", "9" * 30, "3")],
    )  # fmt: skip
    def test_external_data_elsewhere(self, members, model, location, offset, length):
        entries = {"location": location, "offset": offset, "length": length}
        tensor = b"".join(
            protobuf.message(13, protobuf.text(1, key) + protobuf.text(2, value)) for key, value in entries.items()
        )
        self.refused(
            members, model + protobuf.message(7, protobuf.message(5, tensor + protobuf.integer(14, 1))), "external data"
        )

    def test_damage(self, members, model):
        self.refused(members, model[:-1], "not an ONNX model")
        self.refused(members, b"\xff" * 20, "not an ONNX model")
        self.refused(members, protobuf.integer(7, 3), "a number in place of a graph")
        self.refused(members, protobuf.text(2, "tool"), "producer 'tool'")
        self.refused(members, protobuf.integer(1, 8) * 2**18 + protobuf.integer(1, 8), "more than 262144 fields")
        self.refused(members, bytes(step.MAX_STEP + 1), "bytes, expected at most")

    def test_the_list_contains_exactly_the_operators_of_the_lowering(self, monkeypatch):
        """The permitted operators and attributes are exactly those that networks need."""
        operators, attributes = set(), set()
        original = OnnxGraph.node

        def spy(self, op, inputs, output, **options):
            operators.add(op)
            attributes.update(options)
            return original(self, op, inputs, output, **options)

        monkeypatch.setattr(OnnxGraph, "node", spy)
        for exact in (True, False):
            lowering.step_model(small_graph(exact=exact))
            net = Builder((2, 6, 6), np.random.default_rng(0), exact)
            net.add("three", SumPool2d((3, 3), (1, 1)))
            net.neuron("if1", tie=">", reset="zero")
            net.neuron("if2")
            lowering.step_model(net.graph())
        assert operators == audit.OPERATORS
        assert attributes == audit.ATTRIBUTES

    def test_places_are_those_of_the_tensors(self, model):
        with pytest.raises(BundleError, match="where no tensor of the bundle lies"):
            audit.audit("step.onnx", memoryview(model), {"x": External("weights.safetensors", 1, 1)})
