"""Files that were made to do harm: each trick by itself, with what it may cost."""

import io
import json
import os
import subprocess
import sys
import time
import tracemalloc
import zipfile
from contextlib import suppress
from dataclasses import fields, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile import MEMORY, SECONDS, Mutator, bases, loosely_packed, pack, put_together
from networks import Builder, small_graph
from spikelet import cli
from spikelet import graph as graphs
from spikelet.bundle import Bundle, Golden, Manifest, archive, bundle, decode, read, safetensors, strict_json
from spikelet.errors import BundleError
from spikelet.graph import Graph
from spikelet.lowering import audit
from spikelet.lowering import onnx as lowering
from spikelet.lowering.protobuf import External, OnnxGraph, _integer, _message, _text
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Output, Scale, SumPool2d

TESTS = Path(__file__).resolve().parents[1]
CORPUS = sorted((TESTS / "corpus").iterdir())
ONE = np.ones(1, np.int32)


@pytest.fixture(scope="module")
def members():
    return bases()[0]


@pytest.fixture(scope="module")
def model(members):
    return members["step.onnx"]


def cost(content):
    """(error or None, peak bytes above the file, processor seconds) of reading."""
    decode(pack_small())  # what is loaded once is not counted
    found, seconds = None, float("inf")
    for _ in range(3):  # on a busy machine one run may be slow
        started = time.process_time()
        try:
            decode(content)
        except BundleError as error:
            found = error
        seconds = min(seconds, time.process_time() - started)
        if seconds < SECONDS / 2:
            break
    tracemalloc.start()  # by itself: it triples the time
    with suppress(BundleError):
        decode(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, peak, seconds


@cache
def pack_small():
    return put_together(bases()[1])


def described(nodes, edges, weights=None, golden=None, base=None, **changed):
    """The bytes of a bundle with any graph at all: nothing is checked, all digests fit."""
    tensors = {}
    entries = []
    for name, node in nodes.items():
        entry = {"name": name, "kind": node.kind}
        for field in (each.name for each in fields(node)):
            value = getattr(node, field)
            if isinstance(value, np.ndarray):
                tensors[f"{name}.{field}"] = value
            else:
                entry[field] = list(value) if isinstance(value, tuple) else value
        entries.append(entry)
    content = dict(base or bases()[0])
    content["weights.safetensors"] = safetensors.encode(tensors)
    if golden is not None:
        content["golden.safetensors"] = safetensors.encode(golden)
    changed = {"labels": None, "graph": {"nodes": entries, "edges": [list(edge) for edge in edges]}} | changed
    return put_together(content, **changed)


def chain(**nodes):
    names = list(nodes)
    return nodes, list(pairwise(names))


class TestZip:
    def test_names(self, members):
        odd = ["../x", "/etc/passwd", "C:\\x", "..\\x", "a/b", "manifest.json/", "ｍanifest.json", "mаnifest.json", "MANIFEST.JSON",
               "manifest.json\0.txt", "manifest.json ", "manifest.json.", "", ".", "con", "x" * 300, "card\u202e.md", "manifest.jsоn"]  # fmt: skip
        for name in odd:
            with pytest.raises(BundleError, match="without folders"):
                decode(loosely_packed([(name, b"{}"), *members.items()]))

    def test_twice_or_in_another_order(self, members):
        with pytest.raises(BundleError, match="card.md: is in the archive twice"):
            decode(loosely_packed([*members.items(), ("card.md", b"other")]))
        with pytest.raises(BundleError, match="its members lie in another order"):
            decode(loosely_packed(list(members.items())[::-1]))
        with pytest.raises(BundleError, match="expected at most 32 members"):
            decode(loosely_packed([(f"a{i}.txt", b"") for i in range(40)]))

    @pytest.mark.parametrize("trick", ["symlink", "deflated", "bomb", "comment", "flag", "zip64", "date", "folder"])
    def test_what_other_tools_can_write(self, members, trick):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
            for name, data in members.items():
                info = zipfile.ZipInfo(name)
                if trick == "symlink":
                    info.external_attr, data = 0o120777 << 16, b"/etc/passwd"
                elif trick in ("deflated", "bomb"):
                    info.compress_type = zipfile.ZIP_DEFLATED
                    data = bytes(10**7) if trick == "bomb" else data
                elif trick == "folder":
                    info = zipfile.ZipInfo(f"{name}/")
                elif trick == "comment":
                    info.comment = b"hello"
                elif trick == "date":
                    info.date_time = (2024, 1, 1, 0, 0, 0)
                with file.open(info, "w", force_zip64=trick == "zip64") as out:
                    out.write(b"" if trick == "folder" else data)
            if trick == "flag":
                file.comment = b"hello"
        found, peak, _ = cost(buffer.getvalue())
        assert found is not None
        assert peak < 2**20, "nothing was unpacked"

    def test_members_that_overlap(self, members):
        """Two entries over the same bytes: the layout leaves no room for it."""
        content = bytearray(b"".join(archive.pack(members)))
        end = content.index(b"PK\x01\x02")
        first = archive._Entry(b"card.md", 0, end, 0)
        content[: len(archive._local(first))] = archive._local(first)
        with pytest.raises(BundleError):
            decode(bytes(content))

    def test_local_and_central_headers_that_differ(self, members):
        content = b"".join(archive.pack(members))
        start = content.index(b"PK\x01\x02")
        for place in range(start, len(content)):
            changed = bytearray(content)
            changed[place] ^= 1
            with pytest.raises(BundleError, match="directory does not match"):
                decode(bytes(changed))

    def test_what_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.snnb")
        for path in (tmp_path / "pipe.snnb", tmp_path, Path("/dev/zero"), Path("/dev/null")):
            with pytest.raises(BundleError, match=r"cannot be read \(not a file\)"):
                read(path)
        (tmp_path / "empty.snnb").touch()
        with pytest.raises(BundleError, match=r"expected a bundle of 1 to"):
            read(tmp_path / "empty.snnb")
        (tmp_path / "sparse.snnb").touch()
        os.truncate(tmp_path / "sparse.snnb", bundle.MAX_FILE + 1)
        with pytest.raises(BundleError, match=r"expected a bundle of 1 to"):
            read(tmp_path / "sparse.snnb")


class TestJson:
    @pytest.mark.parametrize(
        "piece",
        [
            b"[],",
            b"{},",
            b'{"":0},',
            b'{"a":{"a":0}},',
            b"0,",
            b"1.5,",
            b'"ab",',
            '"𝄞",'.encode(),
            b"1234567890,",
            b'{"a":0,"b":1,"c":2},',
        ],
    )
    @pytest.mark.parametrize("values", [strict_json.MAX_VALUES, 10**9])
    def test_no_text_needs_much_memory(self, piece, values):
        """The largest text of each kind that the limits let pass, and one as large as bytes allow."""
        each = piece.count(b",") + piece.count(b"[") + piece.count(b"{")
        count = min((strict_json.MAX_BYTES - 20) // len(piece), (values - 2) // each)
        content = b'{"x":[' + piece * (count - 1) + piece[:-1] + b"]}"
        tracemalloc.start()
        with suppress(BundleError):  # refused or not: it is the memory that counts
            strict_json.decode("x", content)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MEMORY / 2, "half is left for what the graph needs"

    def test_many_keys_and_long_texts(self):
        keys = ",".join(f'"{i:x}":0' for i in range(strict_json.MAX_VALUES - 2))
        text = '{"x":"' + "𝄞" * (strict_json.MAX_BYTES // 4 - 10) + '"}'
        for content in (("{" + keys + "}").encode(), text.encode()):
            tracemalloc.start()
            strict_json.decode("x", content)
            assert tracemalloc.get_traced_memory()[1] < MEMORY / 2
            tracemalloc.stop()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b'{"a":' * 32 + b"1" + b"}" * 32, "nested deeper than 32"),
            (b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", "nested deeper than 32"),
            (b'{"a":' + b"1" * 41 + b"}", "a number of 41 digits"),
            (b'{"a":1e400}', "1e400 is too large"),
            (b'{"' + b"k" * 257 + b'":1}', "a key of 257 characters"),
            (b'{"a":"\\u001b[2J"}', "holds the character U\\+001B"),
            (b'{"a":["\\ud800"]}', "holds the character U\\+D800"),
            (b'{"\\u202e":1}', "holds the character U\\+202E"),
            (b'{"a":"\x00"}', "not valid JSON"),
            (b"\xef\xbb\xbf{}", "not valid JSON"),
            (b'{"a":[' + b"1," * strict_json.MAX_VALUES + b"1]}", "values of JSON, expected at most"),
        ],
    )
    def test_what_python_would_read(self, text, message):
        with pytest.raises(BundleError, match=message):
            strict_json.decode("x", text)

    def test_text_may_have_lines_and_any_language(self):
        assert strict_json.decode("x", '{"a": "μ\\n\\t日本𝄞"}'.encode()) == {"a": "μ\n\t日本𝄞"}

    @pytest.mark.parametrize("version", ["1" * 5000 + ".0", "١.0", "1", "1.", "1.0.0", "-1.0", " 1.0", "1.0\n"])
    def test_versions(self, members, version):
        with pytest.raises(BundleError, match="format_version"):
            decode(put_together(members, format_version=version))

    def test_the_card(self, members):
        with pytest.raises(BundleError, match=r"card\.md: not plain UTF-8 text .*U\+001B"):
            decode(put_together(members | {"card.md": b"# hello \x1b]0;evil\x07"}))
        with pytest.raises(BundleError, match=r"card\.md: 2000000 bytes, expected at most"):
            decode(put_together(members | {"card.md": b"x" * 2_000_000}))


class TestSizes:
    def test_a_flattened_image_that_is_not_there(self):
        """2^28 features out of a file of some kilobytes."""
        nodes, edges = chain(
            input=Input((1, 2**14, 2**14), ONE.astype(np.int16)), if1=IF(ONE, ONE), flat=Flatten(), output=Output()
        )
        found, peak, seconds = cost(described(nodes, edges))
        assert "channels together, at most" in str(found)
        assert (peak < 2**21, seconds < 1) == (True, True)

    def test_a_pool_over_a_padded_image(self):
        """Its kernel of ones would be 1 GB of constants in the step model."""
        conv = Conv2d(np.ones((1, 1, 1, 1), np.int8), 0 * ONE, padding=(8000, 8000))
        size = 16001
        nodes, edges = chain(
            input=Input((1, 1, 1), ONE.astype(np.int16)), if1=IF(ONE, ONE), conv=conv, pool=SumPool2d((size, size), (1, 1)), flat=Flatten(), output=Output()
        )  # fmt: skip
        golden = {
            "input": np.zeros((1, 1, 1, 1), np.int16),
            "logits": np.zeros((1, 1, 1), np.int32),
            "spikes.if1": np.zeros((1, 1, 1), np.uint8),
        }
        found, peak, seconds = cost(described(nodes, edges, golden=golden, exact_steps=1, name="x"))
        assert found is not None
        assert (peak < 2**21, seconds < 1) == (True, True)
        # where the sums stay exact it is the step model's size that gives it away
        nodes["pool"] = SumPool2d((3999, 4001), (3000, 3000))
        nodes["conv"] = replace(conv, padding=(3000, 3000))
        found, peak, seconds = cost(
            described(nodes, edges, golden=golden | {"logits": np.zeros((1, 1, 1), np.int32)}, exact_steps=1)
        )
        assert "step.onnx: is not the graph of the manifest" in str(found)
        assert (peak < 2**21, seconds < 1) == (True, True)

    def test_the_ones_of_a_pool_are_counted_before_they_are_made(self):
        net = Builder((2, 8, 8), np.random.default_rng(0))
        net.neuron("if1")
        net.add("pool", SumPool2d((3, 5), (1, 1)))
        net.neuron("if2")
        graph = net.graph()
        assert lowering.embedded(graph) == 4 * 2 * 15
        assert lowering.embedded(graph) < len(lowering.step_model(graph))
        assert lowering.embedded(small_graph()) == 0, "a power of two is an average times k²"

    def test_a_golden_of_many_spikes_is_not_unpacked(self):
        """16 million spikes, 2 MB in the file: as bool they would be 16 MB, and are made when asked for."""
        shape = (1, 1024, 1024)
        nodes, edges = chain(
            input=Input(shape, ONE.astype(np.int16)),
            if1=IF(ONE, ONE),
            pool=SumPool2d((1024, 1024), (1, 1)),
            flat=Flatten(),
            output=Output(),
        )
        graph = Graph(nodes, tuple(edges))
        spikes = {"if1": np.zeros((16, 1, 2**20), np.bool_)}
        golden = Golden(np.zeros((1, *shape), np.int16), np.zeros((16, 1, 1), np.int32), spikes)
        content = pack(Bundle(graph, Manifest("big", bits=8, exact_steps=16), golden, "# big\n"))
        found, peak, _ = cost(content)
        assert found is None
        assert peak < 2**20
        assert decode(content).golden.spikes["if1"].shape == (16, 1, 2**20)

    def test_one_kernel_of_millions_of_weights(self):
        """What the proof of exactness needs beside the weights stays small, however they are shaped."""
        for shape in ((1, 1, 4096, 4096), (1, 2**20 - 8, 4, 4), (2**13, 2**10, 1, 1)):
            weight = np.zeros(shape, np.int8)
            channels = shape[1]
            nodes, edges = chain(
                input=Input((channels, *shape[2:]), np.zeros(channels, np.int16)),
                if1=IF(np.ones(channels, np.int8), np.zeros(channels, np.int8)),
                conv=Conv2d(weight, np.zeros(len(weight), np.int8)),
                flat=Flatten(),
                output=Output(),
            )
            if channels > 2**18:
                nodes.pop("if1")
                nodes["conv"], nodes["if1"] = nodes.pop("conv"), IF(ONE, ONE)
                nodes["flat"], nodes["output"] = nodes.pop("flat"), nodes.pop("output")
                edges = list(pairwise(nodes))
            neurons = int(np.prod(shape[1:])) if nodes["if1"].theta.size > 1 or (shape[0] == 1 and channels == 1) else 1
            golden = {
                "input": np.zeros((1, channels, *shape[2:]), np.int16),
                "logits": np.zeros((1, 1, len(weight)), np.int32),
                "spikes.if1": np.zeros((1, 1, -(-neurons // 8)), np.uint8),
            }
            _, peak, seconds = cost(described(nodes, edges, golden=golden, exact_steps=1))
            assert peak < MEMORY, shape
            assert seconds < 1, shape

    def test_as_many_channels_as_there_may_be(self):
        """Neurons of their own everywhere: the most that the proof keeps for a byte of the file."""
        count = graphs.MAX_CHANNELS // 8
        nodes = {"input": Input((count,), np.zeros(count, np.int16))}
        nodes |= {f"if{i}": IF(np.ones(count, np.int8), np.zeros(count, np.int8)) for i in range(5)}
        nodes |= {"scale": Scale(np.ones(count, np.int8)), "output": Output()}
        names = list(nodes)
        golden = {"input": np.zeros((1, count), np.int16), "logits": np.zeros((1, 1, count), np.int32)}
        golden |= {f"spikes.if{i}": np.zeros((1, 1, count // 8), np.uint8) for i in range(5)}
        found, peak, seconds = cost(described(nodes, pairwise(names), golden=golden, exact_steps=1))
        assert "step.onnx" in str(found)
        assert (peak < MEMORY, seconds < 1) == (True, True)

    def test_as_many_nodes_as_there_may_be(self):
        nodes = {"input": Input((1,), ONE.astype(np.int16)), "if": IF(ONE, ONE)}
        nodes |= {f"s{i}": Scale(ONE) for i in range(graphs.MAX_NODES - 3)}
        nodes["output"] = Output()
        names = list(nodes)
        golden = {
            "input": np.zeros((1, 1), np.int16),
            "logits": np.zeros((1, 1, 1), np.int32),
            "spikes.if": np.zeros((1, 1, 1), np.uint8),
        }
        found, peak, seconds = cost(described(nodes, pairwise(names), golden=golden, exact_steps=1))
        assert found is not None
        assert peak < MEMORY
        assert seconds < SECONDS

    def test_sums_of_sums(self):
        """Every node of one half feeds every node of the other."""
        half, channels = 150, 3000
        nodes = {
            "input": Input((channels,), np.zeros(channels, np.int16)),
            "if": IF(np.ones(channels, np.int8), np.zeros(channels, np.int8)),
        }
        nodes |= {f"a{i}": Scale(np.ones(channels, np.int8)) for i in range(half)} | {
            f"b{i}": Add() for i in range(half)
        }
        nodes |= {"all": Add(), "output": Output()}
        edges = [
            ("input", "if"),
            *(("if", f"a{i}") for i in range(half)),
            *((f"a{i}", f"b{k}") for i in range(half) for k in range(half)),
        ]
        edges += [*((f"b{k}", "all") for k in range(half)), ("all", "output")]
        golden = {
            "input": np.zeros((1, channels), np.int16),
            "logits": np.zeros((1, 1, channels), np.int32),
            "spikes.if": np.zeros((1, 1, channels // 8), np.uint8),
        }
        found, peak, seconds = cost(described(nodes, edges, golden=golden, exact_steps=1))
        assert found is not None
        assert peak < MEMORY
        assert seconds < SECONDS


class TestOnnx:
    """A step model of another version of spikelet cannot be compared: what it holds is looked at."""

    def refused(self, members, model, message):
        with pytest.raises(BundleError, match=message):
            decode(put_together(members | {"step.onnx": model}, lowering_version=2))

    def test_what_this_version_writes_passes(self, members):
        for each in bases():
            assert decode(put_together(each, lowering_version=2)).graph.spiking

    def test_with_this_version_every_byte_counts(self, members, model):
        with pytest.raises(BundleError, match="step.onnx: is not the graph of the manifest"):
            decode(put_together(members | {"step.onnx": model + _text(2, "spikelet")}))

    @pytest.mark.parametrize("operator", ["Loop", "If", "Scan", "ReadFile", "Exp", "MatMul", ""])
    def test_operators(self, members, model, operator):
        node = _message(1, _text(1, "input") + _text(2, "y") + _text(4, operator))
        self.refused(members, model + _message(7, node), f"step.onnx: operator '{operator}'; spikelet writes no such")

    def test_operators_of_a_domain_of_their_own(self, members, model):
        self.refused(members, model + _message(8, _text(1, "evil") + _integer(2, 1)), "operator domain 'evil'")
        self.refused(members, model + _message(7, _message(1, _text(4, "Add") + _text(7, "evil"))), "field 7 in a node")

    def test_graphs_inside(self, members, model):
        body = _message(6, _text(2, "body"))
        self.refused(
            members,
            model + _message(7, _message(1, _text(4, "Add") + _message(5, _text(1, "to") + body))),
            "field 6 in a attribute",
        )
        self.refused(members, model + _message(25, b""), "field 25 in a model")
        self.refused(members, model + _message(14, b""), "field 14 in a model")

    @pytest.mark.parametrize(
        ("location", "offset", "length"),
        [("/etc/passwd", "0", "10"), ("../x", "0", "1"), ("weights.safetensors", "1", "3"), ("weights.safetensors", "", ""), ("weights.safetensors", "-1", "3"), ("weights.safetensors", "9" * 30, "3")],
    )  # fmt: skip
    def test_external_data_elsewhere(self, members, model, location, offset, length):
        entries = {"location": location, "offset": offset, "length": length}
        tensor = b"".join(_message(13, _text(1, key) + _text(2, value)) for key, value in entries.items())
        self.refused(members, model + _message(7, _message(5, tensor + _integer(14, 1))), "external data")

    def test_damage(self, members, model):
        self.refused(members, model[:-1], "not an ONNX model")
        self.refused(members, b"\xff" * 20, "not an ONNX model")
        self.refused(members, _integer(7, 3), "a number in place of a graph")
        self.refused(members, _text(2, "tool"), "producer 'tool'")
        self.refused(members, _integer(1, 8) * 2**18 + _integer(1, 8), "more than 262144 fields")
        self.refused(members, bytes(bundle.MAX_STEP + 1), "bytes, expected at most")

    def test_the_list_is_what_the_lowering_writes(self, monkeypatch):
        """No operator or attribute is allowed that no network needs, and none is forgotten."""
        operators, attributes = set(), set()
        original = OnnxGraph.node

        def spy(self, op, inputs, output, **given):
            operators.add(op)
            attributes.update(given)
            return original(self, op, inputs, output, **given)

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


LIES = [
    None,
    True,
    -1,
    10**39,
    1e308,
    "x",
    "",
    [],
    {},
    [[]],
    [{}],
    {"accuracy": "x"},
    [None],
    [1, "x"],
    {"layers": 3},
]


class TestOutput:
    """A manifest that is valid and lies: no verb may end in a stack trace, and no terminal is driven."""

    @pytest.mark.parametrize("key", ["provenance", "results", "conversion", "producer"])
    def test_free_entries(self, members, key, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        rng = np.random.default_rng(0)
        np.savez(
            tmp_path / "data.npz", images=rng.integers(0, 256, (4, 3, 6, 6)).astype(np.uint8), labels=np.arange(4) % 3
        )
        from spikelet.data import read as read_data

        digest = read_data(tmp_path / "data.npz", "test", (3, 6, 6)).digest
        values = list(LIES)
        known = [
            "data",
            "images",
            "steps",
            "float_accuracy",
            "accuracy",
            "accuracy_before_quantisation",
            "agreement_with_float",
        ]
        if key == "results":
            values += [
                [{"digest": digest, "data": "d", "images": 4, "accuracy": [0.5], "float_accuracy": 0.5} | {name: lie}]
                for name in known
                for lie in LIES
            ]
        if key == "conversion":
            values += [{"layers": [{"layer": "if1", "by_step": lie}]} for lie in LIES]
            values += [{"layers": [lie]} for lie in LIES]
            values += [
                {"layers": [{"layer": "if1", "neurons": 1, "activation": lie, "by_step": [{"steps": lie}]}]}
                for lie in LIES
            ]
        for index, value in enumerate(values[:: 1 if len(values) < 40 else 3]):
            content = put_together(members, **{key: value})
            try:
                decode(content)
            except BundleError:
                continue
            (tmp_path / "x.snnb").write_bytes(content)
            for line in ("inspect x.snnb", "inspect x.snnb --json", "run x.snnb data.npz --steps 1 --engine numpy"):
                assert cli.main(line.split()) in (0, 1), (value, line)
            if index % 6 == 0:  # a page takes longer
                line = "report x.snnb data.npz --steps 2 --engine numpy --no-latency -o x.html --profile cmos45-int8"
                assert cli.main(line.split()) in (0, 1), value
            out = capsys.readouterr()
            assert "Traceback" not in out.err
            assert "\x1b" not in out.out + out.err


def test_the_corpus_is_refused_or_read():
    """Files that once were answered wrongly, or stand for a kind of attack."""
    assert len(CORPUS) >= 20
    for path in CORPUS:
        expected = "read" if path.name.startswith("good-") else "refused"
        try:
            decode(path.read_bytes())
            found = "read"
        except BundleError:
            found = "refused"
        assert found == expected, path.name


@settings(max_examples=300, deadline=None)
@given(source=st.randoms(use_true_random=False))
def test_mutations_that_shrink(source):
    """hypothesis draws every choice of the mutator, so that what it finds becomes the smallest file that does it."""
    mutator = Mutator(0)
    mutator.random = source
    with suppress(BundleError):
        decode(mutator.one()[1])


def test_mutations_are_repeatable():
    one, other = (Mutator(7) for _ in range(2))
    assert [one.one() for _ in range(50)] == [other.one() for _ in range(50)]


class TestFuzz:
    def test_a_bounded_share(self):
        """4,000 mutated bundles under limits of the operating system; `make fuzz` reads a million."""
        if not sys.platform.startswith("linux"):
            pytest.skip("needs Linux")
        done = subprocess.run(
            [sys.executable, str(TESTS / "fuzz.py"), "--count", "4000", "--processes", "2", "--seed", "1"],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(TESTS)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads(done.stdout[done.stdout.index("{") :])
        assert found["files"] == 4000
        assert found["refused"] > 2500
        assert found["read"] > 100, "mutations that no layer refuses are needed too"

    @pytest.mark.parametrize(
        ("plant", "complaint"),
        [
            ("raise ValueError('planted')", "ValueError: planted"),
            ("x = bytearray(80 * 2**20)", "MemoryError"),
            ("open('x', 'w').write('x')", "reached outside: open"),
            ("import socket; socket.socket().connect(('127.0.0.1', 9))", "reached outside: socket"),
            ("import subprocess; subprocess.run(['true'])", "reached outside: subprocess"),
            ("import time; until = time.process_time() + 1.1\n    while time.process_time() < until: pass", "took 1.1"),
            ("open(3, 'w')", "Error"),
        ],
    )
    def test_a_planted_fault_is_noticed(self, plant, complaint):
        if not sys.platform.startswith("linux"):
            pytest.skip("needs Linux")
        script = (
            "import fuzz\nfound = []\nclass Pipe:\n    def send(self, message): found.append(message)\n    def close(self): pass\n"
            "good = fuzz.judge\ndef decode(content):\n    " + plant + "\n"
            "start = fuzz._watch\nimport sys\nhook = sys.addaudithook\n"
            "def plant(given):\n    hook(given)\n    fuzz.decode = decode\n"
            "sys.addaudithook = plant\nfuzz._work('0', 1, Pipe())\nprint(found[0][1])\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(TESTS)}
        )
        assert complaint in done.stdout, done.stdout + done.stderr
