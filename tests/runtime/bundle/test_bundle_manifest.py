"""Valid and invalid manifests, and the errors of invalid ones."""

import pytest

from bundle_changes import repacked, with_manifest
from networks import small_graph
from spikelet.bundle import decode
from spikelet.errors import BundleError
from spikelet.verify import verify, verify_step


class TestManifest:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda m: m.update(format_version="2.0"), "format_version: '2.0'; this version of spikelet reads 1.x"),
            (lambda m: m.update(format_version="one"), "format_version: 'one'"),
            (lambda m: m.update(ir_version=3), "ir_version: 3; this version of spikelet reads 1 to 2"),
            (lambda m: m.pop("ir_version"), "manifest.json: ir_version is missing"),
            (lambda m: m.update(ir_version="1"), "ir_version: expected a whole number, found a string"),
            (lambda m: m.update(ir_version=True), "ir_version: expected a whole number, found true or false"),
            (
                lambda m: m.update(arithmetic="float32"),
                "arithmetic: 'float32' contradicts the weights, which are integers",
            ),
            (lambda m: m.update(exact_steps=10**6), "exact_steps: expected 1 to .* found 1000000"),
            (lambda m: m.update(labels=["a"]), "labels: expected 3, one per class, found 1"),
            (lambda m: m["members"].pop("card.md"), "manifest.json.members: card.md is missing"),
            (
                lambda m: m["members"]["card.md"].update(size=1),
                "card.md: expected 1 bytes as listed in the manifest, found 8",
            ),
            (lambda m: m["graph"]["nodes"][1].update(kind="Conv3d"), "node 'conv1': unknown kind 'Conv3d'"),
            (lambda m: m["graph"]["nodes"][1].update(dilation=[2, 2]), "unknown key 'dilation'; known: name, kind"),
            (lambda m: m["graph"]["nodes"][1].pop("stride"), r"graph\.nodes\[1\]: stride is missing"),
            (lambda m: m["graph"]["nodes"][1].update(stride=[1.0, 1]), r"stride: expected whole numbers"),
            (lambda m: m["graph"]["nodes"][1].update(stride=[0, 1]), "node 'conv1': Conv2d.stride: expected a whole"),
            (lambda m: m["graph"]["nodes"][1].update(padding=[2**40, 1]), "node 'conv1': Conv2d.padding: expected"),
            (lambda m: m["graph"]["nodes"][1].update(padding=[2**27, 2**27]), "node conv1: Conv2d: .* has more than"),
            (lambda m: m["graph"]["nodes"][1].update(name="input"), "node 'input': the name is not unique"),
            (lambda m: m["graph"]["nodes"][2].update(tie="=="), 'expected ">=" or ">", found \'==\''),
            (lambda m: m["graph"].update(edges=[["input"]]), r"graph\.edges\[0\]: expected \[from, to\]"),
            (lambda m: m["graph"]["edges"].append(["a", "b"]), "edge a -> b: there is no node a"),
            (lambda m: m["graph"]["nodes"].pop(), "is missing|there is no node|belongs to no node"),
            (lambda m: m["graph"]["nodes"][0].update(high=2**70), "expected whole numbers low < high within 16 bits"),
            (
                lambda m: m["graph"]["nodes"][2].update(reset="zero"),
                "step.onnx: does not compute the graph of the manifest",
            ),
            (lambda m: m.update(graph=[]), "manifest.json.graph: expected an object, found a list"),
        ],
    )
    def test_inconsistent_manifests_are_refused(self, path, change, message):
        with pytest.raises(BundleError, match=message):
            decode(with_manifest(path, change))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"[]", "expected a JSON object, found list"),
            (b'{"a": 1, "a": 2}', "duplicate key 'a'"),
            (b'{"a": NaN}', "NaN is not a JSON number"),
            (b'{"a": 1e999}', "1e999 is too large"),
            (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
            (b"[" * 100_000, "not valid JSON"),
            (b'{"a": "\xff"}', "not valid JSON"),
            (b" " * (2**22 + 1), "bytes of JSON, expected at most"),
            (b"", "not valid JSON"),
        ],
    )
    def test_json_is_read_strictly(self, path, text, message):
        with pytest.raises(BundleError, match=message):
            decode(repacked(path, manifest__json=text))

    def test_a_newer_minor_version_is_read(self, path):
        loaded = decode(with_manifest(path, lambda m: m.update(format_version="1.7", news="yes")))
        assert loaded.graph == small_graph()

    def test_another_lowering_is_not_compared(self, path):
        """A later version may lower the same network to other ONNX bytes; engines do not run them."""
        loaded = decode(with_manifest(path, lambda m: m.update(lowering_version=99)))
        assert verify(loaded, "onnx").ok
        step = verify_step(loaded)
        assert step.ok
        assert not step.compared
